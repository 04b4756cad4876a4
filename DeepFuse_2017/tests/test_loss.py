"""The loss, against numbers worked by hand and a literal evaluation of its definition."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from utils.common.scenes import read_luma
from utils.common.values import to_unit
from utils.util_loss import (
    check_crop_size,
    clipping_loss,
    deepfuse_loss,
    desired_image,
    exposure_weights,
    level_loss,
    mef_ssim_loss,
)
from utils.utils import InputError

BETAS = (0.0448, 0.2856, 0.3001)
SCENES = ("Church", "House", "ICCV_05", "Knossos8")
WEIGHTINGS = (None, 0.0, 1.0, 4.0)
Term = Callable[[Tensor], Tensor]


def gauss() -> np.ndarray:
    """Return the 11x11 Gaussian window as 121 weights."""
    window = np.array(
        [[np.exp(-(y * y + x * x) / 4.5) for x in range(-5, 6)] for y in range(-5, 6)]
    )
    return (window / window.sum()).ravel()


def desired_patch(patches: np.ndarray, weighting: float | None) -> np.ndarray:
    """Return y^ of patches in 0-255, (N, 121), by Eqs. 2 to 5 as they stand."""
    centered = [patch - patch.mean() for patch in patches]
    contrasts = [np.linalg.norm(patch) + 0.001 for patch in centered]
    structures = [patch / c for patch, c in zip(centered, contrasts, strict=True)]
    if weighting is None:
        together = np.linalg.norm(sum(centered)) + 1e-16
        apart = sum(np.linalg.norm(patch) for patch in centered) + 1e-16
        weighting = min(np.tan(np.pi / 2 * min(together / apart, 1.0)), 10.0)
    weights = [(c / 11) ** weighting for c in contrasts]
    mean = sum(w * s for w, s in zip(weights, structures, strict=True)) / sum(weights)
    length = np.linalg.norm(mean)
    return max(contrasts) * mean / length if length > 0 else mean


def direct_score(sources: np.ndarray, fused: np.ndarray, weighting: float | None) -> float:
    """Return the mean score (Eq. 6) of images in 0-255, (N, H, W) and (H, W), patch by patch."""
    window, constant = gauss(), (0.03 * 255) ** 2
    scores = []
    for top in range(fused.shape[0] - 10):
        for left in range(fused.shape[1] - 10):
            cut = (slice(top, top + 11), slice(left, left + 11))
            desired = desired_patch(sources[:, cut[0], cut[1]].reshape(-1, 121), weighting)
            found = fused[cut].ravel()
            desired = desired - (window * desired).sum()
            found = found - (window * found).sum()
            covariance = (window * desired * found).sum()
            variances = (window * desired**2).sum() + (window * found**2).sum()
            scores.append((2 * covariance + constant) / (variances + constant))
    return float(np.mean(scores))


def direct_loss(
    sources: np.ndarray, fused: np.ndarray, scales: int, weighting: float | None
) -> float:
    """Return the loss of images in [0, 1], (N, H, W) and (H, W)."""
    images = 255 * np.concatenate([sources, fused[None]])
    loss = 0.0
    for scale in range(scales):
        if scale:
            count, height, width = (
                side - side % 2 for side in (len(images) * 2, *images.shape[1:])
            )
            squares = images[:, :height, :width].reshape(count // 2, height // 2, 2, width // 2, 2)
            images = squares.mean(axis=(2, 4))
        score = direct_score(images[:-1], images[-1], weighting)
        loss += BETAS[scale] / sum(BETAS[:scales]) * (1 - score)
    return loss


def random_images(
    count: int, height: int, width: int, batch: int = 1, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Return related float64 exposures, (B, N, H, W), and a result, (B, 1, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    scene = torch.rand(batch, 1, height, width, generator=generator, dtype=torch.float64)
    noise = torch.rand(batch, count, height, width, generator=generator, dtype=torch.float64)
    gains = torch.linspace(0.3, 0.9, count, dtype=torch.float64)[:, None, None]
    return gains * scene + 0.1 * noise, 0.8 * scene + 0.1 * noise.mean(dim=1, keepdim=True)


def means_of(sources: Tensor) -> Tensor:
    """Return the means of exposures that are their own patches, (B, N)."""
    return sources.mean(dim=(2, 3))


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("scales", [1, 2, 3])
def test_loss_of_random_patches_is_the_definition(scales: int, weighting: float | None) -> None:
    side = 11 * 2 ** (scales - 1)
    for count in (2, 3):
        sources, fused = random_images(count, side + 2, side + 1, seed=count)
        expected = direct_loss(sources[0].numpy(), fused[0, 0].numpy(), scales, weighting)
        found = mef_ssim_loss(sources, fused, scales, weighting).item()
        assert found == pytest.approx(expected, abs=1e-6)
        assert 1e-3 < found < 1.5


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("weighting", [None, 1.0])
def test_loss_of_real_patches_is_the_definition(
    reference: Path, name: str, weighting: float | None
) -> None:
    folder = reference / "data" / "mefb" / "test" / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent")
    lumas = [to_unit(read_luma(p)).astype(np.float64) for p in sorted(folder.iterdir())]
    height, width = lumas[0].shape
    for row, column in ((0, 0), (0.5, 0.4), (0.9, 0.7)):
        top, left = int(row * (height - 44)), int(column * (width - 46))
        sources = np.stack([luma[top : top + 44, left : left + 46] for luma in lumas])
        fused = sources.mean(axis=0)
        given = torch.from_numpy(sources)[None], torch.from_numpy(fused)[None, None]
        for scales in (1, 3):
            expected = direct_loss(sources, fused, scales, weighting)
            found = mef_ssim_loss(*given, scales, weighting).item()
            assert found == pytest.approx(expected, abs=1e-6)


def step(height: float, turned: bool = False) -> Tensor:
    """Return a patch of `height` below 0.5 on one half and above it on the other, 11x11."""
    line = height * torch.tensor([-1.0] * 5 + [0.0] + [1.0] * 5, dtype=torch.float64)
    patch = 0.5 + line.expand(11, 11)
    return patch.T if turned else patch


def loss_of(sources: list[Tensor], fused: Tensor, weighting: float | None = None) -> float:
    return mef_ssim_loss(torch.stack(sources)[None], fused[None, None], 1, weighting).item()


@pytest.mark.parametrize(
    ("heights", "fused", "expected"),
    [
        # The Gaussian variance of step(a) is 0.733988 a^2; C = 0.0009.
        ((0.2, 0.0), 0.2, 0.0),  # the flat patch has no say
        ((0.2, 0.0), 0.0, 1 - 0.0009 / 0.03025952),
        ((0.2, 0.0), -0.2, 1 + 0.05781904 / 0.05961904),
        ((0.2, 0.1), 0.2, 0.0),  # the highest contrast is wanted
        ((0.2, 0.1), 0.1, 1 - 0.03025952 / 0.0375994),
        ((0.1, 0.2, 0.1), 0.1, 1 - 0.03025952 / 0.0375994),
        ((0.0, 0.0), 0.0, 0.0),
        ((0.0, 0.0), 0.2, 1 - 0.0009 / 0.03025952),
    ],
)
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_loss_of_steps_by_hand(
    heights: tuple[float, ...], fused: float, expected: float, weighting: float | None
) -> None:
    found = loss_of([step(h) for h in heights], step(fused) + 0.1, weighting)
    assert found == pytest.approx(expected, abs=1e-5)  # 0.001 is added to each contrast


@pytest.mark.parametrize(("weighting", "share"), [(0.0, 1.0), (1.0, 0.5), (2.0, 0.25)])
def test_weighting_by_hand(weighting: float, share: float) -> None:
    sources = [step(0.2), step(0.1, turned=True)]  # structures at right angles
    mixed = (sources[0] - 0.5) / 0.2 + share * (sources[1] - 0.5) / 0.1
    desired = 0.2 * mixed / (1 + share**2) ** 0.5
    assert loss_of(sources, desired + 0.4, weighting) == pytest.approx(0, abs=1e-6)
    assert loss_of(sources, desired + 0.4, weighting + 1) > 1e-3


def test_consistent_structures_let_the_stronger_decide() -> None:
    sources = [step(0.2), step(0.1)]
    sources[1] = sources[1] + 0.01 * torch.rand(11, 11, dtype=torch.float64)
    assert loss_of(sources, step(0.2)) < loss_of(sources, step(0.2), 0.0)


def test_of_batches_and_singles() -> None:
    sources, fused = random_images(3, 24, 25, batch=3)
    fused[1] = 0.5
    for scales in (1, 2):
        both = mef_ssim_loss(sources, fused, scales)
        pairs = zip(sources.split(1), fused.split(1), strict=True)
        torch.testing.assert_close(both, torch.cat([mef_ssim_loss(*p, scales) for p in pairs]))
    means = torch.rand(3, 3, dtype=torch.float64)
    whole = deepfuse_loss(sources, 2 * fused, means)
    cuts = [slice(i, i + 1) for i in range(3)]
    parts = [deepfuse_loss(sources[cut], 2 * fused[cut], means[cut]) for cut in cuts]
    for name, value in whole.items():
        torch.testing.assert_close(value, sum(part[name] for part in parts) / 3)


def test_order_and_brightness_are_free() -> None:
    sources, fused = random_images(4, 16, 17)
    expected = mef_ssim_loss(sources, fused)
    torch.testing.assert_close(mef_ssim_loss(sources[:, [2, 0, 3, 1]], fused), expected)
    torch.testing.assert_close(mef_ssim_loss(sources, fused + 0.1), expected)


def test_sources_are_constants() -> None:
    sources, fused = random_images(2, 12, 13)
    for image in (sources, fused):
        image.requires_grad_()
    mef_ssim_loss(sources, fused).sum().backward()
    assert sources.grad is None or not sources.grad.any()
    assert fused.grad.abs().max() > 0


@pytest.mark.parametrize(
    ("sides", "term"),
    [
        ((12, 13), lambda s, f: mef_ssim_loss(s, f)),
        ((12, 13), lambda s, f: mef_ssim_loss(s, f, weighting=1.0)),
        ((22, 23), lambda s, f: mef_ssim_loss(s, f, scales=2)),
        ((12, 13), lambda s, f: deepfuse_loss(s, 1.5 * f - 0.2, means_of(s))["loss"]),
    ],
)
def test_gradients(sides: tuple[int, int], term: Callable[[Tensor, Tensor], Tensor]) -> None:
    sources, fused = random_images(2, *sides)
    fused.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: term(sources, x), fused)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("fused_flat", [False, True])
@pytest.mark.parametrize("kind", ["identical", "flat", "black", "white", "one flat", "opposite"])
def test_degenerate_patches_are_finite(
    kind: str, fused_flat: bool, weighting: float | None, dtype: torch.dtype
) -> None:
    image = random_images(1, 48, 48)[0][0, 0].to(dtype)
    flat = torch.full_like(image, 0.37)
    sources = {
        "identical": [image, image, image],
        "flat": [flat, flat / 3],
        "black": [0 * flat, 0 * flat],
        "white": [flat / flat, flat / flat],
        "one flat": [image, flat],
        "opposite": [image, 1 - image],
    }[kind]
    fused = (flat if fused_flat else image + 0.05).clone().requires_grad_()
    exposures = torch.stack(sources)[None]
    losses = deepfuse_loss(exposures, fused[None, None], means_of(exposures), 3, weighting)
    assert losses["loss"].isfinite()
    losses["loss"].backward()
    assert fused.grad.isfinite().all()
    assert -1e-4 < losses["mef_ssim_loss"] < 2
    if kind in ("identical", "one flat") and not fused_flat:
        assert losses["mef_ssim_loss"] < 1e-4
    if kind in ("flat", "black", "white") and fused_flat:
        assert losses["mef_ssim_loss"] < 1e-4


def test_single_precision_is_close_to_double() -> None:
    sources, fused = random_images(2, 30, 31)
    exact = mef_ssim_loss(sources, fused)
    torch.testing.assert_close(
        mef_ssim_loss(sources.float(), fused.float()).double(), exact, atol=2e-5, rtol=0
    )


def test_exposure_weights_by_hand() -> None:
    """Means of 0.3, 0.5 and 0.9 are 1, 0 and 2 standard deviations from 0.5."""
    odds = [np.exp(-0.5), 1.0, np.exp(-2.0)]  # 0.60653, 1, 0.13534
    found = exposure_weights(torch.tensor([[0.3, 0.5, 0.9], [0.5, 0.5, 0.5]]))
    assert found[0].tolist() == pytest.approx([x / sum(odds) for x in odds], abs=1e-6)
    assert found[0, 1] == pytest.approx(0.57410, abs=1e-5)
    assert found[1].tolist() == pytest.approx([1 / 3] * 3)


def test_level_loss_by_hand() -> None:
    """Weights are 1/2 each for means that are as far from 0.5, and 0.6225 to 0.3775 for the second.

    exp(0) to exp(-0.5) is 1 to 0.60653, of 1.60653 together 0.62246 and 0.37754.
    """
    sources = torch.tensor([[[[0.0, 0.4]], [[0.2, 0.6]]], [[[1.0, 1.0]], [[0.0, 0.0]]]])
    fused = torch.tensor([[[[0.5, 0.7]]], [[[0.5, 0.5]]]])
    means = torch.tensor([[0.2, 0.8], [0.5, 0.7]])
    expected = torch.tensor([(0.6 - 0.3) ** 2, (0.5 - 0.62246) ** 2])
    torch.testing.assert_close(level_loss(sources, fused, means), expected, atol=1e-6, rtol=0)


def test_level_is_that_of_squares_of_44_pixels() -> None:
    """Two squares in each row, 4 pixels apart; the step lies 4 columns from the right border.

    Both sources are 0 everywhere; the result is 1 in its last 4 columns and 0 elsewhere. The first
    square, columns 0 to 43, has the mean 0, the second one, columns 4 to 47, 4 / 44.
    """
    sources, fused = torch.zeros(1, 2, 44, 48), torch.zeros(1, 1, 44, 48)
    fused[..., 44:] = 1
    found = level_loss(sources, fused, torch.tensor([[0.1, 0.4]]))
    torch.testing.assert_close(found, torch.tensor([(0 + (4 / 44) ** 2) / 2]))


def test_level_ignores_an_exposure_that_is_nearly_white_as_a_whole() -> None:
    """Weights of means 0.4 and 0.98: exp(-0.125) = 0.8825 and exp(-2.88) = 0.0561."""
    sources = torch.stack([torch.full((50, 50), 0.3), torch.full((50, 50), 0.9)])[None]
    means = torch.tensor([[0.4, 0.98]])
    level = (0.882497 * 0.3 + 0.056135 * 0.9) / 0.938632
    fused = torch.full((1, 1, 50, 50), level)
    assert level == pytest.approx(0.33588, abs=1e-5)
    assert level_loss(sources, fused, means).item() == pytest.approx(0, abs=1e-10)
    assert level_loss(sources, fused + 0.1, means).item() == pytest.approx(0.01, abs=1e-6)


def test_clipping_loss_by_hand() -> None:
    fused = torch.tensor([[[[-0.5, 0.3]]], [[[1.25, 1.0]]], [[[0.0, 0.5]]]])
    assert clipping_loss(fused).tolist() == [0.25, 0.125, 0.0]


def test_loss_is_the_weighted_sum_of_its_parts() -> None:
    sources, fused = random_images(2, 24, 25, batch=2)
    fused = 1.6 * fused - 0.2  # some of it is outside [0, 1]
    means = torch.tensor([[0.1, 0.5], [0.6, 0.9]], dtype=torch.float64)
    losses = deepfuse_loss(sources, fused, means, 2, 1.0, level_weight=0.3, clipping_weight=0.7)
    assert list(losses) == ["loss", "mef_ssim_loss", "level_loss", "clipping_loss"]
    expected = [
        mef_ssim_loss(sources, fused, 2, 1.0).mean(),
        level_loss(sources, fused, means).mean(),
        clipping_loss(fused).mean(),
    ]
    torch.testing.assert_close(list(losses.values())[1:], expected)
    assert expected[2] > 0
    torch.testing.assert_close(losses["loss"], expected[0] + 0.3 * expected[1] + 0.7 * expected[2])


def test_without_the_added_terms_it_is_equation_7_also_beyond_the_range() -> None:
    """One patch, a checkerboard of +-0.1 with variance v = 0.01, desired as it is; C = 0.0009.

    The result 1.5 + k * checkerboard, k = 2, is all above 1. Its variance is k^2 v and the
    covariance k v, so that the loss is 1 - (2 k v + C) / (v + k^2 v + C) = 1 - 0.0409 / 0.0509, and
    its derivative by k is (0.0409 * 2 k v - 2 v * 0.0509) / 0.0509^2 = 0.000618 / 0.0509^2.
    """
    rows, columns = torch.meshgrid(torch.arange(11), torch.arange(11), indexing="ij")
    board = (0.1 * (-1.0) ** (rows + columns)).double()[None, None]
    sources = (0.5 + board).expand(1, 2, 11, 11)
    k = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    means = means_of(sources)
    losses = deepfuse_loss(sources, 1.5 + k * board, means, level_weight=0, clipping_weight=0)
    losses["loss"].backward()
    assert losses["loss"].item() == pytest.approx(1 - 0.0409 / 0.0509, abs=1e-4)
    assert k.grad is not None
    assert k.grad.item() == pytest.approx(0.000618 / 0.0509**2, abs=1e-4)


def test_desired_image_of_identical_exposures_is_that_exposure() -> None:
    image = random_images(1, 19, 23, batch=2)[0]
    for count in (2, 3):
        found = desired_image(image.expand(-1, count, -1, -1), torch.rand(2, count))
        torch.testing.assert_close(found, image, atol=1e-5, rtol=0)
    flat = torch.full((1, 2, 12, 13), 0.4)
    torch.testing.assert_close(desired_image(flat, torch.rand(1, 2)), flat[:, :1])


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_desired_image_is_its_patches_put_together(weighting: float | None) -> None:
    sources = random_images(3, 17, 15)[0]
    means = torch.tensor([[0.5, 0.3, 0.7]], dtype=torch.float64)  # weights 1, e^-0.5, e^-0.5
    share = np.array([1, np.exp(-0.5), np.exp(-0.5)]) / (1 + 2 * np.exp(-0.5))
    images = 255 * sources[0].numpy()
    total, count = np.zeros((17, 15)), np.zeros((17, 15))
    for top in range(7):
        for left in range(5):
            patches = images[:, top : top + 11, left : left + 11].reshape(3, 121)
            patch = desired_patch(patches, weighting) + share @ patches.mean(axis=1)
            total[top : top + 11, left : left + 11] += patch.reshape(11, 11)
            count[top : top + 11, left : left + 11] += 1
    found = desired_image(sources, means, weighting)
    assert found.shape == (1, 1, 17, 15)
    np.testing.assert_allclose(found[0, 0].numpy(), total / count / 255, atol=1e-7)


@pytest.mark.parametrize(("scales", "least"), [(1, 11), (2, 22), (3, 44)])
def test_least_crop_size_is_the_least_that_works(scales: int, least: int) -> None:
    check_crop_size(least, scales)
    sources, fused = random_images(2, least, least)
    assert mef_ssim_loss(sources, fused, scales).isfinite()
    with pytest.raises(InputError, match=f"--crop_size {least - 1}: --loss_scales {scales} needs"):
        check_crop_size(least - 1, scales)
    with pytest.raises(RuntimeError):
        mef_ssim_loss(sources[..., 1:], fused[..., 1:], scales)
