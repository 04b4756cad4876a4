# From common_code/training/tests/behavior/test_flags.py; edit it there, then tools/sync.py.
"""Every flag of both scripts means what it says. What is the method's own is in tests/flags.py."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import configs
import run_fusion
from tests import flags
from utils.common.shard import Shard

Parse = Callable[[Sequence[str]], argparse.Namespace]

TRAIN = {  # each with words and what they mean
    "image_path": ("a b", [Path("a"), Path("b")]),
    "train_num": ("12", 12),
    "val_fraction": ("0.2", 0.2),
    "crop_size": ("96", 96),
    "device": ("cuda:1", "cuda:1"),
    "batch_size": ("3", 3),
    "num_epochs": ("5", 5),
    "num_workers": ("2", 2),
    "lr": ("3e-3", 3e-3),
    "scale_lr": ("True", True),
    "lr_schedule": ("cosine", "cosine"),
    "lr_decay": ("0.5", 0.5),
    "warmup_steps": ("7", 7),
    "precision": ("bf16", "bf16"),
    "seed": ("9", 9),
    "resume_path": ("runs/x", Path("runs/x")),
    "output": ("False", False),
    **flags.TRAIN,
}
FUSION = {
    "images": ("a b c", [Path("a"), Path("b"), Path("c")]),
    "output": ("x/y", Path("x/y")),
    "overwrite": ("", True),
    "verbose": ("", True),
    "allow_unmatched": ("", True),
    "weights": ("w.pth", Path("w.pth")),
    "color": ("False", False),
    "stretch": ("minmax", "minmax"),
    "device": ("cuda:1", "cuda:1"),
    "precision": ("bfloat16", "bfloat16"),
    "tile": ("0", 0),
    "start": ("5", 5),
    "frames": ("9", 9),
    "pairs": ("a.csv b.csv", [Path("a.csv"), Path("b.csv")]),
    "skip_existing": ("", True),
    "max_failures": ("3", 3),
    "shard": ("2/8", Shard(2, 8)),
    **flags.FUSION,
}
FLAGS = [(configs.parse_args, name, *case) for name, case in TRAIN.items()]
FLAGS += [(run_fusion.parse_args, name, *case) for name, case in FUSION.items()]


@pytest.mark.parametrize(("parse", "name", "words", "value"), FLAGS)
def test_flag(parse: Parse, name: str, words: str, value: Any) -> None:
    assert getattr(parse([f"--{name}", *words.split()]), name) == value
    if words and " " not in words:
        assert getattr(parse([f"--{name}={words}"]), name) == value
    assert getattr(parse([]), name) != value


def test_no_flag_is_left_out() -> None:
    assert set(vars(configs.parse_args([]))) == set(TRAIN)
    assert set(vars(run_fusion.parse_args([]))) == set(FUSION)


def test_defaults_are_those_of_the_paper_and_the_original_repository() -> None:
    args = vars(configs.parse_args([]))
    expected = {"device": "auto", "num_workers": 0, "resume_path": None, "output": True}
    expected |= flags.DEFAULTS
    assert {name: args[name] for name in expected} == expected


@pytest.mark.parametrize("name", ["output", "scale_lr", *flags.SWITCHES])
@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("--X", True),
        ("--no-X", False),
        ("--X True", True),
        ("--X False", False),
        ("--X=False", False),
        ("--no-X --X", True),
    ],
)
def test_switches_of_training(name: str, words: str, value: bool) -> None:
    assert getattr(configs.parse_args(words.replace("X", name).split()), name) is value


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("", True),
        ("--color", True),
        ("--no-color", False),
        ("--color False", False),
        ("--gray", False),
        ("--gray True", False),
        ("--gray False", True),
    ],
)
def test_color_of_fusing(words: str, value: bool) -> None:
    assert run_fusion.parse_args(words.split()).color is value


SCREEN = 60  # lines
WRONG_TRAINING = {
    "--output maybe": "say --output True or False",
    "--output false": "say --output True or False",
    "--no-output True": "say --output True or False",
    "--image_path": "expected at least one argument",
    "--batch_size 0": "0 is not at least 1",
    "--train_num -3": "-3 is not at least 1",
    "--crop_size big": "invalid positive_int",
    "--num_epochs 1.5": "invalid positive_int",
    "--val_fraction 1": "1 is not in [0, 1)",
    "--num_workers -1": "-1 is below 0",
    "--warmup_steps -1": "-1 is below 0",
    "--lr 0": "0 is not a finite number above 0",
    "--lr nan": "nan is not a finite number above 0",
    "--precision int8": "invalid choice: 'int8'",
    "--image_pat x": "unrecognized arguments",
    "--learning_rate 1": "unrecognized arguments",
    **flags.WRONG_TRAINING,
}
WRONG_FUSION = {
    "--tile -1": "-1 is below 0",
    "--stretch some": "invalid choice: 'some'",
    "--no-gray": "unrecognized arguments",
    "--start -1": "-1 is below 0",
    "--frames 0": "0 is not at least 1",
    **flags.WRONG_FUSION,
}
WRONG = [(configs.parse_args, *case) for case in WRONG_TRAINING.items()]
WRONG += [(run_fusion.parse_args, *case) for case in WRONG_FUSION.items()]


@pytest.mark.parametrize(("parse", "words", "message"), WRONG)
def test_wrong_words_are_errors(
    parse: Parse, words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse(words.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("parse", [configs.parse_args, run_fusion.parse_args])
def test_help_prints_flags_and_defaults(
    parse: Parse, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # paths are not broken
    with pytest.raises(SystemExit) as stopped:
        parse(["--help", "all"])
    assert stopped.value.code == 0
    text = "".join(capsys.readouterr().out.split())  # lines wrap anywhere, also in a path
    for name, default in vars(parse([])).items():
        assert f"--{name}" in text
        if default not in (None, False):
            shown = default if isinstance(default, list) else [default]
            assert f"(default:{''.join(map(str, shown))})" in text
    assert "(default:None)" not in text


@pytest.mark.parametrize(
    ("parse", "common", "rare"),
    [
        (configs.parse_args, "--num_epochs", "--warmup_steps"),
        (run_fusion.parse_args, "--output", "--shard"),
    ],
)
def test_help_shows_what_is_common_and_names_the_rest(
    parse: Parse,
    common: str,
    rare: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stopped:
        parse(["-h"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    assert common in text
    assert rare not in text
    assert "--help all shows more: " in text.replace("\n", " ")
    assert len(text.splitlines()) <= SCREEN
