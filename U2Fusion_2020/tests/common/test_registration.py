# From common_code/infrared/tests/common/test_registration.py; edit it there, then tools/sync.py.
"""Known transforms are found, and what does not belong together is refused."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from tests.helpers import picture
from utils.common.registration import register

HEIGHT, WIDTH = 240, 320


def scene(seed: int = 3) -> np.ndarray:
    """Return a gray scene of coarse and fine structures."""
    coarse = cv2.resize(picture(seed, 60, 80, 1), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return coarse // 2 + picture(seed + 1, HEIGHT, WIDTH, 1) // 4


def infrared_of(gray: np.ndarray, warp: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the scene as another camera sees it: hot is dark, and moved by `warp`."""
    inverted = np.rint(255 * (1 - gray / 255.0) ** 1.5).astype(np.uint8)
    return cv2.warpPerspective(inverted, warp, size, borderMode=cv2.BORDER_REFLECT_101)


def corner_error(matrix: np.ndarray, warp: np.ndarray) -> float:
    """Return how far a corner of the scene comes out by the warp and back, in pixels."""
    corners = np.array([[[0, 0]], [[WIDTH, 0]], [[0, HEIGHT]], [[WIDTH, HEIGHT]]], float)
    back = cv2.perspectiveTransform(corners, matrix @ warp)
    return float(np.linalg.norm(back - corners, axis=2).max())


def turned(angle: float, scale: float, shift: Sequence[float]) -> np.ndarray:
    """Return a similarity about the center."""
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D(((WIDTH - 1) / 2, (HEIGHT - 1) / 2), -angle, scale)
    matrix[:2, 2] += shift
    return matrix


@pytest.mark.parametrize("model", ["similarity", "affine", "homography"])
def test_a_known_transform_is_found(model: str) -> None:
    warp = turned(2.0, 1.03, (14, -9))
    if model == "affine":
        warp = np.array([[1, 0.02, 0], [0, 0.98, 0], [0, 0, 1]]) @ warp
    if model == "homography":
        warp = np.array([[1, 0, 0], [0, 1, 0], [1e-4, -5e-5, 1]]) @ warp
    infrared = infrared_of(scene(), warp, (WIDTH, HEIGHT))
    found = register(scene(), infrared, model)
    assert found.status == "registered"
    assert corner_error(found.matrix, warp) < 1
    if model == "similarity":
        assert found.rotation == pytest.approx(-2, abs=0.1)
        assert found.scale == pytest.approx(1 / 1.03, abs=0.003)
        back = np.linalg.inv(warp) @ [(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1]
        moved = back[:2] - [(WIDTH - 1) / 2, (HEIGHT - 1) / 2]
        assert found.shift == pytest.approx(tuple(moved), abs=0.3)
        np.testing.assert_allclose(found.matrix[0, 0], found.matrix[1, 1], atol=1e-9)
        np.testing.assert_allclose(found.matrix[0, 1], -found.matrix[1, 0], atol=1e-9)


def test_images_of_other_sizes_and_types() -> None:
    half = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])  # centers of pixels are whole
    warp = half @ turned(0, 1, (8, 5))
    infrared = infrared_of(scene(), warp, (WIDTH // 2, HEIGHT // 2)).astype(np.uint16) * 60
    found = register(np.dstack([scene()] * 3), infrared)
    assert found.status == "registered"
    assert corner_error(found.matrix, warp) < 1
    assert found.shift == pytest.approx((-8, -5), abs=0.3)
    assert found.scale == pytest.approx(1, abs=0.005)


def test_a_wider_infrared_image() -> None:
    visible = scene()[:, 40:280]  # 240x240 of the infrared image's 320x240
    infrared = infrared_of(scene(), np.eye(3), (WIDTH, HEIGHT))
    found = register(visible, infrared)
    assert found.status == "registered"
    np.testing.assert_allclose(found.matrix, [[1, 0, -40], [0, 1, 0], [0, 0, 1]], atol=0.5)


def test_an_aligned_pair_is_said_to_be_aligned() -> None:
    found = register(scene(), infrared_of(scene(), np.eye(3), (WIDTH, HEIGHT)))
    assert found.status == "already aligned"
    assert found.displacement < 0.5


def test_what_does_not_belong_together_is_refused() -> None:
    flat = np.full((HEIGHT, WIDTH), 7, np.uint8)
    for other in (scene(11), flat):
        found = register(scene(), other)
        assert found.status == "could not register"
        assert np.isfinite(found.matrix).all()
    assert register(flat, flat).confidence == 0
