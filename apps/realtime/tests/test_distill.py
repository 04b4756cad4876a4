"""Training: the teacher's results are made once, a stopped run goes on, any method can teach."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import hubconf
from apps.realtime.crops import EDGE, CropSet
from apps.realtime.distill import check_rise, main
from apps.realtime.lessons import Lesson, learn_from
from apps.realtime.losses import clipped_like, distances
from apps.realtime.models import Student
from apps.realtime.teacher import InputError, Teacher
from apps.realtime.tests.conftest import ROOT, picture, write_pairs

SIZE = (56, 64)


def words(pairs: Path, runs: Path, epochs: int, *more: object) -> list[str]:
    flags = ["--teacher", "densefuse", "--data", pairs, "--runs", runs, "--device", "cpu"]
    flags += ["--crop_size", 16, "--crops", 4, "--batch_size", 2, "--num_epochs", epochs]
    flags += ["--val_fraction", 0.3, "--warmup_steps", 1, "--lr_schedule", "constant"]
    return [str(word) for word in (*flags, "--output", False, *more)]


def checkpoint(runs: Path) -> dict[str, torch.Tensor]:
    [run] = runs.glob("train_*")
    state: dict[str, torch.Tensor] = torch.load(run / "checkpoints" / "last.pth")["model"]
    return state


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("pairs"), 3, SIZE)


@pytest.fixture(scope="module")
def two_epochs(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("two_epochs")
    main(words(pairs, runs, 2))
    return runs


def test_results_are_the_teachers_in_16_bits(pairs: Path, two_epochs: Path) -> None:
    [folder] = (two_epochs / "targets").iterdir()
    assert folder.name.startswith("densefuse-")
    found = {cv2.imread(str(path), cv2.IMREAD_UNCHANGED).tobytes() for path in folder.iterdir()}
    teacher = torch.hub.load(str(ROOT), "densefuse", source="local", device="cpu", color=False)
    expected = set()
    for number in range(3):
        visible = cv2.imread(str(pairs / "vis" / f"scene{number}.png"))[..., ::-1]
        infrared = cv2.imread(str(pairs / "ir" / f"scene{number}.png"), cv2.IMREAD_GRAYSCALE)
        fused = teacher.fuse([visible / np.float32(255), infrared])
        expected.add(np.rint(fused * np.float32(65535)).astype(np.uint16).tobytes())
    assert found == expected


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(
    pairs: Path, two_epochs: Path, tmp_path: Path
) -> None:
    main(words(pairs, tmp_path, 1))
    results = sorted((tmp_path / "targets").glob("*/*"))
    results[0].unlink()  # as if it had been stopped before the last one
    times = [path.stat().st_mtime_ns for path in results[1:]]
    [run] = tmp_path.glob("train_*")
    main(words(pairs, tmp_path, 2, "--resume_path", run))
    assert results[0].is_file()
    assert [path.stat().st_mtime_ns for path in results[1:]] == times
    found, expected = checkpoint(tmp_path), checkpoint(two_epochs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=0)


def test_weights_say_what_they_were_taught(pairs: Path, two_epochs: Path) -> None:
    [weights] = two_epochs.glob("train_*/checkpoints/best.safetensors")
    fusion = hubconf.realtime("densefuse", weights, device="cpu")
    about = fusion.about
    assert (about["teacher"], about["kind"]) == ("densefuse", "pair")
    assert about["teacher_strategy"] == "addition"
    assert load_file(weights).keys() == Student().state_dict().keys()


def test_a_list_of_pairs_and_flags_of_the_teacher(pairs: Path, tmp_path: Path) -> None:
    rows = [f"{pairs}/vis/scene{n}.png,{pairs}/ir/scene{n}.png" for n in range(3)]
    (tmp_path / "list.csv").write_text("\n".join(["vis,ir", *rows]))
    more = ("--teacher_flags", "--strategy l1", "--whole", "--num_epochs", 1)
    main(words(tmp_path / "list.csv", tmp_path, 1, *more))
    [weights] = tmp_path.glob("train_*/checkpoints/best.safetensors")
    fusion = hubconf.realtime("densefuse", weights, device="cpu")
    assert fusion.about["teacher_strategy"] == "l1"
    assert fusion.model.looks_at_whole


@pytest.mark.parametrize("name, flags, whole", [
    ("nestfuse", "", True),  # its attention does
    ("nestfuse", "--attention channel", True),
    ("deepfuse", "", False),
    ("deepfuse", "--levels 3", True),  # it sees 56 pixels far
    ("u2fusion", "", False),
])  # fmt: skip
def test_students_of_teachers_that_look_at_the_whole_image_do_so(
    pairs: Path, tmp_path: Path, name: str, flags: str, whole: bool
) -> None:
    scene = tmp_path / "exposures" / "scene"
    scene.mkdir(parents=True)
    for exposure, role in (("under", "ir"), ("over", "vis")):
        shutil.copy(pairs / role / "scene0.png", scene / f"{exposure}.png")
    data = scene.parent if name == "deepfuse" else pairs
    taught = learn_from(Teacher(name), [data], None, flags, tmp_path, "cpu")
    assert taught.looks_at_whole == whole
    assert taught.about["teacher_flags"] == flags


def test_of_exposures_the_darker_is_learned_first(tmp_path: Path) -> None:
    dark, bright = picture(1, (64, 64)) // 4, picture(2, (64, 64)) // 2 + 100
    for scene, under, over in (("a", dark, bright), ("b", bright, dark)):
        (tmp_path / "data" / scene).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "data" / scene / "under.png"), under)
        cv2.imwrite(str(tmp_path / "data" / scene / "over.png"), over)
    lessons = learn_from(
        Teacher("deepfuse"), [tmp_path / "data"], None, "", tmp_path / "targets", "cpu"
    ).lessons
    assert len(lessons) == 2
    for lesson in lessons:
        np.testing.assert_array_equal(lesson.planes[0], dark.astype(np.uint16) * 257)


def test_a_sixth_method_can_teach(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave = shutil.ignore_patterns("tests", "runs", "__pycache__", "fusion_result")
    sixth = tmp_path / "SixthFuse_2030"
    shutil.copytree(ROOT / "DenseFuse_2019", sixth, ignore=leave)
    monkeypatch.setattr(hubconf, "_FOLDERS", [*hubconf._FOLDERS, sixth])
    main(words(pairs, tmp_path, 1, "--teacher", "sixthfuse"))
    [weights] = tmp_path.glob("train_*/checkpoints/best.safetensors")
    assert hubconf.realtime("sixthfuse", weights, device="cpu").about["teacher"] == "sixthfuse"


def test_results_of_other_settings_or_weights_lie_elsewhere() -> None:
    teacher = Teacher("densefuse")
    gray, rgb = (
        ROOT / "DenseFuse_2019" / "weights" / name for name in ("densefuse_gray", "densefuse_rgb")
    )

    def key(flags: str, weights: Path = gray) -> str:
        return teacher.key(teacher.parse(flags), weights / "model.safetensors")

    assert key("") == key("--strategy addition --tile 64 --device cpu")
    assert len({key(""), key("--strategy l1"), key("--ir_range minmax"), key("", rgb)}) == 4


@pytest.mark.parametrize("more, message", [
    (["--data", "absent"], "no such set or list: absent"),
    (["--kind", "exposures"], "densefuse has no sources called exposures"),
    (["--teacher_flags", "--output x.png"], "cannot have --output"),
    (["--teacher_flags", "--register affine"], "cannot have --register"),
    (["--crop_size", "64"], "smaller than --crop_size 64 with its margin"),
    (["--val_fraction", "0.99"], "too few to split"),
])  # fmt: skip
def test_what_is_refused(
    pairs: Path, two_epochs: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    shutil.copytree(two_epochs / "targets", tmp_path / "targets")
    with pytest.raises(InputError, match=message):
        main(words(pairs, tmp_path, 1, *more))


def test_a_student_that_stays_at_the_average_is_stopped() -> None:
    check_rise(0, 200, 30.0, 30.0)  # 200 steps are too few to say
    check_rise(1, 200, 30.5, 30.0)
    check_rise(2, 200, 30.0, 30.0)  # it was above, before
    with pytest.raises(InputError, match=r"after 400 steps the student is at 30\.05 dB"):
        check_rise(1, 200, 30.05, 30.0)


def lesson(height: int, width: int) -> Lesson:
    rows, columns = np.mgrid[:height, :width]
    planes = np.stack([1 + rows, 1 + columns, 1000 * rows + columns]).astype(np.uint16)
    return Lesson("numbers.png", planes)


@pytest.mark.parametrize("height, width", [(60, 64), (57, 63)])
def test_crops_know_where_the_image_ends(height: int, width: int) -> None:
    crops = CropSet([lesson(height, width)], 16, 200, 16, 3.0, looks_at_whole=False)
    seen = np.zeros((height, width))
    for sample in (crops[index] for index in range(200)):
        pair, target, weight = (
            np.rint(65535 * sample[name].numpy()).astype(int)
            for name in ("pair", "target", "weight")
        )
        weight = sample["weight"][0].numpy()
        down, along = sample["place"].tolist()
        assert pair.shape == (2, 48, 48)
        for row, column in ((0, 0), (7, 3), (14, 14), (15, 15)):
            if weight[row, column] == 0:  # beyond an odd side
                continue
            y, x = pair[:, down + row, along + column] - 1
            assert target[0, row, column] == (1000 * y + x) % 65536
            inward = min(y, x, height - 1 - y, width - 1 - x)
            assert weight[row, column] == (3 if inward < EDGE else 1)
            seen[y, x] += 1
            # all that the network sees of the whole image is in the crop
            assert down + row >= 16 or y == down + row
            assert along + column >= 16 or x == along + column
            assert down + row < 32 or y - (down + row) + 48 >= height
            assert along + column < 32 or x - (along + column) + 48 >= width
    assert seen[0].any()
    assert seen[-1].any()
    assert seen[:, 0].any()
    assert seen[:, -1].any()


def test_the_distance_of_the_average_by_hand() -> None:
    pair = torch.stack([torch.full((1, 48, 48), 0.2), torch.full((1, 48, 48), 0.4)], dim=1)
    weight = torch.ones(1, 1, 16, 16)
    weight[..., 0] = 3  # of three times the weight, and right
    target = torch.full((1, 1, 16, 16), 0.25)
    target[..., 0] = 0.3
    sample = {"pair": pair, "target": target, "weight": weight, "place": torch.tensor([[16, 16]])}
    with torch.no_grad():
        found = distances(Student(), sample)
    assert float(found["l1"]) == pytest.approx(0.05 * 15 / 18, abs=1e-6)
    assert float(found["psnr"]) == pytest.approx(-10 * np.log10(0.0025 * 15 / 16), abs=1e-3)
    assert float(found["loss"]) == pytest.approx(float(found["l1"] + found["dssim"]))


def test_nothing_is_lost_beyond_what_the_teacher_clipped() -> None:
    result = torch.tensor([-0.2, -0.2, 0.5, 1.3, 1.3, 0.9], requires_grad=True)
    target = torch.tensor([0.0, 0.1, 0.4, 1.0, 0.8, 1.0])
    clipped = clipped_like(result, target)
    assert clipped.tolist() == pytest.approx([0, -0.2, 0.5, 1, 1.3, 0.9])
    clipped.sum().backward()
    assert result.grad is not None
    assert result.grad.tolist() == [0, 1, 1, 0, 1, 1]
