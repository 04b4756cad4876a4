"""The command lines: the paper's values, documented names, and what is refused."""

from pathlib import Path

import pytest

import run_fusion
from configs import BACKBONE, DEMO, parse_args


def test_defaults_are_those_of_the_paper() -> None:
    args = parse_args([])
    assert args.crop_size == [240, 320]
    assert (args.stage1_iters, args.stage2_iters) == (20000, 160000)
    assert (args.stage1_batch, args.stage2_batch) == (2, 4)
    assert (args.stage1_lr, args.stage2_lr) == (6e-4, 6e-5)
    assert (args.poly_iters, args.warmup_iters, args.lam) == (160000, 1500, 1e-3)
    assert (args.stage, args.fusion, args.device) == ("all", "network", "auto")
    assert (args.normalize, args.authors_quirks, args.freeze_fuser) == (True, False, False)
    assert (args.data_root, args.pretrained_backbone) == ([DEMO], BACKBONE)


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--image_path a b", "data_root", [Path("a"), Path("b")]),
        ("--data_root a", "data_root", [Path("a")]),
        ("--crop_size 96 128", "crop_size", [96, 128]),
        ("--drop_class person bike", "drop_class", ["person", "bike"]),
        ("--normalize False", "normalize", False),
        ("--no-normalize", "normalize", False),
        ("--freeze_fuser", "freeze_fuser", True),
        ("--authors_quirks True", "authors_quirks", True),
        ("--stage 2", "stage", "2"),
    ],
)
def test_what_flags_mean(words: str, name: str, value: object) -> None:
    assert getattr(parse_args(words.split()), name) == value


@pytest.mark.parametrize(
    "words",
    [
        "--stage 3",
        "--crop_size 96",
        "--stage1_iters 0",
        "--stage2_lr 0",
        "--warmup_iters -1",
        "--normalize maybe",
        "--drop_class unlabeled",
        "--fusion max",
        "--strategy l1",
    ],
)
def test_senseless_values_are_refused(words: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        parse_args(words.split())
    assert stopped.value.code == 2


def test_fusion_has_the_common_flags_and_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    args = run_fusion.parse_args(["--segmenter", "s.pth", "--segment", "--gray"])
    assert (args.segment, args.segmenter, args.color) == (True, Path("s.pth"), False)
    with pytest.raises(SystemExit):
        run_fusion.parse_args(["--help", "all"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "--strategy" not in printed


def test_help_of_training_fits_a_screen_and_names_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    printed = capsys.readouterr().out
    assert "--stage1_iters" in printed
    assert "--warmup_iters" not in printed
    assert "--help all shows more: lists, comparisons, computing, schedule." in printed
    assert len(printed.splitlines()) <= 60
