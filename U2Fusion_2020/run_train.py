"""Train U2Fusion: `python run_train.py --image_path SET`; see --help for every setting."""

import argparse
from copy import deepcopy
from functools import partial

from accelerate import Accelerator
from torch import nn

from configs import build_parser, parse_args, sets_of_tasks
from models.DenseNet import DenseNet
from utils import HERE
from utils.common.run import prepare_training, read_resumed, resume, start_process
from utils.common.run_folder import open_run
from utils.util_dataset import split_task
from utils.util_ewc import ElasticWeights
from utils.util_loss import check_crop_size
from utils.util_tasks import Task, TaskLosses
from utils.util_train import Training, fit
from utils.util_weights import load_into
from utils.utils import InputError, run_main
from utils.vgg import InformationMeasure


def build_training(
    args: argparse.Namespace,
    accelerator: Accelerator,
    task: Task,
    model: nn.Module,
    losses: TaskLosses,
) -> Training:
    """Return data, model, optimiser and losses of a task, ready for the device."""
    losses.measure_once(task)
    training = prepare_training(
        args,
        accelerator,
        (task.train_set, task.val_set),
        model,
        partial(losses.total, task),
        partial(losses.pictures, task),
        about={"method": "U2Fusion_2020", "tasks": " ".join(args.tasks)},
    )
    training.keeps = losses.memory
    training.next_epoch = losses.memory.epochs
    training.num_epochs = losses.memory.epochs + args.num_epochs
    return training


def main(args: argparse.Namespace) -> None:
    """Train as `args` says, task after task."""
    check_crop_size(args.crop_size)
    if not args.gray:
        raise InputError("--gray False: the network takes luma; run_fusion.py keeps the colour")
    sets = sets_of_tasks(args)
    accelerator = start_process(args, build_parser())
    tasks = [
        Task(name, getattr(args, f"c_{name}"), *split_task(name, folders, args))
        for name, folders in sets.items()
    ]
    measure = InformationMeasure.load(args.vgg_weights, args.vgg_convention).to(accelerator.device)
    accelerator.print(f"Information by {measure.name}")
    state, run = read_resumed(args), None
    memory = ElasticWeights(accelerator.device)
    if state and "keeps" in state:
        memory.load_state_dict(state["keeps"])
    losses = TaskLosses(args, accelerator, measure, memory)
    model = DenseNet().to(accelerator.device)  # as the last task left it, in full precision
    for number in range(memory.finished, len(tasks)):
        task, done = tasks[number], tasks[: number + 1]
        accelerator.print(f"Task {number + 1} of {len(tasks)}: {task.name}")
        training = build_training(args, accelerator, task, deepcopy(model), losses)
        run = resume(training, state, args, load_into) or run
        state = None
        if accelerator.is_main_process:
            run = training.run = open_run(run, HERE / "runs", args)
        fit(training)
        model.load_state_dict(accelerator.unwrap_model(training.model).state_dict())
        kept = [f"{name} {loss:.6f}" for name, loss in losses.validate(model, done).items()]
        accelerator.print(f"Loss after {task.name}: {', '.join(kept) or 'not validated'}")
        if number + 1 < len(tasks):
            samples = losses.fisher_samples(done)
            memory.finish_task(model, training.next_epoch, samples, losses.fisher_loss)
        accelerator.free_memory()
    accelerator.end_training()


if __name__ == "__main__":
    run_main(main, parse_args())
