"""`run_fusion.py` and `ImageFusion`: color, depth, order of sources, files and refusals."""

from pathlib import Path

import numpy as np
import pytest
import torch

import run_fusion
from tests.clips import get_clip, moving, put_clip
from tests.conftest import Call
from tests.helpers import get, picture, put, put_pair, run_script
from tests.method import near_identity
from utils.common.infrared_pairs import PAIRS
from utils.common.pairs import DefaultSet
from utils.util_fusion import ImageFusion
from utils.utils import InputError

SIZE = (33, 47)
LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def fusion(gray_weights: Path) -> ImageFusion:
    return ImageFusion(gray_weights, device="cpu")


@pytest.fixture
def pair(tmp_path: Path) -> list[object]:
    """Flags of a sound, colored pair."""
    ir, vis = put_pair(tmp_path, "a", size=SIZE)
    return ["--ir", ir, "--vis", vis]


def fused_by(fuse: Call, output: Path, *flags: object) -> np.ndarray:
    """Return what the command writes."""
    outcome = fuse(*flags, "--output", output)
    assert (outcome.status, outcome.err.count("error")) == (0, 0)
    assert f"Output path: {output}" in outcome.out
    return get(output)


@torch.no_grad()
def test_fusion_computes_what_the_network_does(fusion: ImageFusion) -> None:
    images = [picture(n, *SIZE, channels=1) / np.float32(255) for n in (0, 1)]
    vis, ir = (torch.from_numpy(image)[None, None] for image in images)
    expected = near_identity()(vis, ir)[0, 0]  # its norms are not folded
    found = fusion.fuse(images)
    np.testing.assert_allclose(found, expected, atol=2e-6)
    assert found.std() > 0.05


def test_result_shows_both_sources(fuse: Call, tmp_path: Path, pair: list[object]) -> None:
    _, ir, _, vis = pair
    fused = fused_by(fuse, tmp_path / "fused.png", *pair)
    mean = (get(vis) @ LUMA + get(ir)) / 2
    likeness = np.corrcoef((fused @ LUMA).ravel(), mean.ravel())[0, 1]
    assert likeness > 0.7
    for turned in (mean[::-1], mean[:, ::-1], mean[::-1, ::-1]):
        assert likeness > np.corrcoef((fused @ LUMA).ravel(), turned.ravel())[0, 1] + 0.2
    put(ir, 255 - get(ir))
    assert np.abs(fused_by(fuse, tmp_path / "other.png", *pair) @ LUMA - fused @ LUMA).max() > 10


def test_color_is_kept_from_the_visible_image(fusion: ImageFusion) -> None:
    visible, infrared = 64 + picture(0, *SIZE) // 2, picture(1, *SIZE, channels=1)
    fused = fusion.fuse([visible, infrared])
    assert (fused.shape, fused.dtype) == (visible.shape, np.uint8)
    inside = ((fused > 0) & (fused < 255)).all(axis=2)
    assert inside.mean() > 0.5
    change = fused.astype(int) - visible  # the same in all channels, but for rounding
    assert np.ptp(change, axis=2)[inside].max() <= 1
    assert change[inside].std() > 5


@pytest.mark.parametrize("flag", ["--gray", "--no-color"])
def test_gray_result_is_the_luma_of_the_color_one(
    fuse: Call, tmp_path: Path, pair: list[object], flag: str
) -> None:
    gray = fused_by(fuse, tmp_path / "gray.png", *pair, flag)
    assert gray.shape == SIZE
    color = fused_by(fuse, tmp_path / "color.png", *pair)
    inside = ((color > 0) & (color < 255)).all(axis=2)
    assert inside.mean() > 0.3
    np.testing.assert_allclose(gray[inside], (color @ LUMA)[inside], atol=1.01)


