"""Compare training steps on fixed and on fresh patches: `python speed_patches.py` prints JSON."""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn
from torch.optim import Optimizer

import configs
from models.DenseNet import DenseNet
from speed import make_measure, make_pairs
from utils.common.flags import FlagParser, positive_int
from utils.common.training_flags import PRECISIONS
from utils.util_dataset import split_task
from utils.util_device import keep_freed_memory, resolve_device, set_threads
from utils.util_ewc import ElasticWeights
from utils.util_tasks import Task, TaskLosses
from utils.util_train import build_accelerator, build_scheduler, prepare, train_one_epoch
from utils.utils import run_main
from utils.vgg import InformationMeasure

FORMS = {"fixed": (), "fresh": ("--fresh_patches",)}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(description="Time epochs of training on fixed and fresh patches in turn.")
    parser.add_argument("--device", default="cpu", help="auto, cpu, cuda, cuda:N or mps")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads, 0 for one a core")
    parser.add_argument("--precision", choices=tuple(PRECISIONS), default="fp32", help="arithmetic")
    parser.add_argument("--rounds", type=positive_int, default=5, help="epochs of each form")
    parser.add_argument("--steps", type=positive_int, default=4, help="steps in each epoch")
    return parser.parse_args(argv)


def build(
    form: str, data: Path, steps: int, accelerator: Accelerator, vgg: InformationMeasure
) -> Callable[[int], object]:
    """Return what trains one epoch as `run_train.py` does, with fixed patches measured before."""
    flags = ["--image_path", str(data), "--val_fraction", "0", "--output", "False", *FORMS[form]]
    settings = configs.parse_args(flags)
    settings.patches = steps * settings.batch_size
    device = accelerator.device
    losses = TaskLosses(settings, accelerator, vgg.to(device), ElasticWeights(device))
    task = Task("ivif", settings.c_ivif, *split_task("ivif", [data], settings))
    losses.measure_once(task)
    model: nn.Module = DenseNet().to(device)
    optimizer: Optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr)
    model, optimizer, loader, _ = prepare(
        accelerator, model, optimizer, task.train_set, None, settings.batch_size, 0
    )
    scheduler = build_scheduler(optimizer, len(loader), settings)

    def train(epoch: int) -> object:
        total = partial(losses.total, task, model)
        return train_one_epoch(
            model, loader, total, optimizer, scheduler, accelerator, epoch, title=""
        )

    return train


def compare(args: argparse.Namespace) -> dict[str, float]:
    """Return steps in each second for both forms, medians of epochs that take turns."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        make_pairs(Path(folder))
        accelerator = build_accelerator(resolve_device(args.device), args.precision, seed=0)
        vgg = make_measure()
        trainings = {
            form: build(form, Path(folder), args.steps, accelerator, vgg) for form in FORMS
        }
        seconds: dict[str, list[float]] = {form: [] for form in FORMS}
        for epoch in range(args.rounds + 1):
            for form, train in trainings.items():
                start = time.perf_counter()
                train(epoch)
                seconds[form].append((time.perf_counter() - start) / args.steps)
    timed = {form: values[1:] for form, values in seconds.items()}  # the first one warms up
    ratios = [b / a for a, b in zip(timed["fixed"], timed["fresh"], strict=True)]
    rates = {form: round(1 / statistics.median(values), 3) for form, values in timed.items()}
    return {**rates, "ratio": round(statistics.median(ratios), 2)}


def main(args: argparse.Namespace) -> None:
    """Print the figures."""
    keep_freed_memory()
    set_threads(args.threads)
    print(json.dumps({"steps_per_second": compare(args), "precision": args.precision}, indent=2))


if __name__ == "__main__":
    run_main(main, parse_args())
