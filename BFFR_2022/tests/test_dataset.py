"""Labeled pairs: which files belong together, what is read, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import get, picture, put
from tests.method import put_labeled_set
from utils.util_dataset import (
    CLASSES,
    DATA_LINKS,
    PALETTE,
    LabeledPair,
    find_labeled_pairs,
    read_label,
    read_pair,
)
from utils.utils import InputError

FLAG = "--data_root"
SIZE = (33, 47)


def only(folder: Path, split: str = "val") -> LabeledPair:
    """Return the one scene of a split."""
    [scene] = find_labeled_pairs(folder, split, FLAG)
    return scene


def put_joined_set(folder: Path, dtype: type = np.uint8) -> Path:
    """Write a set as MFNet is distributed."""
    for seed, stem in enumerate(("00001D", "00002N")):
        pixels = np.dstack([picture(seed, *SIZE, 3, dtype), picture(seed + 9, *SIZE, 1, dtype)])
        put(folder / "images" / f"{stem}.png", pixels)
        put(folder / "labels" / f"{stem}.png", np.full(SIZE, seed, np.uint8))
    (folder / "test.txt").write_text("00002N\n", encoding="utf-8")
    return folder


def test_classes_have_a_color_each() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == len(set(PALETTE)) == len(PALETTE) == 9
    assert (CLASSES[0], PALETTE[0]) == ("unlabeled", (0, 0, 0))


def test_pairs_by_stem(tmp_path: Path) -> None:
    folder = put_labeled_set(tmp_path)
    (folder / "vis" / "b.png").unlink()
    jpeg = put(folder / "vis" / "b.jpg", picture(1, *SIZE))
    first, second = find_labeled_pairs(folder, "train", FLAG)
    files = [folder / kind / "a.png" for kind in ("vis", "ir", "labels")]
    assert first == LabeledPair("a", *files)
    assert (second.stem, second.vis) == ("b", jpeg)
    assert only(folder).stem == "c"
    assert [s.stem for s in find_labeled_pairs(folder, None, FLAG)] == ["a", "b", "c"]


def test_lists_with_and_without_suffix(tmp_path: Path) -> None:
    folder = put_labeled_set(tmp_path, train=("b", "a.5"))
    for text in ("b\na.5\n", "b.png\na.5.png", "\n b.png \n\na.5\r\n"):
        (folder / "train.txt").write_text(text, encoding="utf-8")
        stems = [scene.stem for scene in find_labeled_pairs(folder, "train", FLAG)]
        assert stems == ["b", "a.5"]  # in the list's order


def test_values_of_a_pair_and_its_label(tmp_path: Path) -> None:
    scene = only(put_labeled_set(tmp_path))
    image = read_pair(scene)
    assert (image.shape, image.dtype) == ((*SIZE, 4), np.uint8)
    np.testing.assert_array_equal(image[..., :3], get(scene.vis))  # R, G, B
    np.testing.assert_array_equal(image[..., 3], get(scene.ir))
    label = read_label(scene, image)
    np.testing.assert_array_equal(label, get(scene.label))
    assert set(np.unique(label)) == {0, 1, 2, 3}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_joined_channels_of_mfnet(tmp_path: Path, dtype: type) -> None:
    folder = put_joined_set(tmp_path, dtype)
    scene = only(folder, "test")
    image = folder / "images" / "00002N.png"
    assert scene == LabeledPair("00002N", image, None, folder / "labels" / "00002N.png")
    found = read_pair(scene)
    expected = np.dstack([picture(1, *SIZE, 3, dtype), picture(10, *SIZE, 1, dtype)])
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected / (257 if dtype == np.uint16 else 1), atol=0.5)
    assert (read_label(scene, found) == 1).all()
    assert len(find_labeled_pairs(folder, None, FLAG)) == 2


def test_separate_folders_go_before_joined_ones(tmp_path: Path) -> None:
    folder = put_labeled_set(tmp_path, train=("00001D",), val=("00002N",))
    (folder / "images").mkdir()
    assert only(folder).ir == folder / "ir" / "00002N.png"


def test_sixteen_bits_are_rounded_to_eight(tmp_path: Path) -> None:
    scene = only(put_labeled_set(tmp_path))
    levels = np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE) * 42
    put(scene.ir, levels)
    put(scene.vis, picture(3, *SIZE, dtype=np.uint16))
    image = read_pair(scene)
    np.testing.assert_array_equal(image[..., 3], np.rint(levels / 257.0))
    np.testing.assert_allclose(
        image[..., :3], picture(3, *SIZE, dtype=np.uint16) / 257.0, atol=0.5 + 1e-4
    )


def test_gray_visible_image_gets_three_channels(tmp_path: Path) -> None:
    scene = only(put_labeled_set(tmp_path))
    gray = picture(3, *SIZE, channels=1)
    put(scene.vis, gray)
    np.testing.assert_array_equal(read_pair(scene)[..., :3], np.dstack([gray] * 3))


def test_infrared_of_equal_channels_is_gray(tmp_path: Path) -> None:
    scene = only(put_labeled_set(tmp_path))
    gray = picture(3, *SIZE, channels=1)
    put(scene.ir, np.dstack([gray] * 3))
    np.testing.assert_array_equal(read_pair(scene)[..., 3], gray)


def test_colored_infrared(tmp_path: Path) -> None:
    scene = only(put_labeled_set(tmp_path))
    put(scene.ir, picture(3, *SIZE))
    with pytest.raises(InputError, match=r"ir/c\.png is a colored infrared image") as caught:
        read_pair(scene)
    assert "--" not in str(caught.value)  # neither training nor the tools have a flag for it


def test_absent_list_and_folders(tmp_path: Path) -> None:
    folder = put_labeled_set(tmp_path)
    with pytest.raises(InputError, match=rf"no list {folder}/extra\.txt \({FLAG}\).* per line"):
        find_labeled_pairs(folder, "extra", FLAG)
    (folder / "labels").rename(folder / "masks")
    with pytest.raises(InputError, match=rf"no folder {folder}/labels \({FLAG}\)"):
        find_labeled_pairs(folder, "val", FLAG)
    (folder / "vis").rename(folder / "photos")
    with pytest.raises(InputError, match=rf"no folder {folder}/vis \({FLAG}\)"):
        find_labeled_pairs(folder, "val", FLAG)


def test_message_on_a_missing_set_links_the_authors_sets(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"no folder {tmp_path}/absent \({FLAG}\)") as caught:
        find_labeled_pairs(tmp_path / "absent", "val", FLAG)
    assert all(link in str(caught.value) for link in DATA_LINKS.values())


def test_without_labels(tmp_path: Path) -> None:
    folder = put_labeled_set(tmp_path)
    shutil.rmtree(folder / "labels")
    [scene] = find_labeled_pairs(folder, "val", FLAG, with_labels=False)
    assert scene == LabeledPair("c", folder / "vis" / "c.png", folder / "ir" / "c.png", None)
    assert read_pair(scene).shape == (*SIZE, 4)


@pytest.mark.parametrize("kind", ["vis", "ir", "labels"])
def test_stem_without_a_file(tmp_path: Path, kind: str) -> None:
    folder = put_labeled_set(tmp_path)
    (folder / kind / "b.png").unlink()
    message = (
        rf"{folder}/train\.txt \({FLAG}\) has 1 of 2 scenes without a file in {folder}/{kind}, b "
        rf"first; expected {kind}/<stem>\.png"
    )
    with pytest.raises(InputError, match=message):
        find_labeled_pairs(folder, "train", FLAG)
    assert only(folder).stem == "c"  # other splits are whole


@pytest.mark.parametrize("kind", ["ir", "labels"])
def test_image_without_a_partner_where_no_list_is_asked(tmp_path: Path, kind: str) -> None:
    folder = put_labeled_set(tmp_path)
    (folder / kind / "b.png").unlink()
    with pytest.raises(InputError, match=rf"{folder} \({FLAG}\) has 1 of 3 .*/{kind}, b first"):
        find_labeled_pairs(folder, None, FLAG)


def test_stem_without_a_joined_image(tmp_path: Path) -> None:
    folder = put_joined_set(tmp_path)
    (folder / "images" / "00002N.png").unlink()
    with pytest.raises(InputError, match=rf"in {folder}/images, 00002N.*images/<stem>\.png"):
        find_labeled_pairs(folder, "test", FLAG)


@pytest.mark.parametrize(
    ("text", "message"), [("", "is empty"), ("\n \n", "is empty"), ("a\nb\na.png\n", "a twice")]
)
def test_unsound_list(tmp_path: Path, text: str, message: str) -> None:
    folder = put_labeled_set(tmp_path)
    (folder / "train.txt").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"train\.txt \({FLAG}\) .*{message}"):
        find_labeled_pairs(folder, "train", FLAG)


def test_two_files_of_one_stem(tmp_path: Path) -> None:
    folder = put_labeled_set(tmp_path)
    put(folder / "ir" / "c.bmp", picture(0, *SIZE, channels=1))
    with pytest.raises(InputError, match=r"ir/c\.bmp and .*ir/c\.png have the same stem"):
        find_labeled_pairs(folder, "val", FLAG)


def test_sizes_that_differ(tmp_path: Path) -> None:
    scene = only(put_labeled_set(tmp_path))
    image = read_pair(scene)
    put(scene.label, np.zeros((47, 33), np.uint8))
    with pytest.raises(InputError, match=r"differ: .*vis/c\.png 47x33, .*labels/c\.png 33x47"):
        read_label(scene, image)
    put(scene.ir, picture(0, 20, 31, channels=1))
    with pytest.raises(InputError, match=r"differ: .*vis/c\.png 47x33, .*ir/c\.png 31x20"):
        read_pair(scene)


def test_ids_outside_the_classes(tmp_path: Path) -> None:
    scene = only(put_labeled_set(tmp_path))
    image = read_pair(scene)
    label = np.zeros(SIZE, np.uint8)
    label[0, :3] = (8, 255, 1)
    put(scene.label, label)
    np.testing.assert_array_equal(read_label(scene, image), label)
    label[1, :2] = (9, 254)
    put(scene.label, label)
    message = r"c\.png has ids 9, 254 outside the 9 classes, 0 \(unlabeled\) to 8 \(bump\); 255"
    with pytest.raises(InputError, match=message):
        read_label(scene, image)
    with pytest.raises(InputError, match=r"ids 8, 9, 254 outside the 2 .*to 1 \(car\)"):
        read_label(scene, image, CLASSES[:2])


@pytest.mark.parametrize(("channels", "dtype"), [(3, np.uint8), (1, np.uint16)])
def test_label_that_is_no_map_of_ids(tmp_path: Path, channels: int, dtype: type) -> None:
    scene = only(put_labeled_set(tmp_path))
    put(scene.label, picture(0, *SIZE, channels, dtype))
    with pytest.raises(InputError, match=r"labels/c\.png is not a label map: .*one channel"):
        read_label(scene, read_pair(scene))


@pytest.mark.parametrize("channels", [1, 3])
def test_joined_image_without_a_fourth_channel(tmp_path: Path, channels: int) -> None:
    scene = only(put_joined_set(tmp_path), "test")
    put(scene.vis, picture(0, *SIZE, channels))
    with pytest.raises(InputError, match=r"images/00002N\.png has no fourth channel"):
        read_pair(scene)


def test_unsound_joined_image(tmp_path: Path) -> None:
    scene = only(put_joined_set(tmp_path), "test")
    scene.vis.write_bytes(scene.vis.read_bytes()[:300])
    with pytest.raises(InputError, match=r"00002N\.png is cut short"):
        read_pair(scene)
