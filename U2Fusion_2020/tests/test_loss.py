"""The losses, against numbers worked by hand, per image and with gradients checked."""

import numpy as np
import pytest
import torch

from utils.util_loss import check_crop_size, mse_loss, similarity_loss, ssim_loss
from utils.utils import InputError


def samples(count: int = 3, sources: int = 2, side: int = 24) -> tuple[torch.Tensor, ...]:
    """Return sources, a fused image and weights, made up."""
    generator = torch.Generator().manual_seed(count)
    images = torch.rand(count, sources, side, side, generator=generator)
    fused = torch.rand(count, 1, side, side, generator=generator)
    weights = torch.rand(count, sources, generator=generator).softmax(dim=1)
    return images, fused, weights


def test_pixel_loss_by_hand() -> None:
    sources = torch.stack([torch.zeros(2, 12, 12), torch.ones(2, 12, 12)], dim=1)
    fused = torch.stack([torch.full((1, 12, 12), 0.5), torch.full((1, 12, 12), 0.2)])
    weights = torch.tensor([[0.3, 0.7], [0.9, 0.1]])
    expected = torch.tensor([0.25, 0.9 * 0.04 + 0.1 * 0.64])
    torch.testing.assert_close(mse_loss(sources, fused, weights), expected)


def literal_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """Return SSIM of two images in [0, 1], window by window (Wang et al., 2004)."""
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    scores = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            a, b = (image[row : row + 11, column : column + 11] for image in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            spread = (window * ((a - mean_a) ** 2 + (b - mean_b) ** 2)).sum()
            level = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
            scores.append(level * (2 * covariance + 9e-4) / (spread + 9e-4))
    return float(np.mean(scores))


def test_structural_loss_window_by_window() -> None:
    sources, fused, weights = samples(side=14)
    found = ssim_loss(sources, fused, weights)
    for n in range(3):
        scores = [
            literal_ssim(fused[n, 0].double().numpy(), x.double().numpy()) for x in sources[n]
        ]
        expected = sum(float(w) * (1 - score) for w, score in zip(weights[n], scores, strict=True))
        assert float(found[n]) == pytest.approx(expected, abs=1e-5)


def test_weighted_sum_of_both() -> None:
    sources, fused, weights = samples()
    losses = similarity_loss(sources, fused, weights)
    structure = ssim_loss(sources, fused, weights).mean()
    pixel = mse_loss(sources, fused, weights).mean()
    torch.testing.assert_close(losses["loss"], structure + 20 * pixel)
    losses = similarity_loss(sources, fused, weights, 3.0, 0.5)
    torch.testing.assert_close(losses["loss"], 3 * structure + 0.5 * pixel)
    assert (losses["ssim_loss"], losses["pixel_loss"]) == (structure, pixel)


def test_nothing_to_lose_where_the_weighted_source_is_met() -> None:
    sources, _, _ = samples()
    for i, weights in enumerate(torch.eye(2)):
        losses = similarity_loss(sources, sources[:, i : i + 1], weights.expand(3, 2))
        assert float(losses["loss"]) == pytest.approx(0, abs=1e-6)
        other = similarity_loss(sources, sources[:, 1 - i : 2 - i], weights.expand(3, 2))
        assert float(other["loss"]) > 1


@pytest.mark.parametrize("sources", [2, 3])
def test_a_batch_is_the_mean_of_its_samples(sources: int) -> None:
    images, fused, weights = samples(4, sources)
    fused.requires_grad_()
    together = similarity_loss(images, fused, weights)
    [gradient] = torch.autograd.grad(together["loss"], fused)
    alone = [similarity_loss(*(x[n : n + 1] for x in (images, fused, weights))) for n in range(4)]
    for name, value in together.items():
        torch.testing.assert_close(value, torch.stack([a[name] for a in alone]).mean())
    for n, loss in enumerate(alone):
        [single] = torch.autograd.grad(loss["loss"], fused, retain_graph=True)
        torch.testing.assert_close(gradient[n], single[n] / 4)
        assert single[np.arange(4) != n].abs().max() == 0


def test_gradients() -> None:
    sources, fused, weights = (x.double() for x in samples(1, 2, 12))
    fused.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: similarity_loss(sources, x, weights)["loss"], fused, fast_mode=True
    )


def test_samples_smaller_than_the_window() -> None:
    check_crop_size(11)
    with pytest.raises(InputError, match="--crop_size 10: SSIM needs 11 or more"):
        check_crop_size(10)
