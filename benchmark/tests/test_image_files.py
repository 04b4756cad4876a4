import re
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmark.image_files import (
    image_name,
    index_images,
    index_scenes,
    match_images,
    read_luma,
    scene_name,
)

GRAY = np.arange(256, dtype=np.uint8).reshape(8, 32)
COLOR = np.dstack([GRAY, GRAY[::-1], GRAY[:, ::-1]])  # B, G, R


def save(path: Path, image: NDArray[np.integer | np.floating]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def test_a_jpeg_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    path = save(tmp_path / "a.jpg", noise)
    whole = path.read_bytes()
    assert read_luma(path).shape == (64, 64)
    path.write_bytes(whole[: len(whole) // 2] + b"\xff\xd9")  # with an end, but too early
    with pytest.raises(ValueError, match="is damaged"):
        read_luma(path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_gray_stays_exactly(tmp_path: Path, suffix: str) -> None:
    one = save(tmp_path / f"one{suffix}", GRAY)
    three = save(tmp_path / f"three{suffix}", np.dstack([GRAY] * 3))
    for path in (one, three):
        luma = read_luma(path)
        assert luma.dtype == np.float64
        np.testing.assert_array_equal(luma, GRAY)


def test_color_becomes_bt601_luma_without_rounding(tmp_path: Path) -> None:
    blue, green, red = np.moveaxis(COLOR.astype(np.float64), 2, 0)
    expected = 0.299 * red + 0.587 * green + 0.114 * blue
    luma = read_luma(save(tmp_path / "a.png", COLOR))
    np.testing.assert_allclose(luma, expected, atol=1e-10)


def test_16_bit_is_scaled_to_255(tmp_path: Path) -> None:
    values = np.array([[0, 257, 1000, 65535]], dtype=np.uint16)
    luma = read_luma(save(tmp_path / "a.png", values))
    np.testing.assert_allclose(luma, [[0, 1, 1000 / 257, 255]])
    equal_channels = read_luma(save(tmp_path / "b.png", np.dstack([values] * 3)))
    np.testing.assert_array_equal(equal_channels, luma)


def test_alpha_is_dropped(tmp_path: Path) -> None:
    with_alpha = np.dstack([COLOR, np.full_like(GRAY, 3)])
    expected = read_luma(save(tmp_path / "a.png", COLOR))
    np.testing.assert_array_equal(read_luma(save(tmp_path / "b.png", with_alpha)), expected)


def test_unicode_path(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_luma(save(tmp_path / "红外 é" / "图.png", GRAY)), GRAY)


@pytest.mark.parametrize("content", [b"", b"no image at all"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.png cannot be decoded"):
        read_luma(path)


def test_float_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.tif holds float32"):
        read_luma(save(tmp_path / "a.tif", GRAY.astype(np.float32)))


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        *((stem, "1") for stem in ("1", "IR1", "VIS1", "vi_1", "1_ir", "1-VIS", "1ir", "fused_1")),
        ("ir_a_b", "a_b"),
        ("a b.visible", "a b"),
        ("00537D", "00537D"),
        ("FLIR_00006", "FLIR_00006"),
        ("vision", "vision"),
        ("stairs", "stairs"),
        ("fir", "fir"),
        ("ir", "ir"),
        ("ir_", "ir_"),
    ],
)
def test_marks_are_not_part_of_the_name(stem: str, name: str) -> None:
    assert image_name(Path(f"{stem}.png")) == name


def test_what_is_no_image_is_ignored(tmp_path: Path) -> None:
    for name in (".hidden.png", "._IR1.png", "Thumbs.db", "notes.txt", "A.PNG", "VIS1.jpg"):
        (tmp_path / name).touch()
    found = index_images(tmp_path, "--vis")
    assert list(found.items()) == [("1", tmp_path / "VIS1.jpg"), ("A", tmp_path / "A.PNG")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), r"no image \(.*\) in .* \(--ir\)"),
        (("1.png", "IR1.png"), r"1\.png and IR1\.png \(--ir\) have the same name"),
        (("1.png",), r"\(--ir\) has no image for 2 of --vis"),
        (("1.png", "2.png", "IR3.png"), r"\(--ir\) has images that --vis lacks: IR3\.png"),
    ],
)
def test_a_folder_that_does_not_match_is_refused(
    tmp_path: Path, files: tuple[str, ...], message: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=message):
        match_images(tmp_path, "--ir", ["1", "2"])


def test_many_missing_images_are_counted(tmp_path: Path) -> None:
    (tmp_path / "1.png").touch()
    with pytest.raises(ValueError, match="for 2, 3, 4, 5, 6 and 2 more"):
        match_images(tmp_path, "--ir", [str(number) for number in range(1, 9)])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'no'} (--vis) does not exist")):
        index_images(tmp_path / "no", "--vis")


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_scenes_are_folders_of_exposures(tmp_path: Path) -> None:
    names = ("b/over.jpg", "b/Under.PNG", "a.b/3.png", "a.b/1.png", "a.b/2.tif")
    files = {name: touch(tmp_path / name) for name in names}
    for name in ("b/.hidden.png", "b/notes.txt", ".cache/1.png", "README.txt", "sheet.png"):
        touch(tmp_path / name)
    assert list(index_scenes(tmp_path, "--scenes").items()) == [
        ("a.b", [files["a.b/1.png"], files["a.b/2.tif"], files["a.b/3.png"]]),
        ("b", [files["b/Under.PNG"], files["b/over.jpg"]]),
    ]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (
            "scenes/a/one.jpg",
            r"a \(--scenes\) has one exposure, one\.jpg; a scene needs two or more",
        ),
        ("scenes/a/notes.txt", r"a \(--scenes\) has no exposure; a scene needs two or more"),
        ("scenes/one.jpg", r"no scene in .* \(--scenes\); expected .*/<scene>/"),
        ("scenes", r"scenes \(--scenes\) is not a folder; expected .*/<scene>/"),
    ],
)
def test_what_is_no_scene_is_refused(tmp_path: Path, file: str, message: str) -> None:
    touch(tmp_path / file)
    with pytest.raises(ValueError, match=message):
        index_scenes(tmp_path / "scenes", "--scenes")


def test_results_of_scenes_have_their_exact_names(tmp_path: Path) -> None:
    path = touch(tmp_path / "vis_1.png")
    find = partial(match_images, tmp_path, "--fused", named_by="--scenes", name_of=scene_name)
    assert find(["vis_1"]) == {"vis_1": path}
    with pytest.raises(ValueError, match=r"\(--fused\) has no image for 1 of --scenes"):
        find(["1"])
    touch(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"\(--fused\) has images that --scenes lacks: vis_1\.png"):
        find(["1"])


def test_one_file_matches_one_name_whatever_it_is_called(tmp_path: Path) -> None:
    path = save(tmp_path / "result.png", GRAY)
    assert match_images(path, "--fused", ["scene"]) == {"scene": path}
    with pytest.raises(ValueError, match="has no image for a, b"):
        match_images(path, "--fused", ["a", "b"])
