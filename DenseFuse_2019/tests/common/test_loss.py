# From common_code/photographs/tests/common/test_loss.py; edit it there, then tools/sync.py.
"""The loss, against numbers worked by hand and a direct evaluation in float64."""

import numpy as np
import pytest
import torch
from torch import Tensor

from utils.util_loss import MIN_SIDE, pixel_loss, reconstruction_loss, ssim_loss

C1, C2 = 0.01**2, 0.03**2
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang, Simoncelli and Bovik, 2003


def images(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return two related float64 images in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(*shape, generator=generator, dtype=torch.float64)
    noise = torch.rand(*shape, generator=generator, dtype=torch.float64)
    return 0.7 * target + 0.3 * noise, target


def blur(plane: np.ndarray) -> np.ndarray:
    """Average 11x11 windows with Gaussian weights, at valid positions."""
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / axis.sum() ** 2
    blocks = np.lib.stride_tricks.sliding_window_view(plane, (11, 11))
    return (blocks * window).sum(axis=(-2, -1))


def direct_ssim(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the mean SSIM of two planes and that of its contrast-structure factor."""
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    structure = (2 * cov + C2) / (vx + vy + C2)
    light = (2 * mx * my + C1) / (mx**2 + my**2 + C1)
    return float((light * structure).mean()), float(structure.mean())


def direct_ms_ssim(x: np.ndarray, y: np.ndarray) -> float:
    result = 1.0
    for scale, weight in enumerate(MS_WEIGHTS):
        whole, structure = direct_ssim(x, y)
        result *= (whole if scale == len(MS_WEIGHTS) - 1 else structure) ** weight
        if scale < len(MS_WEIGHTS) - 1:
            x, y = (p.reshape(len(p) // 2, 2, -1, 2).mean(axis=(1, 3)) for p in (x, y))
    return result


def test_pixel_loss_by_hand() -> None:
    output = torch.tensor([[[[0.5, 0.5]]], [[[0.0, 1.0]]]])
    target = torch.tensor([[[[0.25, 0.5]]], [[[1.0, 0.0]]]])
    # 63.75 gray levels at one of two pixels, 255 gray levels at both
    assert pixel_loss(output, target).tolist() == [2032.03125, 65025.0]


def test_ssim_loss_of_uniform_images_by_hand() -> None:
    output, target = torch.full((1, 1, 11, 11), 0.5), torch.full((1, 1, 11, 11), 0.25)
    # luminance (2 * 0.5 * 0.25 + 0.0001) / (0.25 + 0.0625 + 0.0001), structure 1
    assert ssim_loss(output, target).item() == pytest.approx(1 - 0.2501 / 0.3126, abs=1e-5)


def test_default_loss_of_uniform_images_by_hand() -> None:
    output, target = torch.full((1, 1, 11, 11), 0.5), torch.full((1, 1, 11, 11), 0.25)
    # 63.75^2 squared gray levels, and 100 times the structural loss of the test above
    expected = 4064.0625 + 100 * (1 - 0.2501 / 0.3126)
    assert reconstruction_loss(output, target)["loss"].item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_loss_is_the_definition(channels: int) -> None:
    output, target = images(2, channels, 14, 17)
    found = ssim_loss(output, target)
    for image in range(2):
        planes = zip(output[image].numpy(), target[image].numpy(), strict=True)
        expected = 1 - np.mean([direct_ssim(x, y)[0] for x, y in planes])
        assert found[image].item() == pytest.approx(expected, abs=1e-7)  # its window is float32


def test_ms_ssim_loss_is_the_definition() -> None:
    output, target = images(1, 1, 176, 176)
    expected = 1 - direct_ms_ssim(output[0, 0].numpy(), target[0, 0].numpy())
    assert ssim_loss(output, target, "ms_ssim").item() == pytest.approx(
        expected, abs=2e-6
    )  # its window is float32
    assert expected > 0.01


@pytest.mark.parametrize("kind", ["ssim", "ms_ssim"])
def test_least_side_is_the_least_that_works(kind: str) -> None:
    side = MIN_SIDE[kind]
    output, target = images(1, 1, side, side)
    assert ssim_loss(output, target, kind).isfinite().all()
    with pytest.raises(AssertionError) if kind == "ms_ssim" else pytest.warns(UserWarning):
        ssim_loss(output[..., :-1, :-1], target[..., :-1, :-1], kind)


def test_loss_is_pixel_plus_weight_times_structure() -> None:
    output, target = images(2, 1, 16, 16)
    losses = reconstruction_loss(output, target, ssim_weight=10)
    assert list(losses) == ["loss", "pixel_loss", "ssim_loss"]
    expected = losses["pixel_loss"] + 10 * losses["ssim_loss"]
    torch.testing.assert_close(losses["loss"], expected)
    torch.testing.assert_close(losses["pixel_loss"], pixel_loss(output, target).mean())
    torch.testing.assert_close(losses["ssim_loss"], ssim_loss(output, target).mean())


@pytest.mark.parametrize(("kind", "side"), [("ssim", 16), ("ms_ssim", 161)])
def test_batch_of_two_is_the_mean_of_two_singles(kind: str, side: int) -> None:
    output, target = images(2, 1, side, side)
    output[1] = target[1]  # unlike halves: one of them perfect
    both = reconstruction_loss(output, target, kind=kind)
    singles = [reconstruction_loss(output[i : i + 1], target[i : i + 1], kind=kind) for i in (0, 1)]
    for name, value in both.items():
        torch.testing.assert_close(value, (singles[0][name] + singles[1][name]) / 2)
    assert abs(singles[1]["loss"]) < 1e-12 < singles[0]["loss"]


def test_gradients() -> None:
    output, target = images(1, 1, 12, 13)
    output.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: reconstruction_loss(x, target, 10)["loss"], output)
