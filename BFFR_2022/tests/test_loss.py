"""Both losses, against numbers worked by hand and a direct evaluation with NumPy."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from utils.util_loss import MIN_CORRELATION, average_loss, correlation, correlation_loss

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
both = pytest.mark.parametrize("loss", [average_loss, correlation_loss])


def images(count: int = 1, height: int = 5, width: int = 7) -> list[Tensor]:
    """Return a fused, a visible and an infrared image, float64 in [0, 1], that are related."""
    generator = torch.Generator().manual_seed(0)
    shape = (count, 1, height, width)
    vis, ir, noise = (torch.rand(shape, generator=generator).double() for _ in range(3))
    return [0.4 * vis + 0.4 * ir + 0.2 * noise, vis, ir]


def rows(*values: list[float]) -> list[Tensor]:
    """Return images of one row each."""
    return [torch.tensor(row)[None, None, None] for row in values]


def test_average_loss_by_hand() -> None:
    fused, vis, ir = rows([0.5, 1.0], [0.0, 1.0], [1.0, 0.5])
    # means 0.5 and 0.75: off by 0 and 0.25
    assert average_loss(fused, vis, ir).item() == 0.125


def test_average_loss_of_the_mean_is_zero() -> None:
    _, vis, ir = images()
    assert average_loss((vis + ir) / 2, vis, ir).item() == 0


@pytest.mark.parametrize(
    ("fused", "expected"),
    [
        ([0.0, 1.0, 0.0, 1.0], 1.0),  # correlations 1 and 0
        ([0.0, 0.5, 0.5, 1.0], 0.5**0.5),  # twice the root of a half
        ([0.25, 0.25, 0.75, 0.75], 1.0),  # brightness and contrast do not count
    ],
)
def test_correlation_loss_by_hand(fused: list[float], expected: float) -> None:
    images_of_three = rows(fused, [0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0])
    assert correlation_loss(*images_of_three).item() == pytest.approx(expected, rel=1e-6)


def test_losses_are_the_definition() -> None:
    fused, vis, ir = images(3)
    planes = [x.flatten(1).numpy() for x in (fused, vis, ir)]
    distance, reciprocal = [], []
    for f, v, i in zip(*planes, strict=True):
        distance.append(np.abs(f - (v + i) / 2).mean())
        reciprocal.append(1 / (np.corrcoef(i, f)[0, 1] + np.corrcoef(v, f)[0, 1]))
    assert average_loss(fused, vis, ir).item() == pytest.approx(np.mean(distance), abs=1e-12)
    found = correlation_loss(fused, vis, ir).item()
    assert found == pytest.approx(np.mean(reciprocal), abs=1e-9)


def test_correlation_of_single_precision_images() -> None:
    fused, vis, _ = images(2, 40, 56)
    fused = 0.5 + 0.02 * fused  # of little contrast
    expected = [np.corrcoef(f.ravel(), v.ravel())[0, 1] for f, v in zip(fused, vis, strict=True)]
    found = correlation(fused.float(), vis.float())
    np.testing.assert_allclose(found, expected, atol=1e-4)


@both
def test_batch_of_two_is_the_mean_of_two_singles(loss: Loss) -> None:
    sources = images(2)
    sources[0][1] = sources[1][1]  # unlike halves
    singles = [loss(*(x[n : n + 1] for x in sources)) for n in (0, 1)]
    torch.testing.assert_close(loss(*sources), (singles[0] + singles[1]) / 2)
    assert (singles[0] - singles[1]).abs() > 0.01


@both
def test_gradients(loss: Loss) -> None:
    fused, vis, ir = images(2)
    fused.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, vis, ir), fused)
    [gradient] = torch.autograd.grad(loss(fused, vis, ir), fused)
    assert gradient.abs().max() > 1e-4


@pytest.mark.parametrize("constant", ["fused", "vis", "ir", "all"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_images_are_finite(constant: str, dtype: torch.dtype) -> None:
    sources = dict(zip(("fused", "vis", "ir"), (x.to(dtype) for x in images()), strict=True))
    for name in sources if constant == "all" else [constant]:
        sources[name] = torch.full_like(sources[name], 0.3)
    fused = sources.pop("fused").requires_grad_()
    loss = correlation_loss(fused, **sources)
    [gradient] = torch.autograd.grad(loss, fused)
    assert gradient.isfinite().all()
    if constant in ("fused", "all"):
        assert loss.item() == pytest.approx(1 / MIN_CORRELATION)
    else:
        other = sources["ir" if constant == "vis" else "vis"]
        assert loss.item() == pytest.approx(1 / correlation(other, fused).item(), rel=1e-4)


def test_anticorrelated_images_are_bounded() -> None:
    _, vis, _ = images()
    assert correlation(1 - vis, vis).item() == pytest.approx(-1)
    assert correlation_loss(1 - vis, vis, vis).item() == pytest.approx(1 / MIN_CORRELATION)
    opposed = correlation_loss(vis, vis, 1 - vis).item()  # the sum is 0
    assert opposed == pytest.approx(1 / MIN_CORRELATION)
