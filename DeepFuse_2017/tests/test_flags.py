"""Every flag of both scripts means what it says."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import configs
import run_fusion
from tests.helpers import FOLDER

Parse = Callable[[Sequence[str]], argparse.Namespace]

TRAIN = {
    "image_path": ("a b", [Path("a"), Path("b")]),
    "train_num": ("12", 12),
    "val_fraction": ("0.2", 0.2),
    "crop_size": ("96", 96),
    "patches": ("8", 8),
    "augment": ("True", True),
    "gamma": ("True", True),
    "device": ("cuda:1", "cuda:1"),
    "batch_size": ("3", 3),
    "num_epochs": ("5", 5),
    "num_workers": ("2", 2),
    "lr": ("1e-3", 1e-3),
    "lr_schedule": ("cosine", "cosine"),
    "lr_decay": ("0.5", 0.5),
    "warmup_steps": ("7", 7),
    "loss_scales": ("3", 3),
    "loss_weighting": ("4", 4.0),
    "level_weight": ("0", 0.0),
    "clipping_weight": ("0.5", 0.5),
    "precision": ("bf16", "bf16"),
    "seed": ("9", 9),
    "resume_path": ("runs/x", Path("runs/x")),
    "output": ("False", False),
}
FUSION = {
    "under": ("u", Path("u")),
    "over": ("o", Path("o")),
    "scene_dir": ("s", Path("s")),
    "images": ("a b c", [Path("a"), Path("b"), Path("c")]),
    "output": ("o", Path("o")),
    "overwrite": ("", True),
    "verbose": ("", True),
    "allow_unmatched": ("", True),
    "weights": ("w.pth", Path("w.pth")),
    "align": ("True", True),
    "color": ("False", False),
    "stretch": ("minmax", "minmax"),
    "device": ("cpu", "cpu"),
    "tile": ("0", 0),
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
        "train_num": 200,
        "device": "auto",
        "batch_size": 4,
        "num_epochs": 100,
        "lr": 1e-4,
        "num_workers": 0,
        "resume_path": None,
        "output": True,
    }
    of_the_paper = {"crop_size": 64, "loss_scales": 1, "patches": 1}
    expected = documented | of_the_paper
    assert {name: args[name] for name in expected} == expected
    assert args["image_path"] == [FOLDER / "demo"]


@pytest.mark.parametrize("name", ["augment", "gamma", "output"])
@pytest.mark.parametrize(
    ("words", "value"),
    [("--X", True), ("--no-X", False), ("--X False", False), ("--X=True", True)],
)
def test_switches_of_training(name: str, words: str, value: bool) -> None:
    args = configs.parse_args(words.replace("X", name).split())
    assert getattr(args, name) is value


@pytest.mark.parametrize(
    ("words", "color", "align"),
    [
        ("", True, False),
        ("--no-color --align", False, True),
        ("--gray --no-align", False, False),
        ("--gray False --align False", True, False),
        ("--color False --align True", False, True),
    ],
)
def test_switches_of_fusing(words: str, color: bool, align: bool) -> None:
    args = run_fusion.parse_args(words.split())
    assert (args.color, args.align) == (color, align)


def test_weighting_is_the_metrics_or_a_number() -> None:
    assert configs.parse_args([]).loss_weighting == "consistency"
    assert configs.parse_args(["--loss_weighting", "consistency"]).loss_weighting == "consistency"
    assert configs.parse_args(["--loss_weighting=0"]).loss_weighting == 0.0


@pytest.mark.parametrize(
    ("parse", "words", "message"),
    [
        (configs.parse_args, "--augment maybe", "say --augment True or False"),
        (configs.parse_args, "--no-gamma True", "say --gamma True or False"),
        (configs.parse_args, "--batch_size 0", "not at least 1"),
        (configs.parse_args, "--train_num -3", "not at least 1"),
        (configs.parse_args, "--patches 0", "not at least 1"),
        (configs.parse_args, "--crop_size 0", "not at least 1"),
        (configs.parse_args, "--val_fraction 1", "not in [0, 1)"),
        (configs.parse_args, "--loss_scales 4", "invalid choice"),
        (configs.parse_args, "--loss_weighting -1", "-1 is not a finite number of at least 0"),
        (configs.parse_args, "--loss_weighting most", "--loss_weighting"),
        (configs.parse_args, "--level_weight much", "--level_weight"),
        (configs.parse_args, "--lr 0", "--lr"),
        (configs.parse_args, "--precision int8", "invalid choice"),
        (configs.parse_args, "--gray", "unrecognized arguments"),
        (configs.parse_args, "--image_pat x", "unrecognized arguments"),
        (run_fusion.parse_args, "--align maybe", "say --align True or False"),
        (run_fusion.parse_args, "--tile -1", "--tile"),
        (run_fusion.parse_args, "--stretch some", "invalid choice"),
        (run_fusion.parse_args, "--ir x", "unrecognized arguments"),
        (run_fusion.parse_args, "--resize under", "unrecognized arguments"),
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
