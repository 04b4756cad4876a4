"""Flags that no other method has."""

import pytest

import configs
import run_fusion


def test_weighting_is_the_metrics_or_a_number() -> None:
    assert configs.parse_args(["--loss_weighting", "consistency"]).loss_weighting == "consistency"
    assert configs.parse_args(["--loss_weighting=0"]).loss_weighting == 0.0


@pytest.mark.parametrize(
    ("words", "align"),
    [("", False), ("--align", True), ("--no-align", False), ("--align False", False)],
)
def test_alignment(words: str, align: bool) -> None:
    assert run_fusion.parse_args(words.split()).align is align
