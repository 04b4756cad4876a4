"""Train U2Fusion: `python run_train.py --image_path SET`; see --help for every setting."""

import argparse
from copy import deepcopy

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from configs import build_parser, flags_of_sets, parse_args, sets_of_tasks
from models.DenseNet import DenseNet
from utils import HERE
from utils.common.resume import Run, RunState, open_or_resume, read_extra_state
from utils.common.run_folder import announce_demo
from utils.util_dataset import split_task
from utils.util_ewc import ElasticWeights
from utils.util_loss import check_crop_size
from utils.util_tasks import Task, TaskLosses
from utils.util_train import (
    build_scheduler,
    first_samples,
    prepare,
    start_process,
    train_one_epoch,
    validate,
)
from utils.util_weights import load_into
from utils.utils import run_main
from utils.vgg import InformationMeasure

Batch = dict[str, Tensor]


def main(args: argparse.Namespace) -> None:
    """Train one network on task after task; elastic weights keep what the earlier ones need."""
    check_crop_size(args.crop_size)
    sets = sets_of_tasks(args)
    accelerator = start_process(args, build_parser())  # allocator, seed, banner
    every = [folder for folders in sets.values() for folder in folders]
    announce_demo(every, flags_of_sets(args), accelerator.print)

    tasks = [
        Task(name, getattr(args, f"c_{name}"), *split_task(name, folders, args))
        for name, folders in sets.items()
    ]
    measure = InformationMeasure.load(args.vgg_weights, args.vgg_convention).to(accelerator.device)
    accelerator.print(f"Information by {measure.name}")
    memory = ElasticWeights(accelerator.device)
    if known := read_extra_state(args.resume_path):
        memory.load_state_dict(known)
    task_losses = TaskLosses(args, accelerator, measure, memory)
    network = DenseNet().to(accelerator.device)

    run = None
    for number in range(memory.finished, len(tasks)):
        task, done = tasks[number], tasks[: number + 1]
        accelerator.print(f"Task {number + 1} of {len(tasks)}: {task.name}")
        run = train_task(args, accelerator, network, task, task_losses, memory, run)
        found = [f"{name} {loss:.6f}" for name, loss in task_losses.validate(network, done).items()]
        accelerator.print(f"Loss after {task.name}: {', '.join(found) or 'not validated'}")
        if number + 1 < len(tasks):
            samples = task_losses.fisher_samples(done)
            memory.finish_task(network, run.state.next_epoch, samples, task_losses.fisher_loss)
        accelerator.free_memory()
    accelerator.end_training()  # a process group that is left open can abort the exit


def train_task(
    args: argparse.Namespace,
    accelerator: Accelerator,
    network: nn.Module,
    task: Task,
    task_losses: TaskLosses,
    memory: ElasticWeights,
    previous: Run | None,
) -> Run:
    """Train the network on a task, in the run of the previous task if there is one."""
    task_losses.measure_once(task)
    model: nn.Module = deepcopy(network)  # `network` stays as it is: alone, in full precision
    optimizer: Optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    model, optimizer, train_loader, val_loader = prepare(
        accelerator,
        model,
        optimizer,
        task.train_set,
        task.val_set,
        args.batch_size,
        args.num_workers,
    )
    scheduler = build_scheduler(optimizer, len(train_loader), args, accelerator.num_processes)
    examples = first_samples(task.val_set or task.train_set, accelerator.device)

    def losses(batch: Batch) -> dict[str, Tensor]:  # of the task, and of forgetting others
        return task_losses.total(task, model, batch)

    def pictures() -> dict[str, Tensor]:  # for TensorBoard
        return task_losses.pictures(task, model, examples)

    state = RunState(  # what a checkpoint holds
        model, optimizer, scheduler, len(train_loader), memory, next_epoch=memory.epochs
    )
    about = {"method": "U2Fusion_2020", "tasks": " ".join(args.tasks)}
    with open_or_resume(args, state, load_into, accelerator, HERE / "runs", about, previous) as run:
        end = memory.epochs + args.num_epochs
        for epoch in range(state.next_epoch, end):
            lr = scheduler.get_last_lr()[0]
            title = f"Epoch [{epoch + 1}/{end}]" if args.output else ""
            trained = train_one_epoch(
                model, train_loader, losses, optimizer, scheduler, accelerator, epoch, title
            )
            validated = validate(model, val_loader, losses, accelerator, epoch)
            run.log(epoch, trained, validated, lr, pictures)
            run.save(epoch, (validated or trained)["loss"])
    network.load_state_dict(state.network.state_dict())
    return run


if __name__ == "__main__":
    run_main(main, parse_args())
