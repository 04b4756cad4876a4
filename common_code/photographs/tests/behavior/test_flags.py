# From common_code/photographs/tests/behavior/test_flags.py; edit it there, then tools/sync.py.
"""Every flag of both scripts means what it says."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import configs
import run_fusion
from tests.method import DEFAULTS, FUSION_FLAGS, TRAIN_FLAGS, WRONG_FUSION

Parse = Callable[[Sequence[str]], argparse.Namespace]

TRAIN = {
    "image_path": ("a b", [Path("a"), Path("b")]),
    "gray": ("False", False),
    "train_num": ("12", 12),
    "val_fraction": ("0.2", 0.2),
    "crop_size": ("64", 64),
    "sampling": ("crop", "crop"),
    "flip": ("True", True),
    "device": ("cuda:1", "cuda:1"),
    "batch_size": ("3", 3),
    "num_epochs": ("5", 5),
    "num_workers": ("2", 2),
    "lr": ("1e-3", 1e-3),
    "lr_schedule": ("cosine", "cosine"),
    "lr_decay": ("0.5", 0.5),
    "warmup_steps": ("7", 7),
    **TRAIN_FLAGS,
    "ssim_weight": ("10", 10.0),
    "precision": ("bf16", "bf16"),
    "seed": ("9", 9),
    "resume_path": ("runs/x", Path("runs/x")),
    "output": ("False", False),
}
FUSION = {
    "ir": ("i", Path("i")),
    "vis": ("v", Path("v")),
    "images": ("a b c", [Path("a"), Path("b"), Path("c")]),
    "output": ("o", Path("o")),
    "overwrite": ("", True),
    "verbose": ("", True),
    "allow_unmatched": ("", True),
    "weights": ("w.pth", Path("w.pth")),
    "ir_range": ("5:9", "5:9"),
    "ir_color": ("luma", "luma"),
    "resize": ("ir", "ir"),
    "color": ("False", False),
    "stretch": ("minmax", "minmax"),
    "device": ("cpu", "cpu"),
    "tile": ("0", 0),
    **FUSION_FLAGS,
    "rgb_mode": ("channels", "channels"),
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


def test_documented_defaults() -> None:
    args = vars(configs.parse_args([]))
    documented = {
        "gray": True,
        **DEFAULTS,
        "lr": 1e-4,
        "num_workers": 0,
        "resume_path": None,
        "output": True,
        "device": "auto",
        "ssim_weight": 100.0,
    }
    assert {name: args[name] for name in documented} == documented


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("", True),
        ("--gray", True),
        ("--no-gray", False),
        ("--gray True", True),
        ("--gray False", False),
        ("--gray=False", False),
        ("--no-gray --gray", True),
    ],
)
def test_gray_of_training(words: str, value: bool) -> None:
    assert configs.parse_args(words.split()).gray is value


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("", True),
        ("--color", True),
        ("--no-color", False),
        ("--gray", False),
        ("--gray True", False),
        ("--gray False", True),
        ("--color False", False),
    ],
)
def test_color_of_fusing(words: str, value: bool) -> None:
    assert run_fusion.parse_args(words.split()).color is value


@pytest.mark.parametrize(
    ("parse", "words", "message"),
    [
        (configs.parse_args, "--gray maybe", "say --gray True or False"),
        (configs.parse_args, "--gray false", "say --gray True or False"),
        (configs.parse_args, "--no-gray True", "say --gray True or False"),
        (configs.parse_args, "--batch_size 0", "not at least 1"),
        (configs.parse_args, "--train_num -3", "not at least 1"),
        (configs.parse_args, "--num_epochs 1.5", "invalid positive_int"),
        (configs.parse_args, "--val_fraction 1", "not in [0, 1)"),
        (configs.parse_args, "--num_workers -1", "--num_workers"),
        (configs.parse_args, "--warmup_steps -1", "--warmup_steps"),
        (configs.parse_args, "--lr 0", "--lr"),
        (configs.parse_args, "--lr nan", "--lr"),
        (configs.parse_args, "--precision int8", "invalid choice"),
        (configs.parse_args, "--image_pat x", "unrecognized arguments"),
        (configs.parse_args, "--learning_rate 1", "unrecognized arguments"),
        (run_fusion.parse_args, "--tile -1", "--tile"),
        (run_fusion.parse_args, "--ir_range wide", "LO:HI"),
        (run_fusion.parse_args, WRONG_FUSION, "invalid choice"),
        (run_fusion.parse_args, "--no-gray", "unrecognized arguments"),
    ],
)
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
        parse(["--help"])
    assert stopped.value.code == 0
    text = "".join(capsys.readouterr().out.split())  # lines wrap anywhere, also in a path
    for name, default in vars(parse([])).items():
        assert f"--{name}" in text
        if default not in (None, False):
            shown = default[0] if isinstance(default, list) else default
            assert f"(default:{shown})" in text
    assert "(default:None)" not in text
