from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

from benchmark.environment import child_environment
from benchmark.tests.cli import save
from benchmark.tests.stand_ins import add_pairs

settings.register_profile("fast", max_examples=30, deadline=None, derandomize=True)
settings.load_profile("fast")


@pytest.fixture(scope="session", autouse=True)
def importable() -> Iterator[None]:
    """Let the processes that tests start import `benchmark` in any folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", child_environment()["PYTHONPATH"])
        yield


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs ir/IR<n>.png, vis/VIS<n>.png and two methods' results in fused/."""
    rng = np.random.default_rng(1)
    for number in (1, 2, 3):
        ir, vis = rng.integers(0, 256, (2, 48, 52), dtype=np.uint8)
        save(tmp_path / f"ir/IR{number}.png", ir)
        save(tmp_path / f"vis/VIS{number}.png", vis)
        save(tmp_path / f"mean/{number}.png", ir // 2 + vis // 2)
        save(tmp_path / f"visible/{number}.png", vis)
    return tmp_path


@pytest.fixture
def scenes(folder: Path) -> Path:
    """Scenes scenes/<letter> of 2, 3 and 4 exposures and the two results folders."""
    rng = np.random.default_rng(2)
    for scene, count in zip("abc", (2, 3, 4), strict=True):
        exposures = rng.integers(0, 256, (count, 48, 52), dtype=np.uint8)
        for number, exposure in enumerate(exposures):
            save(folder / f"scenes/{scene}/{number}.png", exposure)
        save(folder / f"first/{scene}.png", exposures[0])
        save(folder / f"middle/{scene}.png", exposures.mean(axis=0).astype(np.uint8))
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """The set of the pairs a, b and c."""
    add_pairs(tmp_path / "set", "abc")
    return tmp_path / "set"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where results go; it does not exist."""
    return tmp_path / "out"
