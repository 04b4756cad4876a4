"""What `speed.py` compares computes the same."""

import pytest
import torch
from torch import Tensor

import speed
from models.TransFuser6 import SelfAttention
from tests.method import near_identity


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    vis, ir = torch.rand(2, 1, 1, 26, 38, dtype=torch.float64)
    return vis, ir


@torch.no_grad()
def test_the_plain_network_computes_the_same(pair: tuple[Tensor, Tensor]) -> None:
    model = near_identity().double()
    plain = speed.PlainTransFuser6().double().eval()
    plain.load_state_dict(model.state_dict())
    torch.testing.assert_close(plain(*pair), model(*pair), rtol=0, atol=1e-9)


@torch.no_grad()
def test_stage_1_in_its_plain_form_computes_the_same() -> None:
    model, _ = speed.build_stage("stage1")
    model.double().eval()
    inputs = 255 * torch.rand(1, 4, 26, 38, dtype=torch.float64)
    before = model(inputs)
    speed._make_plain(model)
    attention = [m for m in model.modules() if isinstance(m, SelfAttention)]
    assert {type(m) for m in attention} == {speed.PlainAttention}
    torch.testing.assert_close(model(inputs), before, rtol=0, atol=1e-9)


def test_an_iteration_of_each_stage_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "BATCHES", {"stage1": 1, "stage2": 2})
    monkeypatch.setattr(speed, "SIZE", (32, 48))
    for plain in (False, True):
        for step in speed.training_cases(torch.device("cpu"), plain, bf16=not plain).values():
            step()
