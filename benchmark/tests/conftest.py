from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

settings.register_profile("fast", max_examples=30, deadline=None, derandomize=True)
settings.load_profile("fast")


@pytest.fixture
def triple() -> list[NDArray[np.uint8]]:
    """Two related sources and their rounded mean, (17, 14)."""
    rng = np.random.default_rng(7)
    a = rng.integers(0, 256, (17, 14))
    b = np.clip(a // 2 + rng.integers(0, 200, a.shape), 0, 255)
    return [image.astype(np.uint8) for image in (a, b, (a + b + 1) // 2)]


@pytest.fixture
def exposures() -> list[NDArray[np.float64]]:
    """Three exposures of one scene, clipped at both ends, the last partly black; (45, 47)."""
    rng = np.random.default_rng(5)
    scene = np.kron(rng.uniform(0, 1, (12, 12)), np.ones((4, 4)))[:45, :47]
    scene = scene + rng.normal(0, 0.05, scene.shape)
    images = [np.clip(np.floor(255 * gain * scene), 0, 255) for gain in (0.4, 1.0, 2.5)]
    images[2][:20, :20] = 0
    return images
