# From common_code/runs/utils/common/run_folder.py; edit it there, then tools/sync.py.
"""A training run's folder, and what the run says about itself."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from utils import HERE
from utils.common.files import clear_leftovers, write_atomically
from utils.common.flags import FlagParser
from utils.utils import InputError

FREE_ON_RESUME = {  # the last two were flags of earlier versions
    "resume_path",
    "num_epochs",
    "device",
    "num_workers",
    "output",
    "threads",
    "train_num_typed",
}
LABELS = {"gray": "gray_images", "lr": "learning rate"}  # as the original repositories print them


def print_banner(parser: FlagParser, args: argparse.Namespace) -> None:
    """Print every flag's value, group by group, as the original repositories do."""
    print("==================hyper-parameters==================")
    for group in parser.groups:
        print(f"----------{group.title}----------")
        for name in (action.dest for action in group.actions):
            print(f"{LABELS.get(name, name)}: {_as_text(getattr(args, name))}")
    print("==================hyper-parameters==================")


def _as_text(value: Any) -> str:
    """Return a flag's value as one would type it."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def announce_demo(
    folders: Sequence[Path],
    flag: str = "--image_path",
    say: Callable[[str], object] = print,
) -> None:
    """Print a line if the images to train on are those of the bundled demo.

    Args:
        folders: What to train on.
        flag: The one that names other folders.
        say: Prints, in one process only.
    """
    bundled = [str(path) for path in folders if path.is_relative_to(HERE / "demo")]
    if bundled:
        say(f"Training on the demo images in {', '.join(bundled)}; name your own with {flag}")


def make_run_folder(root: Path) -> Path:
    """Make and return `root/train_MM-DD_HH-MM/{checkpoints,logs}`, with `-2`, `-3` if taken."""
    name = datetime.now().strftime("train_%m-%d_%H-%M")
    root.mkdir(parents=True, exist_ok=True)
    count = 1
    while True:
        run = root / (name if count == 1 else f"{name}-{count}")
        try:
            run.mkdir()
        except FileExistsError:
            count += 1
            continue
        (run / "checkpoints").mkdir()
        (run / "logs").mkdir()
        return run


def check_same_settings(
    args: argparse.Namespace,
    started_with: Mapping[str, Any],
    free: Collection[str] = FREE_ON_RESUME,
) -> None:
    """Refuse to go on with a run under other settings than it was started with.

    Raises:
        InputError: a setting differs that is not among the `free` ones.
    """
    now = plain_arguments(args)
    changed = [k for k, v in started_with.items() if k not in free and now.get(k) != v]
    if changed:
        were = ", ".join(f"--{name} {started_with[name]} (now {now.get(name)})" for name in changed)
        raise InputError(
            f"--resume_path goes on with a run that was started with {were}; repeat its flags, "
            "they are in its args.json, or give its best.safetensors to start a new run from"
        )


def plain_arguments(args: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments as plain types, which `weights_only` reading accepts."""
    return json.loads(json.dumps(vars(args), default=str))


def git_revision() -> str:
    """Return the revision of the checkout, with `+` if files differ from it, or `unknown`."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"]
    try:
        answer = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()


def open_run(run: Path | None, root: Path, args: argparse.Namespace) -> Path:
    """Return `run`, or a new folder below `root`, with `args.json` in it.

    That file holds the arguments, the git revision and the versions of Python and PyTorch.
    Temporary files of a process that was killed are deleted.
    """
    run = run or make_run_folder(root)
    for folder in (run, run / "checkpoints"):
        clear_leftovers(folder)
    about = {
        "arguments": plain_arguments(args),
        "git_revision": git_revision(),
        "python": sys.version.split()[0],
        "torch": str(torch.__version__),
    }
    text = json.dumps(about, indent=2) + "\n"
    write_atomically(run / "args.json", lambda file: file.write(text.encode()))
    print(f"TensorBoard ready, folder: {run / 'logs'}")
    print(f"Watch the training with: tensorboard --logdir={root}")
    return run
