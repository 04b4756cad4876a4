from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.baselines import (
    average,
    build_parser,
    fuse_exposures,
    fuse_pair,
    laplacian_maximum,
    laplacian_pyramid,
    main,
)
from benchmark.image_files import read_channels
from benchmark.metrics.color import luma
from benchmark.tests.cli import save


@pytest.fixture
def images() -> list[NDArray[np.float64]]:
    """An infrared and a visible image, (77, 90, 1) and (77, 90, 3), in 60-200."""
    rng = np.random.default_rng(4)
    return [rng.uniform(60, 200, (77, 90, channels)) for channels in (1, 3)]


def run(*arguments: object) -> int:
    return main(build_parser().parse_args(list(map(str, arguments))))


def test_average_by_hand() -> None:
    a, b = np.array([[[0.0], [100.0]]]), np.array([[[51.0], [50.0]]])
    assert average([a, b]).tolist() == [[[25.5], [75.0]]]


def test_a_laplacian_pyramid_adds_up_to_the_image(images: list[NDArray[np.float64]]) -> None:
    for image in images:
        assert len(laplacian_pyramid(image)) == 3
        np.testing.assert_allclose(laplacian_maximum([image, image]), image, atol=1e-9)


def test_the_laplacian_maximum_takes_details_from_where_they_are() -> None:
    rng = np.random.default_rng(6)
    plain = np.full((64, 64, 3), 100.0)
    busy = plain + np.where(np.arange(64)[:, None, None] < 32, rng.normal(0, 20, plain.shape), 0)
    flipped = busy[::-1]
    fused = laplacian_maximum([busy, flipped])
    np.testing.assert_allclose(fused[:12], busy[:12], atol=12)
    np.testing.assert_allclose(fused[-12:], flipped[-12:], atol=12)
    deviation = fused[:12].std(), average([busy, flipped])[:12].std()
    assert deviation[0] > 1.8 * deviation[1]


def test_a_pair_keeps_the_color_of_the_visible_image(images: list[NDArray[np.float64]]) -> None:
    infrared, visible = images
    fused = fuse_pair(average, infrared, visible)
    planes = [np.moveaxis(image, 2, 0) for image in (infrared, visible, fused)]
    np.testing.assert_allclose(luma(planes[2]), (luma(planes[0]) + luma(planes[1])) / 2)
    np.testing.assert_allclose(fused[..., 0] - fused[..., 2], visible[..., 0] - visible[..., 2])


def test_mertens_is_opencv_s(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    exposures = rng.integers(0, 256, (3, 40, 44, 3), dtype=np.uint8)
    for number, exposure in enumerate(exposures):
        save(tmp_path / f"scenes/one/{number}.png", exposure)
    assert run("mertens", "--scene_dir", tmp_path / "scenes", "--output", tmp_path) == 0
    in_rgb = [exposure[..., ::-1].copy() for exposure in exposures]
    merged = cv2.createMergeMertens().process(in_rgb)
    expected = np.floor(np.clip(255 * merged[..., ::-1], 0, 255) + 0.5)
    found = cv2.imread(str(tmp_path / "one.png"))
    assert found is not None
    np.testing.assert_array_equal(found, expected)


def test_gray_and_colored_exposures_mix(images: list[NDArray[np.float64]]) -> None:
    gray, color = images
    np.testing.assert_allclose(fuse_exposures(average, images), (gray + color) / 2)
    assert fuse_exposures(average, [gray, gray]).shape == gray.shape


@pytest.mark.parametrize("rule", ["average", "laplacian"])
def test_pairs_from_files(tmp_path: Path, rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "vis/a.png", np.full((33, 35, 3), (0, 100, 200), np.uint8))
    infrared = np.full((33, 35), 101 * 257, np.uint16)
    (tmp_path / "ir").mkdir()
    cv2.imwrite(str(tmp_path / "ir/a.png"), infrared)
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
    assert run(rule, *flags) == 0
    fused = read_channels(tmp_path / "out/a.png")
    luma_ = (101 + 0.299 * 200 + 0.587 * 100) / 2  # flat images have no details
    shift = luma_ - (0.299 * 200 + 0.587 * 100)
    expected = np.floor(np.clip(np.array([200, 100, 0]) + shift, 0, 255) + 0.5)
    assert fused[:, 5, 7].tolist() == expected.tolist()
    assert capsys.readouterr().out.startswith("Mean time: ")
    assert run(rule, *flags) == 1
    assert "a.png exists; --overwrite replaces it" in capsys.readouterr().err
    assert run(rule, *flags, "--overwrite") == 0


def test_wrong_sources_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "ir/a.png", np.zeros((20, 20), np.uint8))
    save(tmp_path / "vis/b.png", np.zeros((20, 21), np.uint8))
    both = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis")
    assert run("average", *both, "--output", tmp_path) == 1
    assert "a is not in both --ir and --vis" in capsys.readouterr().err
    assert run("average", *both[:2], "--output", tmp_path) == 1
    assert "give --ir and --vis, or --scene_dir" in capsys.readouterr().err
    (tmp_path / "vis/b.png").rename(tmp_path / "vis/a.png")
    assert run("average", *both, "--output", tmp_path) == 1
    assert "sizes differ" in capsys.readouterr().err


def test_sources_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side in ("ir", "vis"):
        save(tmp_path / f"{side}/a.png", np.full((20, 20), 9, np.uint8))
    (tmp_path / "link").symlink_to(tmp_path / "vis")
    both = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--overwrite")
    before = (tmp_path / "vis/a.png").read_bytes()
    for output in ("vis", "link", "ir"):
        assert run("average", *both, "--output", tmp_path / output) == 1
        assert "a.png (--output) would replace" in capsys.readouterr().err
    assert (tmp_path / "vis/a.png").read_bytes() == before
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert run("average", *both, "--output", tmp_path / "loop") == 1
    assert "loop (--output) is a loop of symbolic links" in capsys.readouterr().err