def test_gray_visible_image_gives_a_gray_result(fuse: Call, tmp_path: Path) -> None:
    ir, vis = put_pair(tmp_path, "a", color=False, size=SIZE)
    fused = fused_by(fuse, tmp_path / "fused.png", "--ir", ir, "--vis", vis)
    assert (fused.shape, fused.dtype) == (SIZE, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_depth_is_that_of_the_visible_image(
    fuse: Call, tmp_path: Path, pair: list[object], channels: int
) -> None:
    _, ir, _, vis = pair
    deep = put(tmp_path / "deep.png", picture(4, *SIZE, channels, np.uint16))
    put(vis, np.rint(get(deep) / 257).astype(np.uint8))
    fused = fused_by(fuse, tmp_path / "fused.png", "--ir", ir, "--vis", deep)
    assert (fused.dtype, fused.ndim) == (np.uint16, 2 if channels == 1 else 3)
    shallow = fused_by(fuse, tmp_path / "shallow.png", *pair)
    assert shallow.dtype == np.uint8
    np.testing.assert_allclose(fused / 257, shallow, atol=1.5)
    assert len(np.unique(fused)) > 300
    put(ir, get(ir).astype(np.uint16) * 257)
    np.testing.assert_array_equal(fused_by(fuse, tmp_path / "same.png", *pair), shallow)


def test_authors_quirks_are_reversed_channels(
    fuse: Call, tmp_path: Path, pair: list[object]
) -> None:
    _, ir, _, vis = pair
    default = fused_by(fuse, tmp_path / "default.png", *pair)
    quirky = fused_by(fuse, tmp_path / "quirky.png", *pair, "--authors_quirks")
    reversed_vis = put(tmp_path / "reversed.png", get(vis)[..., ::-1])
    other = fused_by(fuse, tmp_path / "other.png", "--ir", ir, "--vis", reversed_vis)
    np.testing.assert_array_equal(quirky, other[..., ::-1])
    assert np.abs(quirky.astype(int) - default).max() > 3


def test_authors_quirks_of_a_small_image(gray_weights: Path) -> None:
    visible, infrared = picture(0, 9, 21), picture(1, 9, 21, channels=1)
    quirky = ImageFusion(gray_weights, device="cpu", authors_quirks=True).fuse([visible, infrared])
    reversed_ones = ImageFusion(gray_weights, device="cpu").fuse([visible[..., ::-1], infrared])
    np.testing.assert_array_equal(quirky, reversed_ones[..., ::-1])
    assert (quirky != reversed_ones).any()


def test_stretched_result_is_the_clipped_one_over_the_full_range(
    fusion: ImageFusion, gray_weights: Path
) -> None:
    """As the official code saves: clip R, G, B, then (x - min) / (max - min) over all of them."""
    images = [0.4 + picture(0, *SIZE) / np.float32(2000), picture(1, *SIZE, 1) / np.float32(255)]
    clipped = fusion.fuse(images)
    low, high = clipped.min(), clipped.max()
    assert (low, high) != (0, 1)
    stretched = ImageFusion(gray_weights, device="cpu", stretch="minmax").fuse(images)
    np.testing.assert_allclose(stretched, (clipped - low) / (high - low), atol=1e-6)
    stretched = ImageFusion(gray_weights, device="cpu", stretch="max").fuse(images)
    np.testing.assert_allclose(stretched, clipped / high, atol=1e-6)
    eight_bits = [np.rint(255 * image).astype(np.uint8) for image in images]
    stretched = ImageFusion(gray_weights, device="cpu", stretch="minmax").fuse(eight_bits)
    assert (stretched.dtype, stretched.min(), stretched.max()) == (np.uint8, 0, 255)


def test_authors_quirks_do_not_concern_gray_images(
    fuse: Call, tmp_path: Path, pair: list[object]
) -> None:
    _, _, _, vis = pair
    put(vis, picture(0, *SIZE, channels=1))
    quirky = fused_by(fuse, tmp_path / "quirky.png", *pair, "--authors_quirks")
    np.testing.assert_array_equal(quirky, fused_by(fuse, tmp_path / "default.png", *pair))


def test_images_are_given_visible_first(fuse: Call, tmp_path: Path) -> None:
    ir, vis = put_pair(tmp_path, "a", color=False, size=SIZE)
    put(ir, picture(9, *SIZE, channels=1))
    named = fused_by(fuse, tmp_path / "named.png", "--ir", ir, "--vis", vis)
    first = fused_by(fuse, tmp_path / "first.png", "--images", vis, ir)
    np.testing.assert_array_equal(named, first)
    last = fused_by(fuse, tmp_path / "last.png", "--images", ir, vis)
    assert np.abs(last.astype(int) - named).max() > 3


def test_number_of_sources(fuse: Call, tmp_path: Path, fusion: ImageFusion) -> None:
    image = picture(0, *SIZE)
    for count in (1, 3):
        with pytest.raises(InputError, match=rf"{count} sources: BFFR fuses a visible and an inf"):
            fusion.fuse([image] * count)
    files = [put(tmp_path / f"{n}.png", picture(n, *SIZE)) for n in range(3)]
    outcome = fuse("--images", *files, "--output", tmp_path / "out.png")
    assert outcome.status == 1
    assert "error: 3 sources: BFFR fuses a visible and an infrared image" in outcome.err
    assert not (tmp_path / "out.png").exists()


def test_folder_run_equals_single_runs(fuse: Call, tmp_path: Path) -> None:
    for number, stem in enumerate("ab"):
        put_pair(tmp_path, stem, number, color=stem == "a", size=(33, 47 + 2 * number))
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "all")
    outcome = fuse(*flags)
    assert outcome.status == 0
    assert "fuser.safetensors model loaded (the fuser alone)." in outcome.out
    for stem in "ab":
        files = [tmp_path / kind / f"{stem}.png" for kind in ("ir", "vis")]
        alone = fused_by(fuse, tmp_path / f"{stem}.png", "--ir", files[0], "--vis", files[1])
        np.testing.assert_array_equal(get(tmp_path / "all" / f"{stem}.png"), alone)


