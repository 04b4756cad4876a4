"""Which sets a training takes, and flags that no other method has."""

from pathlib import Path

import pytest

import configs
import run_fusion
from tests.helpers import FOLDER
from utils.utils import InputError


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


@pytest.mark.parametrize(
    ("words", "fresh"),
    [("", False), ("--fixed_patches", False), ("--fixed_patches False", True)],
)
def test_patches_are_fixed_or_fresh(words: str, fresh: bool) -> None:
    assert configs.parse_args(words.split()).fresh_patches is fresh


@pytest.mark.parametrize(
    ("words", "align"),
    [("", False), ("--align", True), ("--no-align", False), ("--align False", False)],
)
def test_alignment(words: str, align: bool) -> None:
    assert run_fusion.parse_args(words.split()).align is align
