"""BFFR's segmenter: `cd BFFR_2022 && python -m benchmark.segmentation.BFFR_2022 JOB.json`.

A job trains one segmenter, unless that is done, and writes what it predicts for some images.
Configs, training loop, resumption and sliding windows are those of the method's folder.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from utils.common.files import write_atomically
from utils.common.image import read_image
from utils.util_mmengine import STAGE2, choose_device, load_config
from utils.util_resume import newest_checkpoint, stage_folder
from utils.util_segment import Segmenter
from utils.util_train import export_weights, stage_of, train_stage
from utils.utils import run_main

NO_VALIDATION = ("val_dataloader", "val_cfg", "val_evaluator")


def options(job: dict[str, Any]) -> dict[str, Any]:
    """Return the entries of the config of stage 2 that a job changes.

    The segmenter sees the visible image of the set, in whose place the set has the row's image.
    """
    crop, iterations, warmup = tuple(job["crop"]), job["iterations"], job["warmup"]
    return {
        "model.fusion": "visible",
        "model.pretrained_segmenter": job["pretrained_backbone"],
        "model.data_preprocessor.size": crop,
        "randomness.seed": job["seed"],
        "train_dataloader.batch_size": job["batch"],
        "train_dataloader.num_workers": 0,
        "train_dataloader.persistent_workers": False,
        "train_dataloader.dataset.data_root": job["data"],
        "train_dataloader.dataset.seed": job["seed"],
        "train_dataloader.dataset.flag": "--data",
        "train_cfg.max_iters": iterations,
        "optim_wrapper.optimizer.lr": job["lr"],
        "param_scheduler.0.end": warmup,
        "param_scheduler.1.begin": warmup,
        "param_scheduler.1.end": iterations,
        "default_hooks.checkpoint.interval": job["checkpoint_interval"],
        "default_hooks.checkpoint.save_best": None,
        "default_hooks.logger.interval": min(50, iterations),
    }


def train(job: dict[str, Any], run: Path) -> Path:
    """Train a segmenter, or go on where a training was cut, and return its weights.

    They are the last ones: nothing is chosen by the images of the test.
    """
    weights = run / "checkpoints" / "segmenter.safetensors"
    if weights.is_file():
        return weights
    config = load_config(STAGE2, options(job))
    for name in NO_VALIDATION:
        config[name] = None
    pipeline = {transform.type: transform for transform in config.train_dataloader.dataset.pipeline}
    pipeline["RandomResize"].scale = tuple(job["size"])
    pipeline["RandomCrop"].crop_size = tuple(job["crop"])
    stage = stage_of(config)
    train_stage(config, run, newest_checkpoint(stage_folder(run, stage)))
    if not weights.is_file():  # the run was cut between its last checkpoint and this file
        export_weights(run, stage)
    shutil.rmtree(stage_folder(run, stage))
    return weights


def predict(segmenter: Segmenter, images: dict[str, str], output: Path) -> None:
    """Write the class ids of each image as `<scene>.png`, 8 bits, into a folder."""
    output.mkdir(parents=True, exist_ok=True)
    for scene, path in tqdm(images.items(), unit="image"):
        labels = cv2.imencode(".png", segmenter.segment(read_image(Path(path))))[1].tobytes()
        write_atomically(output / f"{scene}.png", lambda file, data=labels: file.write(data))


def main(args: argparse.Namespace) -> None:
    """Do the job."""
    job = json.loads(args.job.read_text("utf-8"))
    choose_device(job["device"])
    device = "auto" if job["device"].startswith("cuda") else job["device"]  # only it is visible now
    segmenter = Segmenter(train(job, Path(job["run"])), device=device)
    for test in job["tests"]:
        predict(segmenter, test["images"], Path(test["output"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a segmenter and write its predictions.")
    parser.add_argument("job", type=Path, help="JSON file that benchmark.segmentation writes")
    run_main(main, parser.parse_args())
