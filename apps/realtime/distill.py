"""Train a student: `python -m apps.realtime.distill --teacher u2fusion --data SET ...`."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from apps.realtime.crops import CropSet, Sample
from apps.realtime.lessons import Taught, learn_from
from apps.realtime.losses import distances, pictures_of
from apps.realtime.models import CHANNELS, LAYERS, Student
from apps.realtime.teacher import (
    HERE,
    InputError,
    Teacher,
    add_teacher_flag,
    modules_of,
    run_main,
    training_folder,
)

RUNS = HERE / "runs"
TRY_STEPS = 400  # by then a student that learns is nearer than the average
RISE = 0.2  # dB: by at least so much; stuck ones differ by some hundredths
CLIP = 1.0  # of the gradient's norm


def build_parser() -> Any:
    """Return the parser; call it in `modules_of`."""
    from utils.common.flags import (
        BooleanFlag,
        FlagParser,
        fraction,
        natural_int,
        positive_float,
        positive_int,
    )
    from utils.common.training_flags import add_console_flags, add_training_flags

    parser = FlagParser(
        prog="python -m apps.realtime.distill",
        description="Train a small network to give a method's images at video rate.",
    )
    teacher = parser.add_flag_group("teacher")
    add_teacher_flag(teacher, None)
    teacher.add_argument(
        "--teacher_flags",
        default="",
        metavar="FLAGS",
        help='flags of its run_fusion.py, such as "--levels 3"; with a single word: '
        "--teacher_flags=--word",
    )
    teacher.add_argument(
        "--kind", help="kind of sources, such as pair or exposures; by default its first one"
    )
    student = parser.add_flag_group("student")
    student.add_argument(
        "--whole",
        action=BooleanFlag,
        default=None,
        help="give the student statistics of the whole image; by default if the teacher needs such "
        "statistics or its receptive radius is over 40 pixels",
    )
    student.add_argument(
        "--channels",
        type=positive_int,
        default=CHANNELS,
        help="maps of each layer; fewer are faster, and further from the teacher",
    )
    student.add_argument(
        "--layers",
        type=natural_int,
        default=LAYERS,
        help="layers between the first and the last",
    )
    data = parser.add_flag_group("data")
    data.add_argument(
        "--data",
        type=Path,
        nargs="+",
        required=True,
        help="sets of sources, as the teacher's run_fusion.py pairs them, or lists of them (.csv) "
        "as for its --pairs",
    )
    data.add_argument(
        "--val_fraction",
        type=fraction,
        default=0.05,
        help="share of the pairs to validate on instead of training on them",
    )
    data.add_argument(
        "--crop_size", type=positive_int, default=128, help="side of a crop without margin, pixels"
    )
    data.add_argument("--crops", type=positive_int, default=1600, help="crops in each epoch")
    data.add_argument(
        "--edge_weight",
        type=positive_float,
        default=4.0,
        help="weight in the loss of the four outermost pixels of an image; all others have 1",
    )
    data.add_argument(
        "--runs",
        type=Path,
        default=RUNS,
        help="folder of the runs, and in targets/ of the teacher's results",
    )
    training = add_training_flags(
        parser, batch_size=8, num_epochs=40, lr=1.5e-3, source="tried with U2Fusion"
    )
    training.add_argument(
        "--beta2", type=fraction, default=0.99, help="decay of Adam's squares of gradients"
    )
    parser.set_defaults(lr_schedule="cosine", warmup_steps=300)
    add_console_flags(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Make the teacher's results, then train."""
    with modules_of(training_folder()):
        args = build_parser().parse_args(argv)
    for place in args.data:
        if not place.exists():
            raise InputError(f"no such set or list: {place} (--data)")
    teacher = Teacher(args.teacher)
    taught = learn_from(
        teacher,
        args.data,
        args.kind,
        args.teacher_flags,
        args.runs / "targets",
        args.device,
    )
    with modules_of(training_folder()):
        train(args, taught)


