"""`run_fusion.py` from files to files: pairs, exposures and any other registered images."""

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.clips import get_clip, put_clip
from tests.conftest import Call
from tests.helpers import FOLDER, get, picture, put, put_pair, run_script
from tests.method import near_identity
from tests.scenes import exposures, put_scene, put_scenes
from utils.common.color import LUMA


def levels(path: Path) -> np.ndarray:
    """Read a result as numbers that can be subtracted."""
    return get(path).astype(int)


def gray(pixels: np.ndarray) -> np.ndarray:
    return pixels @ np.array(LUMA) if pixels.ndim == 3 else pixels.astype(float)


def folded(files: Sequence[Path]) -> np.ndarray:
    """Fuse lumas as the text says: the first two, then the result with the next, and so on."""
    model = near_identity()
    lumas = [gray(get(f)) / np.iinfo(get(f).dtype).max for f in files]
    planes = [torch.tensor(x, dtype=torch.float32)[None, None] for x in lumas]
    fused = planes[0]
    with torch.no_grad():
        for plane in planes[1:]:
            fused = model(torch.cat([fused, plane], dim=1))
    return fused[0, 0].numpy()


@pytest.mark.parametrize("mode", ["--color", "--gray"])
def test_folders_of_pairs_equal_single_pairs(tmp_path: Path, fuse: Call, mode: str) -> None:
    for number in range(3):
        put_pair(tmp_path, f"p{number}", number, color=number != 1, size=(33, 47 + 2 * number))
    ir, vis, flags = tmp_path / "ir", tmp_path / "vis", ("--tile", 20, mode)
    together = fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "all", *flags)
    assert together.status == 0
    for number in range(3):
        name = f"p{number}.png"
        output = tmp_path / "one" / name
        assert fuse("--ir", ir / name, "--vis", vis / name, "--output", output, *flags).status == 0
        fused = get(output)
        np.testing.assert_array_equal(get(tmp_path / "all" / name), fused)
        size = (33, 47 + 2 * number)
        assert fused.shape == (size if mode == "--gray" or number == 1 else (*size, 3))
        assert fused.std() > 5  # no constant
        here, there = gray(fused), gray(get(vis / name)) + gray(get(ir / name))
        upright = np.corrcoef(here.ravel(), there.ravel())[0, 1]
        assert upright > 0.9
        for turned in (there[::-1], there[:, ::-1], there[::-1, ::-1]):
            assert abs(np.corrcoef(here.ravel(), turned.ravel())[0, 1]) < 0.8 * upright


def test_two_gray_images_give_the_network_of_their_lumas(tmp_path: Path, fuse: Call) -> None:
    ir, vis = put_pair(tmp_path, "a", color=False)
    assert fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "f.png").status == 0
    fused = levels(tmp_path / "f.png")
    assert fused.shape == (33, 47)
    assert np.abs(fused - 255 * folded([vis, ir])).max() <= 0.6
    assert np.abs(fused - 255 * folded([ir, vis])).max() > 1  # the visible one comes first


