"""Scripts called in this process, which saves the seconds that a process needs to import torch."""

import io
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

import run_train
from configs import parse_args
from utils import util_tools, util_train
from utils.utils import run_main


class Outcome(NamedTuple):
    """The exit status of a script, and what it printed on stdout and stderr."""

    status: int
    out: str
    err: str


def call(main: Callable[[], int | None]) -> Outcome:
    """Run a script's main function; tracebacks come through."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as stopped:
        run_main(lambda _: main(), Namespace())
    code = stopped.value.code
    if isinstance(code, str):  # the interpreter prints words and exits with 1
        return Outcome(1, out.getvalue(), f"{err.getvalue()}{code}\n")
    return Outcome(code or 0, out.getvalue(), err.getvalue())


@contextmanager
def method_in(folder: Path) -> Iterator[None]:
    """Let scripts read relative paths from a folder, write into it, and see no GPU.

    mmengine formats a config whenever it saves it, which takes half of a short training's time;
    here its text is unformatted. It also gives runs that begin in the same second one visualizer,
    whose curves go to the first of their folders; here each call has its own.
    """
    from mmengine.config import Config
    from mmengine.visualization import Visualizer

    folder.mkdir(parents=True, exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        patch.setattr(util_train, "HERE", folder)
        patch.setattr(util_train, "RUNS", folder / "runs")
        patch.setattr(util_tools, "HERE", folder)
        patch.setattr(Config, "pretty_text", property(repr))
        patch.setattr(Visualizer, "_instance_dict", {})
        yield


def call_train(folder: Path, *words: object) -> Outcome:
    """Run `run_train.py` as if its method were in a folder."""
    with method_in(folder):
        return call(lambda: run_train.main(parse_args(list(map(str, words)))))


def call_tool(folder: Path, *words: object) -> Outcome:
    """Run a command of `utils.util_tools` as if its method were in a folder."""
    with method_in(folder):
        return call(lambda: util_tools.main(list(map(str, words))))


def relative_config(words: Sequence[str]) -> list[str]:
    """Return words of a command with the method's own configs as absolute paths."""
    here = Path(__file__).resolve().parents[1]
    return [str(here / word) if word.startswith("configs/") else word for word in words]