def test_tile_and_stretch(fuse: Call, tmp_path: Path) -> None:
    ir, vis = put_pair(tmp_path, "a", color=False, size=(20, 200))
    flags = ("--ir", ir, "--vis", vis)
    whole = fused_by(fuse, tmp_path / "whole.png", *flags, "--tile", 0)
    tiled = fused_by(fuse, tmp_path / "tiled.png", *flags, "--tile", 64)
    assert np.abs(tiled.astype(int) - whole).max() <= 1
    stretched = fused_by(fuse, tmp_path / "wide.png", *flags, "--stretch", "minmax")
    assert (stretched.min(), stretched.max()) == (0, 255)
    assert np.ptp(whole) < 250


def test_without_arguments_the_demo_pairs_any_number_of_times(
    fuse: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_pair(tmp_path / "demo", "a", size=SIZE)
    demo = DefaultSet(PAIRS, tmp_path / "demo", tmp_path / "fusion_result")
    monkeypatch.setattr(run_fusion, "DEMO", [demo])
    for _ in range(2):
        assert fuse().status == 0
    assert [p.name for p in (tmp_path / "fusion_result").iterdir()] == ["a.png"]


def test_existing_output(fuse: Call, tmp_path: Path, pair: list[object]) -> None:
    output = tmp_path / "out" / "fused.png"
    fused_by(fuse, output, *pair)
    before = output.read_bytes()
    outcome = fuse(*pair, "--output", output, "--gray")
    assert outcome.status == 1
    assert f"{output} exists" in outcome.err
    assert "--overwrite" in outcome.err
    assert output.read_bytes() == before
    assert fused_by(fuse, output, *pair, "--gray", "--overwrite").shape == SIZE


def test_unequal_sizes(fuse: Call, tmp_path: Path, pair: list[object]) -> None:
    _, ir, _, vis = pair
    put(ir, picture(1, 20, 31, channels=1))
    outcome = fuse(*pair, "--output", tmp_path / "fused.png")
    assert outcome.status == 1
    assert f"{vis} 47x33, {ir} 31x20; --resize ir or --resize vis" in outcome.err
    assert not (tmp_path / "fused.png").exists()
    for side, shape in (("ir", (33, 47, 3)), ("vis", (20, 31, 3))):
        assert fused_by(fuse, tmp_path / f"{side}.png", *pair, "--resize", side).shape == shape


def test_colored_infrared(fuse: Call, tmp_path: Path, pair: list[object]) -> None:
    _, ir, _, _ = pair
    put(ir, picture(1, *SIZE))
    outcome = fuse(*pair, "--output", tmp_path / "fused.png")
    assert outcome.status == 1
    assert f"error: {ir} is a colored infrared image" in outcome.err
    assert "--ir_color luma" in outcome.err
    fused_by(fuse, tmp_path / "fused.png", *pair, "--ir_color", "luma")


def test_missing_partners(fuse: Call, tmp_path: Path, pair: list[object]) -> None:
    assert "--vis is missing" in fuse(*pair[:2]).err
    assert "--ir is missing" in fuse(*pair[2:]).err
    lonely = put(tmp_path / "vis" / "lonely.png", picture(0, *SIZE))
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert f"{lonely.name} first" in outcome.err
    assert not (tmp_path / "out").exists()
    assert fuse(*flags, "--allow_unmatched").status == 0
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.png"]


def test_a_bad_pair_does_not_stop_the_others(fuse: Call, tmp_path: Path) -> None:
    for stem in "abc":
        put_pair(tmp_path, stem, size=(20, 24))
    (tmp_path / "vis" / "b.png").write_bytes(b"")
    flags = ("--ir", tmp_path / "ir", "--vis", tmp_path / "vis", "--output", tmp_path / "out")
    outcome = fuse(*flags)
    assert outcome.status == 1
    assert "b.png is empty (0 bytes)" in outcome.err
    assert "1 of 3 failed" in outcome.err
    assert sorted(p.stem for p in (tmp_path / "out").glob("*.png")) == ["a", "c"]


def test_weights_that_cannot_be_used(fuse: Call, tmp_path: Path, pair: list[object]) -> None:
    foreign = tmp_path / "foreign.pth"
    torch.save(torch.nn.Linear(2, 2).state_dict(), foreign)
    outcome = fuse(*pair, "--weights", foreign, "--output", tmp_path / "out.png")
    assert outcome.status == 1
    assert f"error: {foreign} is not BFFR's: it holds 2 entries (weight, bias" in outcome.err
    outcome = fuse(*pair, "--weights", tmp_path / "absent.pth", "--output", tmp_path / "out.png")
    assert f"error: no such file: {tmp_path / 'absent.pth'}" in outcome.err
    assert not (tmp_path / "out.png").exists()


def test_a_real_command_loads_neither_training_code_nor_mmsegmentation(
    tmp_path: Path, gray_weights: Path, pair: list[object]
) -> None:
    flags = ("--weights", gray_weights, "--device", "cpu", "--output", tmp_path / "fused.png")
    run = "import run_fusion, sys; run_fusion.main(run_fusion.parse_args()); print(*sys.modules)"
    done = run_script("-c", run, *pair, *flags)
    assert done.returncode == 0, done.stderr
    assert get(tmp_path / "fused.png").shape == (*SIZE, 3)
    loaded = set(done.stdout.split())
    assert {"models.TransFuser6", "utils.util_fast"} <= loaded
    packages = {"mmengine", "mmcv", "mmseg", "mmseg_bffr", "configs", "tensorboard"}
    training = {"run_train", "utils.util_train", "utils.util_dataset", "utils.util_mmengine"}
    assert not loaded & (packages | training)


def test_a_video_is_fused_and_not_segmented(fuse: Call, tmp_path: Path) -> None:
    vis = put_clip(tmp_path / "vis.mp4", moving(0, 3, channels=3))
    flags = ("--vis", vis, "--ir", put_clip(tmp_path / "ir.mp4", moving(1, 3)))
    output = tmp_path / "fused.mp4"
    done = fuse(*flags, "--segment", "--output", output)
    assert done.status == 1
    assert "--segment draws classes of images" in done.err
    assert not output.exists()
    assert fuse(*flags, "--stretch", "minmax", "--output", output).status == 0
    assert len(get_clip(output)) == 3
