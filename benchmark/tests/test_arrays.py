import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmark.metrics import CONVENTIONS, entropy, mef_ssim, psnr, ssim
from benchmark.metrics.arrays import as_batch, round_half_up
from benchmark.metrics.color import luma, matlab_gray


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([np.zeros((4, 6)), np.zeros((6, 4))], r"\(4, 6\), \(6, 4\)"),
        ([np.zeros((4, 6, 3))], r"\(4, 6, 3\)"),
        ([np.zeros((2, 3, 4, 6))], r"\(2, 3, 4, 6\)"),
        ([np.zeros((0, 6))], r"\(0, 6\)"),
        ([np.full((2, 2), 256)], "256"),
        ([np.full((2, 2), -0.1)], "-0.1"),
        ([np.array([[0.0, np.nan]])], "nan"),
        ([torch.full((1, 1, 2, 2), -1.0)], "-1"),
    ],
)
def test_what_is_no_luma_is_refused(images: list[NDArray[np.float64]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_batch(*images)


def test_arrays_and_tensors_are_not_mixed() -> None:
    with pytest.raises(TypeError, match="all images as arrays or all as tensors"):
        psnr([np.zeros((2, 2))], torch.zeros(2, 2))


@pytest.mark.parametrize("name", [n for n in CONVENTIONS["standard"].functions if n[:2] != "en"])
def test_sizes_must_agree(name: str) -> None:
    image = np.zeros((161, 165))
    score = CONVENTIONS["standard"].functions[name]
    if name in ("sd", "sf", "ag", "ei"):  # of the fused image alone
        assert np.isfinite(score([image, image], image.T))
    else:
        with pytest.raises(ValueError, match="one size"):
            score([image, image], image.T)


def test_scores_are_of_the_kind_of_the_images(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = triple
    one = ssim([a, b], fused)
    assert isinstance(one, float)
    batch = [np.stack([image] * 3)[:, None] for image in triple]
    three = ssim(batch[:2], batch[2])
    assert isinstance(three, np.ndarray)
    np.testing.assert_allclose(three, [one] * 3)
    tensors = [torch.from_numpy(image) for image in batch]
    floats = [image.float() for image in tensors]
    for images in (tensors, floats, [image.double() for image in tensors]):
        scores = ssim(images[:2], images[2])
        assert isinstance(scores, torch.Tensor)
        assert scores.shape == (3,)
        assert scores.dtype == (
            torch.float64 if images[0].dtype == torch.float64 else torch.float32
        )
        single = ssim([images[0][0, 0], images[1][0, 0]], images[2][0, 0])
        assert single.shape == ()
        assert float(single) == pytest.approx(one, abs=1e-6)


def test_no_gradient_is_kept(triple: list[NDArray[np.uint8]]) -> None:
    a, b, fused = (torch.from_numpy(image).float() for image in triple)
    assert not psnr([a, b], fused.requires_grad_()).requires_grad


def test_images_of_a_batch_are_scored_alone(exposures: list[NDArray[np.float64]]) -> None:
    batch = [np.stack([image, image[::-1], 255 - image])[:, None] for image in exposures]
    expected = [mef_ssim([b[k, 0] for b in batch], batch[1][k, 0]) for k in range(3)]
    np.testing.assert_allclose(mef_ssim(batch, batch[1]), expected, atol=1e-12)
    np.testing.assert_allclose(entropy(batch[1]), [entropy(x[0]) for x in batch[1]], atol=1e-12)


def test_halves_are_rounded_upwards() -> None:
    values = torch.tensor([[0.0, 0.4998, 0.5, 1.5, 2.5, 254.5, 255.0]])
    for kind in (torch.float32, torch.float64):
        assert round_half_up(values.to(kind)).tolist() == [[0, 0, 1, 2, 3, 255, 255]]
    almost = torch.tensor([10.5], dtype=torch.float64) - 1e-9  # what rounding leaves of 10.5
    assert round_half_up(almost) == round_half_up(almost.float()) == 11


def test_luma_and_matlab_gray() -> None:
    rgb = np.array([10.0, 200.0, 90.0]).reshape(3, 1, 1)
    assert luma(rgb) == pytest.approx(0.299 * 10 + 0.587 * 200 + 0.114 * 90)
    assert matlab_gray(rgb) == 131  # 130.66 in round numbers
    gray = np.full((3, 1, 1), 77)
    assert luma(gray) == matlab_gray(gray) == luma(gray[:1]) == matlab_gray(gray[:1]) == 77
    assert matlab_gray(np.array([[[1.5]]])) == 2
