"""`run_fusion.py` from files to files."""

from pathlib import Path

import numpy as np
import pytest

import run_fusion
from tests.conftest import Call
from tests.helpers import get, picture, put, run_script
from tests.scenes import exposures, put_couple, put_scene, put_scenes
from utils.common.color import LUMA
from utils.common.exposures import EXPOSURES
from utils.common.pairs import DefaultSet


def levels(path: Path) -> np.ndarray:
    """Read a result as numbers that can be subtracted."""
    return get(path).astype(int)


def gray(pixels: np.ndarray) -> np.ndarray:
    return pixels @ np.array(LUMA) if pixels.ndim == 3 else pixels


@pytest.mark.parametrize("mode", ["--color", "--gray"])
def test_folder_run_equals_single_runs(tmp_path: Path, fuse: Call, mode: str) -> None:
    for number in range(3):
        kind = {"channels": 1 if number == 1 else 3, "size": (33, 47 + 2 * number)}
        put_couple(tmp_path, f"p{number}", number, **kind)
    folders = ["--under", tmp_path / "under", "--over", tmp_path / "over"]
    assert fuse(*folders, "--output", tmp_path / "all", "--tile", 20, mode).status == 0
    for number in range(3):
        name = f"p{number}.png"
        files = ["--under", tmp_path / "under" / name, "--over", tmp_path / "over" / name]
        assert fuse(*files, "--output", tmp_path / "one" / name, "--tile", 20, mode).status == 0
        alone = get(tmp_path / "one" / name)
        np.testing.assert_array_equal(get(tmp_path / "all" / name), alone)
        shape = (33, 47 + 2 * number)
        assert alone.shape == (shape if mode == "--gray" or number == 1 else (*shape, 3))
        mean = sum(gray(levels(tmp_path / n / name)) for n in ("under", "over")) / 2
        upright = np.corrcoef(gray(alone).ravel(), mean.ravel())[0, 1]
        assert upright > 0.9
        for turned in (mean[::-1], mean[:, ::-1], mean[::-1, ::-1]):
            assert abs(np.corrcoef(gray(alone).ravel(), turned.ravel())[0, 1]) < 0.8 * upright


def test_scenes_equal_single_scenes_and_their_images(tmp_path: Path, fuse: Call) -> None:
    scenes = put_scenes(tmp_path / "scenes", 2, count=3)
    put_scene(scenes / "gray", 7, count=2, channels=1, size=(31, 29))
    assert fuse("--scene_dir", scenes, "--output", tmp_path / "all").status == 0
    names = ["gray", "s00", "s01"]
    assert sorted(p.stem for p in (tmp_path / "all").iterdir()) == names
    for name in names:
        expected = get(tmp_path / "all" / f"{name}.png")
        assert expected.shape == ((31, 29) if name == "gray" else (33, 47, 3))
        assert fuse("--scene_dir", scenes / name, "--output", tmp_path / "one").status == 0
        np.testing.assert_array_equal(get(tmp_path / "one" / f"{name}.png"), expected)
        output = tmp_path / f"{name}.png"
        files = sorted((scenes / name).iterdir())
        assert fuse("--images", *files, "--output", output).status == 0
        np.testing.assert_array_equal(get(output), expected)


def test_folders_of_images(tmp_path: Path, fuse: Call) -> None:
    for number, image in enumerate(exposures(0, 3)):
        put(tmp_path / "abc"[number] / "scene.png", image)
    folders = [tmp_path / n for n in "abc"]
    assert fuse("--images", *folders, "--output", tmp_path / "out").status == 0
    output = tmp_path / "one.png"
    assert fuse("--images", *(f / "scene.png" for f in folders), "--output", output).status == 0
    np.testing.assert_array_equal(get(tmp_path / "out" / "scene.png"), get(output))


def test_order_is_free(tmp_path: Path, fuse: Call) -> None:
    files = put_scene(tmp_path / "s", count=3)
    results = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0)):
        output = tmp_path / f"{order}.png"
        assert fuse("--images", *(files[i] for i in order), "--output", output).status == 0
        results.append(levels(output))
    assert max(np.abs(other - results[0]).max() for other in results[1:]) <= 1
    results = []
    for under, over in ((0, 2), (2, 0)):
        output = tmp_path / f"{under}{over}.png"
        flags = ("--under", files[under], "--over", files[over], "--output", output)
        assert fuse(*flags).status == 0
        results.append(levels(output))
    assert np.abs(results[1] - results[0]).max() <= 1