def train(args: argparse.Namespace, taught: Taught) -> None:
    """Train a student; call it in `modules_of`."""
    from utils.common.resume import RunState, open_or_resume
    from utils.util_train import (
        build_scheduler,
        first_samples,
        prepare,
        start_process,
        train_one_epoch,
        validate,
    )

    accelerator = start_process(args, build_parser())  # allocator, seed, banner
    whole = taught.looks_at_whole if args.whole is None else args.whole
    student = Student(whole, args.channels, args.layers)
    train_set, val_set = split(args, taught, student)
    model: nn.Module = student
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=args.lr, betas=(0.9, args.beta2))

    def clip(*_: Any) -> None:
        nn.utils.clip_grad_norm_(parameters, CLIP)

    optimizer.register_step_pre_hook(clip)
    model, prepared, train_loader, val_loader = prepare(
        accelerator, model, optimizer, train_set, val_set, args.batch_size, args.num_workers
    )
    scheduler = build_scheduler(prepared, len(train_loader), args, accelerator.num_processes)
    examples = first_samples(val_set or train_set, accelerator.device, 4)

    def losses(sample: Sample) -> dict[str, Tensor]:
        return distances(model, sample)

    def pictures() -> dict[str, Tensor]:  # for TensorBoard
        return pictures_of(model, examples)

    average = Student(whole, args.channels, args.layers).to(accelerator.device)  # last layer: zero
    average_psnr = validate(
        average, val_loader, lambda sample: distances(average, sample), accelerator, -1
    ).get("psnr")
    state = RunState(model, prepared, scheduler, len(train_loader))
    about = {"method": "realtime", **taught.about}
    with open_or_resume(args, state, load_into, accelerator, args.runs, about) as run:
        for epoch in range(state.next_epoch, args.num_epochs):
            lr = scheduler.get_last_lr()[0]
            title = f"Epoch [{epoch + 1}/{args.num_epochs}]" if args.output else ""
            trained = train_one_epoch(
                model, train_loader, losses, prepared, scheduler, accelerator, epoch, title
            )
            validated = validate(model, val_loader, losses, accelerator, epoch)
            run.log(epoch, trained, validated, lr, pictures)
            run.save(epoch, (validated or trained)["loss"])
            if average_psnr is not None:
                found = f"PSNR to the teacher {validated['psnr']:.2f} dB"
                accelerator.print(f"{found}, of the average {average_psnr:.2f} dB")
                check_rise(epoch, len(train_loader), validated["psnr"], average_psnr)
    accelerator.end_training()


def check_rise(epoch: int, steps: int, psnr: float, average: float) -> None:
    """Stop a student that has learned nothing in the first steps; some never leave the average.

    Args:
        epoch: The one that is done, counted from 0.
        steps: In each epoch.
        psnr: On the validation set, in dB.
        average: That of the plain average.

    Raises:
        InputError: see above.
    """
    before, done = epoch * steps, (epoch + 1) * steps
    if before < TRY_STEPS <= done and psnr < average + RISE:
        raise InputError(
            f"after {done} steps the student is at {psnr:.2f} dB, the plain average at "
            f"{average:.2f} dB; such runs do not recover: try a lower --lr or another --seed"
        )


def split(
    args: argparse.Namespace, taught: Taught, student: Student
) -> tuple[CropSet, CropSet | None]:
    """Return the crops to train on, and those of other pairs to validate on, if any."""
    from utils.common.split import hold_out

    lessons = taught.lessons
    kept, held = hold_out(lessons, len(lessons), args.val_fraction, args.seed, "pairs")
    margin, whole = student.receptive_radius, student.looks_at_whole
    train_set = CropSet(
        kept, args.crop_size, args.crops, margin, args.edge_weight, whole, seed=args.seed
    )
    if not held:
        return train_set, None
    return train_set, CropSet(held, args.crop_size, 8 * len(held), margin, 1.0, whole, fixed=True)


def load_into(network: Any, state: Mapping[str, Any], path: Path) -> str:
    """Copy the weights of a student into a network."""
    from utils.common.checkpoint import copy_weights, summary_of, tensors_of
    from utils.utils import InputError as SharedError

    tensors, own = tensors_of(state), network.state_dict()
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in own.items()}:
        raise SharedError(f"{path} is no student's: {summary_of(state)}")
    copy_weights(own, tensors, path)
    return "a student"


if __name__ == "__main__":
    run_main(main)
