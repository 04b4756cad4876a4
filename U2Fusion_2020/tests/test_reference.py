"""`run_fusion.py --save_reference`: the sources' mean by information."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import Call
from tests.helpers import get, put
from tests.method import stand_in
from tests.scenes import exposures, put_scenes
from utils.common.color import LUMA
from utils.vgg import VGG16, InformationMeasure, information


def levels(path: Path) -> np.ndarray:
    """Read a result as numbers that can be subtracted."""
    return get(path).astype(int)


def gray(pixels: np.ndarray) -> np.ndarray:
    return pixels @ np.array(LUMA) if pixels.ndim == 3 else pixels.astype(float)


C_FLAGS = {"ivif": 5e3, "mef": 15e3, "mff": 1e6}


def weighted_mean(files: Sequence[Path], c: float) -> np.ndarray:
    """Return g, omega and the mean they give, of whole images, in levels of 0 to 255."""
    vgg: VGG16 = InformationMeasure.load(stand_in()).vgg
    lumas = [gray(get(f)) / 255 for f in files]
    found = [information(vgg, torch.tensor(x, dtype=torch.float32)[None, None]) for x in lumas]
    powers = np.exp((torch.cat(found).double().numpy() - float(max(found))) / c)
    return 255 * sum(p * x for p, x in zip(powers / powers.sum(), lumas, strict=True))


@pytest.mark.parametrize(
    ("kind", "words", "task"),
    [
        ("pair", (), "ivif"),
        ("exposures", (), "mef"),
        ("images", (), "mff"),
        ("pair", ("--task", "mff"), "mff"),
        ("images", ("--task", "ivif"), "ivif"),
    ],
)
def test_reference_is_the_mean_by_information(
    tmp_path: Path, fuse: Call, kind: str, words: tuple[str, ...], task: str
) -> None:
    first, second = (
        put(tmp_path / n / "s.png", x) for n, x in zip("ab", exposures(0), strict=True)
    )
    second = put(second, get(second)[..., 1])  # gray
    names = {
        "pair": ("--vis", first, "--ir", second),
        "exposures": ("--over", first, "--under", second),
        "images": ("--images", first, second),
    }
    values = [word for name, c in C_FLAGS.items() for word in (f"--c_{name}", c)]
    flags = ("--save_reference", "--vgg_weights", stand_in(), *values, *words)
    outcome = fuse(*names[kind], "--output", tmp_path / "out" / "f.png", *flags)
    assert outcome.status == 0
    assert "a stand-in of random weights (seed 0)" in outcome.out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["f.png", "reference"]
    saved = levels(tmp_path / "out" / "reference" / "f.png")
    for name, c in C_FLAGS.items():
        off = np.abs(saved - weighted_mean([first, second], c)).max()
        assert (off <= 0.6) if name == task else (off > 2)


def test_reference_of_several_sources_on_request_only(tmp_path: Path, fuse: Call) -> None:
    scenes = put_scenes(tmp_path / "scenes", 2, count=3)
    flags = ("--scene_dir", scenes, "--output", tmp_path / "out", "--vgg_weights", stand_in())
    outcome = fuse(*flags)
    assert outcome.status == 0
    assert "Information by" not in outcome.out
    assert not (tmp_path / "out" / "reference").exists()
    assert fuse(*flags, "--save_reference", "--overwrite", "--c_mef", 2e4).status == 0
    for name in ("s00", "s01"):
        saved = levels(tmp_path / "out" / "reference" / f"{name}.png")
        expected = weighted_mean(sorted((scenes / name).iterdir()), 2e4)
        assert np.abs(saved - expected).max() <= 0.6
        assert get(tmp_path / "out" / f"{name}.png").shape == (33, 47, 3)
