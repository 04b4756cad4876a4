"""`speed_patches.py`: both forms are trained as `run_train.py` does, and only one measures."""

import json

import pytest
import torch
from accelerate.state import AcceleratorState

import speed_patches
from tests.method import stand_in
from utils.vgg import InformationMeasure


def test_fixed_patches_are_measured_once_and_fresh_ones_in_every_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[int] = []
    measure = InformationMeasure.__call__

    def watch(self: InformationMeasure, sources: torch.Tensor, c: float) -> torch.Tensor:
        measured.append(len(sources))
        return measure(self, sources, c)

    monkeypatch.setattr(InformationMeasure, "__call__", watch)
    monkeypatch.setattr(speed_patches, "make_measure", lambda: InformationMeasure.load(stand_in()))
    AcceleratorState._reset_state(reset_partial_state=True)  # as in a process of its own
    flags = ["--rounds", "2", "--steps", "2", "--threads", "1", "--precision", "bf16"]
    speed_patches.main(speed_patches.parse_args(flags))
    found = json.loads(capsys.readouterr().out)
    assert found["precision"] == "bf16"
    rates = found["steps_per_second"]
    assert min(rates.values()) > 0
    patches, epochs = 2 * 4, 1 + 2  # one epoch warms up
    assert sum(measured) == patches + epochs * patches
