"""The methods as teachers: their folders, flags, sources and results."""

import argparse
import hashlib
import importlib
import inspect
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hubconf

HERE = Path(__file__).resolve().parent
WEIGHTS = HERE / "weights"
NOT_OF_RESULTS = {"weights", "device", "tile", "output", "verbose", "skip_existing"}


class InputError(ValueError):
    """What the user gave cannot be used; the message names it and the flag that mends it."""


@contextmanager
def modules_of(folder: Path) -> Iterator[None]:
    """Let `utils` and `run_fusion` be those of a method's folder, and its `InputError` be ours."""
    with hubconf._only(folder):
        theirs = importlib.import_module("utils.utils").InputError
        try:
            yield
        except theirs as error:
            raise InputError(str(error)) from error


def run_main(main: Callable[[], int | None]) -> None:
    """Run a script; bad input ends in one line on stderr and exit status 1."""
    try:
        sys.exit(main())
    except (InputError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def names() -> list[str]:
    """Return the methods, as the hub calls them."""
    return [folder.name.rpartition("_")[0].lower() for folder in hubconf._FOLDERS]


def training_folder() -> Path:
    """Return a folder with the shared code that students are trained by."""
    return next(f for f in hubconf._FOLDERS if (f / "utils/common/resume.py").is_file())


def add_teacher_flag(parser: Any, default: str | None) -> None:
    """Add `--teacher`."""
    parser.add_argument(
        "--teacher",
        choices=names(),
        default=default,
        required=default is None,
        help="method whose images are wanted",
    )


class Teacher:
    """A method.

    Attributes:
        name: As the hub calls it.
        folder: Its folder.
        kinds: What it fuses, by name, the first one first.
        demo: Sets of images that the folder holds.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = hubconf._FOLDERS[names().index(name)]
        with modules_of(self.folder):
            self.script = importlib.import_module("run_fusion")
        self.demo = self.script.DEMO
        self.kinds = {each.kind.name: each.kind for each in self.demo}

    @property
    def weights(self) -> Path:
        """Where its student's weights lie."""
        return WEIGHTS / self.name / "model.safetensors"

    def parse(self, flags: str) -> argparse.Namespace:
        """Return flags of its `run_fusion.py`, for results that may be made in several runs.

        Raises:
            InputError: flags that name sources or bring them together.
        """
        words = shlex.split(flags)
        args: argparse.Namespace = self.script.build_parser().parse_args(words)
        named = [flag for kind in self.kinds.values() for flag in (*kind.flags, kind.set_flag)]
        given = [
            flag
            for flag in (*named, "images", "pairs", "output", "shard", "register_from")
            if flag and getattr(args, flag, None) is not None
        ]
        if getattr(args, "register", "none") != "none":
            given.append("register")
        if given:
            raise InputError(
                f"--teacher_flags cannot have --{given[0]}: sources are registered and named by "
                "--data, and results have a place of their own"
            )
        args.color, args.skip_existing = False, True
        return args

    def key(self, args: argparse.Namespace, weights: Path) -> str:
        """Return a name for results with these weights, and settings that differ from the usual."""
        usual = vars(self.script.build_parser().parse_args([]))
        settings = {
            name: str(value)
            for name, value in vars(args).items()
            if value != usual[name] and name not in NOT_OF_RESULTS
        }
        text = json.dumps([sha256(weights), settings], sort_keys=True)
        return f"{self.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def own_flags(self) -> list[str]:
        """Return the settings that no other method has; call it in `modules_of`."""
        fusion = importlib.import_module("utils.util_fusion").ImageFusion
        shared = importlib.import_module("utils.common.tiled_fusion").FusionOptions
        others = {"weights", "model", "options", *shared.__annotations__}
        return [name for name in inspect.signature(fusion).parameters if name not in others]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