def test_visible_color_is_kept(tmp_path: Path, fuse: Call) -> None:
    ir, vis = put_pair(tmp_path, "a")
    put(vis, picture(0) // 2 + 50)
    for mode in ("--color", "--gray"):
        output = tmp_path / f"{mode}.png"
        assert fuse("--ir", ir, "--vis", vis, "--output", output, mode).status == 0
    fused, luma = levels(tmp_path / "--color.png"), levels(tmp_path / "--gray.png")
    inside = ((fused > 0) & (fused < 255)).all(axis=2)
    assert inside.mean() > 0.5
    moved = fused - levels(vis)  # one step of luma, the same in R, G and B
    assert np.ptp(moved, axis=2)[inside].max() <= 1
    assert np.abs(gray(fused) - luma)[inside].max() <= 1
    assert np.abs(luma - 255 * folded([vis, ir])).max() <= 0.6


def test_color_of_two_colored_sources(tmp_path: Path, fuse: Call) -> None:
    sources = [picture(seed).astype(int) // 2 + 60 for seed in (0, 1)]
    for image in sources:
        image[:, :15] = image[:, :15, :1]  # neutral
    files = [put(tmp_path / f"{n}.png", np.uint8(image)) for n, image in enumerate(sources)]
    assert fuse("--images", *files, "--output", tmp_path / "f.png").status == 0
    fused = levels(tmp_path / "f.png")
    assert np.ptp(fused[:, :15], axis=2).max() == 0
    hue, first, second = (x[:, 15:, 0] - x[:, 15:, 2] for x in (fused, *sources))
    assert np.corrcoef(hue.ravel(), (first + second).ravel())[0, 1] > 0.9
    for one in (first, second):
        assert np.corrcoef(hue.ravel(), one.ravel())[0, 1] < 0.9  # not that of one alone


def test_more_than_two_are_folded_in_the_order_given(tmp_path: Path, fuse: Call) -> None:
    files = [put(tmp_path / f"{n}.png", picture(n, channels=1)) for n in range(3)]
    results = {}
    for order in permutations(range(3)):
        chosen = [files[i] for i in order]
        assert fuse("--images", *chosen, "--output", tmp_path / "f.png", "--overwrite").status == 0
        results[order] = levels(tmp_path / "f.png")
        assert np.abs(results[order] - 255 * folded(chosen)).max() <= 0.6
    assert np.abs(results[0, 1, 2] - results[2, 1, 0]).max() > 5
    assert np.abs(results[0, 1, 2] - results[0, 2, 1]).max() > 5


def test_folders_of_images(tmp_path: Path, fuse: Call) -> None:
    for number, name in enumerate("cab"):
        put(tmp_path / name / "scene.png", picture(number))
    folders = [tmp_path / n for n in "cab"]
    assert fuse("--images", *folders, "--output", tmp_path / "out").status == 0
    files = [f / "scene.png" for f in folders]
    assert fuse("--images", *files, "--output", tmp_path / "one.png").status == 0
    np.testing.assert_array_equal(get(tmp_path / "out" / "scene.png"), get(tmp_path / "one.png"))
    luma = gray(get(tmp_path / "one.png"))
    inside = ((get(tmp_path / "one.png") > 0) & (get(tmp_path / "one.png") < 255)).all(axis=2)
    assert np.abs(luma - 255 * folded(files))[inside].max() <= 1


def test_exposures_are_folded_darkest_first(tmp_path: Path, fuse: Call) -> None:
    """Whatever they are called; and both folders' flags may be exchanged."""
    files = put_scene(tmp_path / "s", count=3, channels=1)  # the darkest comes last by name
    assert sorted(files) == files[::-1]
    assert fuse("--scene_dir", tmp_path / "s", "--output", tmp_path / "out").status == 0
    fused = levels(tmp_path / "out" / "s.png")
    assert np.abs(fused - 255 * folded(files)).max() <= 0.6
    assert np.abs(fused - 255 * folded(files[::-1])).max() > 3
    dark, bright = files[0], files[2]
    for under, over in ((dark, bright), (bright, dark)):
        flags = ("--under", under, "--over", over, "--output", tmp_path / "f.png")
        assert fuse(*flags, "--overwrite").status == 0
        assert np.abs(levels(tmp_path / "f.png") - 255 * folded([dark, bright])).max() <= 0.6
    assert fuse("--images", bright, dark, "--output", tmp_path / "i.png").status == 0
    assert np.abs(levels(tmp_path / "i.png") - 255 * folded([bright, dark])).max() <= 0.6


def test_exposures_of_a_video_keep_their_order(tmp_path: Path, fuse: Call) -> None:
    """In its last frame the first video is the brighter one."""
    scene, other = picture(0, 48, 64, channels=1) // 3, picture(1, 48, 64, channels=1) // 3
    first = put_clip(tmp_path / "first.avi", [scene, scene, scene + 160])
    second = put_clip(tmp_path / "second.avi", [other + 80] * 3)
    flags = ("--under", first, "--over", second, "--gray", "--output")
    assert fuse(*flags, tmp_path / "fused.avi").status == 0
    last = [put(tmp_path / f"{n}.png", get_clip(v)[2]) for n, v in enumerate((first, second))]
    fused = get_clip(tmp_path / "fused.avi")[2].mean(axis=2)
    assert np.abs(fused - 255 * folded(last)).mean() < 2
    assert np.abs(fused - 255 * folded(last[::-1])).mean() > 3


def test_luma_decides_which_exposure_is_darkest(tmp_path: Path, fuse: Call) -> None:
    blue = np.zeros((33, 47, 3), np.uint8)
    blue[..., 2] = 120 + picture(0, channels=1) // 2  # of a greater mean, and a smaller luma
    dull = np.repeat(30 + picture(1, channels=1)[..., None] // 8, 3, axis=2)
    files = [put(tmp_path / "blue.png", blue), put(tmp_path / "dull.png", dull)]
    assert dull.mean() < blue.mean()
    assert gray(blue).mean() < gray(dull).mean()
    flags = ("--under", files[1], "--over", files[0], "--gray", "--output", tmp_path / "f.png")
    assert fuse(*flags).status == 0
    assert np.abs(levels(tmp_path / "f.png") - 255 * folded(files)).max() <= 0.6


def test_scenes_equal_single_scenes(tmp_path: Path, fuse: Call) -> None:
    scenes = put_scenes(tmp_path / "scenes", 2, count=4)
    put_scene(scenes / "gray", 7, channels=1, size=(31, 29))
    assert fuse("--scene_dir", scenes, "--output", tmp_path / "all").status == 0
    for name, shape in (("gray", (31, 29)), ("s00", (33, 47, 3)), ("s01", (33, 47, 3))):
        assert fuse("--scene_dir", scenes / name, "--output", tmp_path / "one").status == 0
        alone = get(tmp_path / "one" / f"{name}.png")
        assert alone.shape == shape
        np.testing.assert_array_equal(get(tmp_path / "all" / f"{name}.png"), alone)
    assert len(list((tmp_path / "all").iterdir())) == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_in_sixteen_bits_out(tmp_path: Path, fuse: Call, channels: int) -> None:
    files = put_scene(tmp_path / "s", count=3, channels=channels, dtype=np.uint16)
    output = tmp_path / "f.tif"
    assert fuse("--images", *files, "--output", output).status == 0
    fused = get(output)
    assert (fused.dtype, fused.shape) == (np.uint16, get(files[0]).shape)
    assert len(np.unique(fused)) > 256  # not eight bits spread
    if channels == 1:
        assert np.abs(fused - 65535 * folded(files)).max() <= 2


def test_eight_and_sixteen_bits_together(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.jpg", picture(0))
    ir = put(tmp_path / "ir.tif", picture(0, channels=1, dtype=np.uint16))
    assert fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "pair.png").status == 0
    assert get(tmp_path / "pair.png").dtype == np.uint8  # that of the visible one
    assert fuse("--images", ir, vis, "--output", tmp_path / "images.png").status == 0
    assert get(tmp_path / "images.png").dtype == np.uint16  # that of the first one


def test_infrared_range(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(1, channels=1) // 2)
    dim = (picture(0, channels=1, dtype=np.uint16) // 64).astype(np.uint16)  # 10 bits of 16
    ir = put(tmp_path / "ir.png", dim)
    results = {}
    for chosen in ("full", "minmax", "percentile", "0:1023"):
        output = tmp_path / f"{chosen[:3]}.png"
        outcome = fuse("--ir", ir, "--vis", vis, "--output", output, "--ir_range", chosen)
        assert outcome.status == 0
        assert ("infrared values fill" in outcome.err) == (chosen == "full")
        results[chosen] = levels(output)
    spread = put(tmp_path / "spread.png", np.rint(dim / 1023 * 65535).astype(np.uint16))
    assert np.abs(results["minmax"] - 255 * folded([vis, spread])).max() <= 1
    np.testing.assert_allclose(results["minmax"], results["0:1023"], atol=1)
    assert results["minmax"].mean() > results["full"].mean() + 20
    assert not np.array_equal(results["minmax"], results["percentile"])


@pytest.mark.parametrize(("side", "shape"), [("ir", (33, 47, 3)), ("vis", (20, 31, 3))])
def test_resize_brings_one_source_to_the_other(
    tmp_path: Path, fuse: Call, side: str, shape: tuple[int, ...]
) -> None:
    vis = put(tmp_path / "vis.png", picture(0, 33, 47))
    ir = put(tmp_path / "ir.png", picture(1, 20, 31, channels=1))
    output = tmp_path / "fused.png"
    assert fuse("--ir", ir, "--vis", vis, "--output", output, "--resize", side).status == 0
    assert get(output).shape == shape


def test_stretch_fills_the_range(tmp_path: Path, fuse: Call) -> None:
    dull = [image // 5 + 80 for image in exposures(0, channels=1)]
    files = [put(tmp_path / f"{n}.png", image) for n, image in enumerate(dull)]
    for stretch in ("none", "minmax", "max"):
        output = tmp_path / f"{stretch}.png"
        assert fuse("--images", *files, "--output", output, "--stretch", stretch).status == 0
    plain, full, bright = (levels(tmp_path / f"{n}.png") for n in ("none", "minmax", "max"))
    assert np.ptp(plain) < 150
    assert (full.min(), full.max()) == (0, 255)
    assert bright.min() > 0.5 * plain.min()  # 0 stays 0
    assert bright.max() == 255
    exact = folded(files)
    scaled = (exact - exact.min()) / np.ptp(exact)
    assert np.abs(full - 255 * scaled).max() <= 0.6
    assert np.abs(bright - 255 * exact / exact.max()).max() <= 0.6


def test_console_output_from_another_folder(tmp_path: Path, gray_weights: Path) -> None:
    put_pair(tmp_path, "a")
    put_pair(tmp_path, "b", 1)
    done = run_script(
        str(FOLDER / "scripts" / "run_fusion.py"),
        *("--ir", "ir", "--vis=vis", "--output", "out"),
        *("--weights", gray_weights, "--device", "cpu"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    assert lines == [
        f"{gray_weights} model loaded (this repository's layout).",
        "Loading data...",
        "Fusing...",
        f"Output path: {tmp_path / 'out'} (2 images)",
    ]
    assert last.startswith("Mean time: ")
    assert "2/2" in done.stderr  # the progress bar
    assert "warning" not in done.stderr
    assert get(tmp_path / "out" / "a.png").shape == (33, 47, 3)


def test_shifted_sources_are_warned_of(tmp_path: Path, fuse: Call) -> None:
    scene = picture(3, 130, 280, channels=1)
    first = put(tmp_path / "first.png", scene[10:120, 20:260])
    second = put(tmp_path / "second.png", scene[10:120, 40:280])
    remedies = ("--register brings them together", "--align brings them together")
    for names, remedy in zip(
        (("--vis", first, "--ir", second), ("--images", first, second)), remedies, strict=True
    ):
        outcome = fuse(*names, "--output", tmp_path / "f.png", "--overwrite")
        assert outcome.status == 0
        assert f"warning: {second} seems to lie " in outcome.err
        assert f"pixels off {first}; {remedy}" in outcome.err


def test_a_shaken_bracket_is_aligned(tmp_path: Path, fuse: Call) -> None:
    scene = picture(3, 150, 190)
    places = ((8, 10, 2), (5, 13, 1))
    shaken = [scene[y : y + 130, x : x + 170] // d for y, x, d in places]
    steady = [scene[8:135, 13:180] // d for _, _, d in places]
    for name, images in (("shaken", shaken), ("steady", steady)):
        files = [put(tmp_path / name / f"{n}.png", image) for n, image in enumerate(images)]
        outcome = fuse("--images", *files, "--output", tmp_path / f"{name}.png", "--align")
        assert outcome.status == 0
        assert f"{name}: moved by " in outcome.err
        assert ", cut to 167x127" in outcome.err
    np.testing.assert_array_equal(get(tmp_path / "shaken.png"), get(tmp_path / "steady.png"))


def test_identical_sources_are_warned_of(tmp_path: Path, fuse: Call) -> None:
    vis = put(tmp_path / "vis.png", picture(0, channels=1))
    ir = put(tmp_path / "ir.png", picture(0, channels=1))
    outcome = fuse("--ir", ir, "--vis", vis, "--output", tmp_path / "f.png")
    assert outcome.status == 0
    assert f"warning: {vis}, {ir} are identical" in outcome.err


def test_unicode_folder(tmp_path: Path, fuse: Call) -> None:
    put_pair(tmp_path / "数据 é", "夜晚")
    flags = ("--ir", tmp_path / "数据 é" / "ir", "--vis", tmp_path / "数据 é" / "vis")
    assert fuse(*flags, "--output", tmp_path / "结果").status == 0
    assert (tmp_path / "结果" / "夜晚.png").is_file()