@pytest.mark.parametrize("count", [3, 5])
def test_equal_copies_give_what_two_give(tmp_path: Path, fuse: Call, count: int) -> None:
    source = put(tmp_path / "a.png", picture(0))
    for number in (2, count):
        output = tmp_path / f"of{number}.png"
        assert fuse("--images", *[source] * number, "--output", output).status == 0
    assert np.abs(levels(tmp_path / f"of{count}.png") - levels(tmp_path / "of2.png")).max() <= 1


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_in_sixteen_bits_out(tmp_path: Path, fuse: Call, channels: int) -> None:
    files = put_scene(tmp_path / "s", count=3, channels=channels, dtype=np.uint16)
    output = tmp_path / "fused.tif"
    assert fuse("--images", *files, "--output", output).status == 0
    fused = get(output)
    assert (fused.dtype, fused.shape) == (np.uint16, get(files[0]).shape)
    assert len(np.unique(fused)) > 256  # not eight bits spread
    eight = put(tmp_path / "eight.png", (get(files[0]) // 257).astype(np.uint8))
    assert fuse("--images", eight, *files[1:], "--output", tmp_path / "fused.png").status == 0
    rounded = levels(tmp_path / "fused.png")
    assert np.abs(rounded - fused / 257).max() <= 2
    assert get(tmp_path / "fused.png").dtype == np.uint8


def test_console_output(tmp_path: Path, fuse: Call) -> None:
    scenes = put_scenes(tmp_path / "scenes", 2)
    done = fuse("--scene_dir", scenes, "--output", tmp_path / "out")
    assert done.status == 0, done.err
    assert f"Output path: {tmp_path / 'out'} (2 images)" in done.out.splitlines()
    assert "2/2" in done.err  # the progress bar
    assert "warning" not in done.err


def test_other_documented_name(tmp_path: Path, gray_weights: Path) -> None:
    under, over = put_couple(tmp_path, "a")
    flags = ("--under", under, "--over", over, "--output", tmp_path / "f.png")
    done = run_script("run_infer.py", *flags, "--weights", gray_weights, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert get(tmp_path / "f.png").shape == (33, 47, 3)


def put_bracket(folder: Path) -> tuple[list[Path], list[Path]]:
    """Write three exposures by a shaking hand, and what all of them show by a steady one."""
    scene = picture(3, 150, 190)
    shaken = [scene[8:138, 10:180] // 2, scene[5:135, 13:183], scene[10:140, 9:179] // 4 * 3]
    steady = [scene[10:135, 13:179] // 2, scene[10:135, 13:179], scene[10:135, 13:179] // 4 * 3]
    one, other = (
        [put(folder / kind / f"{n}.png", image) for n, image in enumerate(images)]
        for kind, images in (("shaken", shaken), ("steady", steady))
    )
    return one, other


def test_a_shaken_bracket_is_aligned(tmp_path: Path, fuse: Call) -> None:
    shaken, steady = put_bracket(tmp_path)
    assert fuse("--images", *steady, "--output", tmp_path / "steady.png").status == 0
    for flags in (("--images", *shaken), ("--scene_dir", tmp_path / "shaken")):
        outcome = fuse(*flags, "--output", tmp_path / "fused.png", "--align", "--overwrite")
        assert outcome.status == 0
        assert "fused: moved by " in outcome.err
        assert " pixels, cut to 166x125" in outcome.err
        np.testing.assert_array_equal(get(tmp_path / "fused.png"), get(tmp_path / "steady.png"))
    assert fuse("--images", *shaken, "--output", tmp_path / "plain.png").status == 0
    assert get(tmp_path / "plain.png").shape == (130, 170, 3)  # only on request


def test_a_steady_bracket_with_burnt_sky_stays_whole(tmp_path: Path, fuse: Call) -> None:
    scene = np.full((256, 256), 255, np.uint8)
    scene[200:] = picture(1, 56, 256, channels=1) // 2
    files = [put(tmp_path / "over.png", scene), put(tmp_path / "under.png", scene // 2)]
    assert fuse("--images", *files, "--output", tmp_path / "f.png", "--align").status == 0
    assert get(tmp_path / "f.png").shape == (256, 256)


def test_misalignment_is_warned_of(tmp_path: Path, fuse: Call) -> None:
    scene = picture(3, 130, 280)
    under = put(tmp_path / "under.png", scene[10:120, 20:260] // 2)
    over = put(tmp_path / "over.png", scene[10:120, 40:280])
    outcome = fuse("--under", under, "--over", over, "--output", tmp_path / "fused.png")
    assert outcome.status == 0
    assert f"warning: {over} seems to lie " in outcome.err
    assert f"pixels off {under}; --align brings them together" in outcome.err


def test_stretch_fills_the_range(tmp_path: Path, fuse: Call) -> None:
    dull = [image // 3 + 60 for image in exposures(0, channels=1)]
    files = [put(tmp_path / f"{n}.png", image) for n, image in enumerate(dull)]
    for stretch in ("none", "minmax"):
        output = tmp_path / f"{stretch}.png"
        assert fuse("--images", *files, "--output", output, "--stretch", stretch).status == 0
    assert np.ptp(get(tmp_path / "none.png")) < 150
    assert np.ptp(get(tmp_path / "minmax.png")) == 255


def test_color_is_the_sources_and_neutral_where_they_are(tmp_path: Path, fuse: Call) -> None:
    sources = [image.astype(int) // 2 + 50 for image in exposures(0)]
    for image in sources:
        image[:, :20] = image[:, :20, :1]
    files = [put(tmp_path / f"{n}.png", np.uint8(image)) for n, image in enumerate(sources)]
    assert fuse("--images", *files, "--output", tmp_path / "fused.png").status == 0
    fused = levels(tmp_path / "fused.png")
    assert np.ptp(fused[:, :20], axis=2).max() == 0
    hue, expected = (x[:, 20:, 0] - x[:, 20:, 2] for x in (fused, sum(sources) / 2))
    assert np.abs(expected).max() > 20
    assert np.corrcoef(hue.ravel(), expected.ravel())[0, 1] > 0.95


def test_one_colored_source_gives_its_color(tmp_path: Path, fuse: Call) -> None:
    under, over = exposures(0)
    files = [put(tmp_path / "u.png", under // 2 + 50), put(tmp_path / "o.png", over[..., 1])]
    for order in (files, files[::-1]):
        assert fuse("--images", *order, "--output", tmp_path / "f.png", "--overwrite").status == 0
        fused = levels(tmp_path / "f.png")
        assert fused.shape == (33, 47, 3)
        inside = ((fused > 0) & (fused < 255)).all(axis=2)  # nothing clipped
        source = levels(files[0])
        off = (fused[..., 0] - fused[..., 2]) - (source[..., 0] - source[..., 2])
        assert inside.mean() > 0.5
        assert np.abs(off[inside]).max() <= 1


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Demo scenes, the user's and the results', all in one place."""
    results = tmp_path / "data_result" / "pair"
    put_scenes(tmp_path / "demo", 2)
    monkeypatch.setattr(run_fusion, "RESULTS", results)
    for name, folder in (("DEMO", "demo"), ("OWN", "data_test")):
        sets = [DefaultSet(EXPOSURES, tmp_path / folder, results)]
        monkeypatch.setattr(run_fusion, name, sets)
    return tmp_path


def test_without_arguments_the_demo_scenes_any_number_of_times(folders: Path, fuse: Call) -> None:
    put_scene(folders / "demo" / "three", 5, count=3)
    for _ in range(2):
        outcome = fuse()
        assert outcome.status == 0
        results = folders / "data_result" / "pair"
        assert sorted(path.stem for path in results.iterdir()) == ["s00", "s01", "three"]
        assert f"Output path: {results} (3 images)" in outcome.out
        assert f"note: fusing the demo images in {folders / 'demo'}" in outcome.err
        assert all(flag in outcome.err for flag in ("--under", "--over"))
    (folders / "data_test").mkdir()  # empty
    assert "(3 images)" in fuse().out


def test_without_arguments_what_the_user_has_put_there(folders: Path, fuse: Call) -> None:
    put_scenes(folders / "data_test", 1, count=3)
    for output in (folders / "data_result" / "pair", folders / "elsewhere"):
        flags = () if output.parent.name == "data_result" else ("--output", output)
        outcome = fuse(*flags)
        assert outcome.status == 0
        assert [p.name for p in output.iterdir()] == ["s00.png"]
    outcome = fuse("--output", folders / "elsewhere")
    assert outcome.status == 1
    assert "s00.png exists" in outcome.err


def test_pairs_are_refused(folders: Path, fuse: Call) -> None:
    for name in ("vis", "ir"):
        put_scene(folders / "data_test" / name)
    outcome = fuse()
    assert outcome.status == 1
    assert "seems to hold infrared and visible images, not exposures" in outcome.err


def test_own_scenes_go_to_the_documented_folder(folders: Path, fuse: Call) -> None:
    put_couple(folders, "dusk")
    for _ in range(2):
        assert fuse("--under", folders / "under", "--over", folders / "over").status == 0
    assert [p.name for p in (folders / "data_result" / "pair").iterdir()] == ["dusk.png"]
