"""The fast joins compute what the paper's form computes."""

import pytest
import torch

from models.NestFuse_2020 import NestFuse
from utils.util_fast import use_fast_joins


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (23, 38), (31, 29), (50, 33)])
def test_fast_joins_have_the_outputs_and_gradients_of_the_papers_form(
    channels: int, size: tuple[int, int]
) -> None:
    model = NestFuse(channels, deep_supervision=True).double()
    image = torch.rand(2, channels, *size, dtype=torch.float64)

    def outputs_and_gradients() -> tuple[list[torch.Tensor], tuple[torch.Tensor, ...]]:
        outputs = model(image)
        loss = torch.stack([(output**3).sum() for output in outputs]).sum()
        return outputs, torch.autograd.grad(loss, list(model.parameters()))

    papers = outputs_and_gradients()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert use_fast_joins(model) is model
    torch.testing.assert_close(outputs_and_gradients(), papers)
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_the_doubled_map_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    model = use_fast_joins(NestFuse())
    monkeypatch.setattr(torch.nn.functional, "interpolate", None)  # a call would be an error
    [output] = model(torch.rand(1, 1, 17, 22))
    assert output.shape == (1, 1, 17, 22)
