"""Every flag of both scripts means what it says; which sets a training takes."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import configs
import run_fusion
from tests.helpers import FOLDER
from utils.utils import InputError

Parse = Callable[[Sequence[str]], argparse.Namespace]

TRAIN = {
    "vgg_weights": ("v.pth", Path("v.pth")),
    "vgg_convention": ("caffe", "caffe"),
    "c_ivif": ("1000", 1000.0),
    "c_mef": ("2e3", 2000.0),
    "c_mff": ("7", 7.0),
    "device": ("cuda:1", "cuda:1"),
    "tasks": ("mff ivif mef", ["mff", "ivif", "mef"]),
    "image_path": ("a b", [Path("a"), Path("b")]),
    "ivif_path": ("a b", [Path("a"), Path("b")]),
    "mef_path": ("a", [Path("a")]),
    "mff_path": ("a b c", [Path("a"), Path("b"), Path("c")]),
    "train_num": ("12", 12),
    "val_fraction": ("0.2", 0.2),
    "crop_size": ("96", 96),
    "patches": ("8", 8),
    "fresh_patches": ("True", True),
    "augment": ("True", True),
    "batch_size": ("3", 3),
    "num_epochs": ("5", 5),
    "num_workers": ("2", 2),
    "lr": ("1e-3", 1e-3),
    "lr_schedule": ("cosine", "cosine"),
    "lr_decay": ("0.5", 0.5),
    "warmup_steps": ("7", 7),
    "ssim_weight": ("0", 0.0),
    "mse_weight": ("5", 5.0),
    "ewc_lambda": ("1e3", 1e3),
    "fisher_samples": ("4", 4),
    "precision": ("bf16", "bf16"),
    "seed": ("9", 9),
    "resume_path": ("runs/x", Path("runs/x")),
    "output": ("False", False),
}
PATHS = ("ir", "vis", "under", "over", "scene_dir", "output", "weights")
FUSION = {name: ("x/y", Path("x/y")) for name in PATHS} | {
    "device": ("cuda:1", "cuda:1"),
    "images": ("a b c", [Path("a"), Path("b"), Path("c")]),
    "overwrite": ("", True),
    "verbose": ("", True),
    "allow_unmatched": ("", True),
    "ir_range": ("5:9", "5:9"),
    "ir_color": ("luma", "luma"),
    "resize": ("ir", "ir"),
    "align": ("True", True),
    "color": ("False", False),
    "stretch": ("minmax", "minmax"),
    "tile": ("0", 0),
}
FLAGS = [
    (parse, name, *case)
    for parse, flags in ((configs.parse_args, TRAIN), (run_fusion.parse_args, FUSION))
    for name, case in flags.items()
]


@pytest.mark.parametrize(("parse", "name", "words", "value"), FLAGS)
def test_flag(parse: Parse, name: str, words: str, value: Any) -> None:
    assert getattr(parse([f"--{name}", *words.split()]), name) == value
    if words and " " not in words:
        assert getattr(parse([f"--{name}={words}"]), name) in (value, [value])
    assert getattr(parse([]), name) != value


def test_no_flag_is_left_out() -> None:
    assert set(vars(configs.parse_args([]))) == set(TRAIN)
    assert set(vars(run_fusion.parse_args([]))) == set(FUSION)


def test_documented_defaults() -> None:
    args = vars(configs.parse_args([]))
    documented = {
        "train_num": 10000,
        "resume_path": None,
        "device": "auto",
        "batch_size": 4,
        "num_workers": 0,
        "num_epochs": 10,
        "lr": 1e-4,
        "lr_schedule": "step",  # 0.0001, 9e-5, 8.1e-5, ...
        "lr_decay": 0.9,
        "output": True,
    }
    of_the_paper = {
        "crop_size": 64,
        "ssim_weight": 1.0,
        "mse_weight": 20.0,
        "ewc_lambda": 8e4,
        "c_ivif": 3e3,
        "c_mef": 3.5e3,
        "c_mff": 1e2,
    }
    ours = {"tasks": ["ivif"], "image_path": None, "vgg_weights": None, "patches": None}
    expected = documented | of_the_paper | ours
    assert {name: args[name] for name in expected} == expected


def test_defaults_are_sets_of_the_demo() -> None:
    args = configs.parse_args(["--tasks", "mff", "ivif", "mef"])
    sets = configs.sets_of_tasks(args)
    assert list(sets) == ["mff", "ivif", "mef"]  # in the order of training
    assert sets == {task: [configs.DEMO_SETS[task]] for task in sets}
    places = {"ivif": "ir_vis", "mef": "exposures", "mff": "ir_vis/vis"}
    for task, [folder] in sets.items():
        assert folder == FOLDER / "demo" / places[task]


def test_sets_of_one_task() -> None:
    for words, folders in (
        ("--image_path x y", ["x", "y"]),
        ("--mef_path z", ["z"]),
        ("--image_path x --ivif_path z", ["x"]),
    ):
        args = configs.parse_args(["--tasks", "mef", *words.split()])
        assert configs.sets_of_tasks(args) == {"mef": [Path(f) for f in folders]}


def test_sets_of_several_tasks() -> None:
    words = "--tasks mef ivif --ivif_path a b --mef_path c --mff_path d"
    found = configs.sets_of_tasks(configs.parse_args(words.split()))
    assert list(found.items()) == [("mef", [Path("c")]), ("ivif", [Path("a"), Path("b")])]
    args = configs.parse_args(["--tasks", "ivif", "mff", "--image_path", "a"])
    with pytest.raises(InputError, match=r"^--image_path is of one task; .* --ivif_path, --mff_"):
        configs.sets_of_tasks(args)


def test_a_task_is_learned_once() -> None:
    args = configs.parse_args(["--tasks", "ivif", "mef", "ivif"])
    with pytest.raises(InputError, match="--tasks ivif mef ivif: each can be learned once"):
        configs.sets_of_tasks(args)


@pytest.mark.parametrize("name", ["fresh_patches", "augment", "output"])
@pytest.mark.parametrize("value", [True, False])
def test_switches_of_training(name: str, value: bool) -> None:
    short = f"--{name}" if value else f"--no-{name}"
    for words in (short, f"--{name} {value}", f"--{name}={value}"):
        assert getattr(configs.parse_args(words.split()), name) is value


@pytest.mark.parametrize(
    ("words", "fresh"),
    [("", False), ("--fixed_patches", False), ("--fixed_patches False", True)],
)
def test_patches_are_fixed_or_fresh(words: str, fresh: bool) -> None:
    assert configs.parse_args(words.split()).fresh_patches is fresh


@pytest.mark.parametrize(
    ("words", "color", "align"),
    [
        ("", True, False),
        ("--align --gray", False, True),
        ("--no-align --no-color", False, False),
        ("--align True --gray False", True, True),
        ("--align False --color False", False, False),
    ],
)
def test_switches_of_fusing(words: str, color: bool, align: bool) -> None:
    args = run_fusion.parse_args(words.split())
    assert (args.color, args.align) == (color, align)


WRONG_TRAINING = {
    "--gray": "unrecognized arguments",
    "--no-augment True": "say --augment True or False",
    "--fresh_patches 1": "say --fresh_patches True or False",
    "--tasks": "expected at least one argument",
    "--tasks ivif med": "invalid choice: 'med'",
    "--image_path": "expected at least one argument",
    "--batch_size 0": "0 is not at least 1",
    "--train_num -3": "-3 is not at least 1",
    "--patches 0": "0 is not at least 1",
    "--fisher_samples 0": "0 is not at least 1",
    "--crop_size big": "invalid positive_int",
    "--val_fraction 1": "1 is not in [0, 1)",
    "--lr nan": "nan is not a finite number above 0",
    "--c_mef 0": "0 is not a finite number above 0",
    "--c_ivif inf": "inf is not a finite number above 0",
    "--ssim_weight -1": "-1 is not a finite number of at least 0",
    "--mse_weight much": "--mse_weight",
    "--ewc_lambda -1": "-1 is not a finite number of at least 0",
    "--vgg_convention bgr": "invalid choice: 'bgr'",
    "--precision int8": "invalid choice: 'int8'",
    "--image_pat x": "unrecognized arguments",
    "--learning_rate 1": "unrecognized arguments",
}
WRONG_FUSION = {
    "--align maybe": "say --align True or False",
    "--tile -1": "-1 is below 0",
    "--stretch some": "invalid choice: 'some'",
    "--ir_range wide": "LO:HI",
    "--ir_range 9:5": "LO < HI",
    "--ir_color gray": "invalid choice: 'gray'",
    "--resize under": "invalid choice: 'under'",
    "--no-gray": "unrecognized arguments",
    "--save_desired": "unrecognized arguments",
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
    defaults = vars(parse([]))
    with pytest.raises(SystemExit) as stopped:
        parse(["--help"])
    assert stopped.value.code == 0
    text = "".join(capsys.readouterr().out.split())  # lines wrap anywhere, also in a path
    for name, default in defaults.items():
        assert f"--{name}" in text
        if default not in (None, False):
            shown = default if isinstance(default, list) else [default]
            assert f"(default:{''.join(map(str, shown))})" in text
    assert "(default:None)" not in text
