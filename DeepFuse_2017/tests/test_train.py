"""`run_train.py`: what it prints, learns and leaves behind."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import run_train
from models.DeepFuse import DeepFuse
from tests.conftest import Call
from tests.helpers import (
    FOLDER,
    get,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.method import near_identity
from tests.scenes import put_scene, put_scenes
from utils.util_weights import load_model

QUICK = ("--crop_size", 16, "--batch_size", 2)
TERMS = ("mef_ssim_loss", "level_loss", "clipping_loss")


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    return put_scenes(tmp_path / "scenes", 6, count=3)


def test_what_a_run_says_and_leaves(tmp_path: Path, scenes: Path, train: Call) -> None:
    done = train("--image_path", scenes, *QUICK, "--num_epochs", 2)
    assert done.status == 0, done.err
    [run] = runs_of(tmp_path)
    assert "Loaded 6 patches (5 to train on, 1 to validate on)" in done.out
    assert re.search(r"^Best val loss: \d+\.\d{6}$", done.out, re.MULTILINE)
    assert "| 6/6 [" in done.err  # the scenes that were read
    terms = ", ".join(rf"{name}=[\d.e+-]+" for name in ("loss", *TERMS))
    assert re.search(rf"Epoch \[2/2\]: 100%\|.*\| 3/3 \[.*, {terms}, lr=9e-5\]", done.err)
    assert re.fullmatch(r"train_\d\d-\d\d_\d\d-\d\d", run.name)
    names = {p.name for p in (run / "checkpoints").iterdir()}
    assert {"best.safetensors", "last.pth"} < names
    for name in names - {"best.safetensors", "last.pth"}:
        assert re.fullmatch(r"epoch00[12]-loss\d+\.\d{3}\.pth", name)
    assert len(list((run / "logs").glob("events.out.tfevents.*"))) == 1
    about = json.loads((run / "args.json").read_text())
    assert about["arguments"]["image_path"] == [str(scenes)]
    assert about["arguments"]["seed"] == 0
    assert {"git_revision", "torch"} <= set(about)


def test_curves_and_pictures(tmp_path: Path, scenes: Path, train: Call) -> None:
    assert train("--image_path", scenes, *QUICK, "--num_epochs", 2).status == 0
    [run] = runs_of(tmp_path)
    for name in ("loss", *TERMS):
        for part in ("train", "val"):
            assert len(scalars(run, f"{name}/{part}")) == 2
    assert scalars(run, "lr") == pytest.approx([1e-4, 0.9e-4])
    events = EventAccumulator(str(run / "logs"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"under", "over", "desired", "fused"}


def test_it_learns_and_its_weights_fuse(
    tmp_path: Path, scenes: Path, train: Call, fuse: Call
) -> None:
    flags = ("--num_epochs", 5, "--lr", 2e-3, "--val_fraction", 0.3, "--patches", 4)
    assert train("--image_path", scenes, *QUICK, *flags).status == 0
    [run] = runs_of(tmp_path)
    losses = scalars(run, "loss/val")
    assert losses[-1] < 0.9 * losses[0]
    best = run / "checkpoints" / "best.safetensors"
    with safe_open(best, "pt") as file:
        about = file.metadata()
    assert about["method"] == "DeepFuse_2017"
    assert float(about["loss"]) == pytest.approx(min(losses), rel=1e-4)
    number = int(about["epoch"])
    assert losses[number - 1] == min(losses)
    kept = run / "checkpoints" / f"epoch{number:03d}-loss{min(losses):.3f}.pth"
    saved = torch.load(kept, weights_only=True)["model"]
    assert same_weights(load_model(best)[0].state_dict(), saved)
    results = []
    for weights in (best, kept):
        output = tmp_path / f"{weights.suffix[1:]}.png"
        sources = ("--scene_dir", scenes / "s00")
        assert fuse(*sources, "--weights", weights, "--output", output).status == 0
        results.append(get(output))
    assert (results[0] == results[1]).all()
    assert results[0].std() > 5


def test_without_flags_on_the_demo(train: Call) -> None:
    outcome = train("--num_epochs", 1)  # besides what makes it quick
    assert outcome.status == 0
    assert f"Training on the demo images in {FOLDER / 'demo'}; " in outcome.out
    assert "Loaded 2 patches (1 to train on, 1 to validate on)" in outcome.out


@pytest.mark.parametrize(("number", "used"), [(7, 18), (6, 18), (4, 12)])
def test_train_num_is_an_upper_bound(scenes: Path, train: Call, number: int, used: int) -> None:
    flags = ("--num_epochs", 1, "--train_num", number, "--patches", 3)
    outcome = train("--image_path", scenes, *QUICK, *flags)
    assert f"Loaded {used} patches ({used - 3} to train on, 3 to validate on)" in outcome.out
    assert "Training on the demo" not in outcome.out


def test_several_folders_of_scenes(tmp_path: Path, scenes: Path, train: Call) -> None:
    put_scene(tmp_path / "one", 8)  # a scene itself
    outcome = train("--image_path", scenes, tmp_path / "one", *QUICK, "--num_epochs", 1)
    assert "Loaded 7 patches" in outcome.out


def test_the_seed_decides(tmp_path: Path, scenes: Path, train: Call) -> None:
    for seed in (0, 0, 1):
        flags = ("--num_epochs", 1, "--augment", "--gamma", "--seed", seed)
        assert train("--image_path", scenes, *QUICK, *flags).status == 0
    first, again, other = (weights_of(run) for run in runs_of(tmp_path))
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_flags_of_the_loss_reach_it(tmp_path: Path, scenes: Path, train: Call) -> None:
    common = ("--image_path", scenes, "--crop_size", 44, "--num_epochs", 1, "--lr", 1e-12)
    assert train(*common).status == 1  # the scenes are 33 pixels high
    put_scenes(scenes, 6, count=3, size=(44, 47))
    found = []
    for flags in (
        ("--level_weight", 0, "--clipping_weight", 0),
        ("--level_weight", 3, "--clipping_weight", 2),
        ("--loss_scales", 3),
        ("--loss_weighting", 0),
    ):
        assert train(*common, *flags).status == 0
        run = runs_of(tmp_path)[-1]
        found.append([scalars(run, f"{name}/train")[0] for name in ("loss", *TERMS)])
    paper, heavy, scales, weighting = found
    assert paper[0] == pytest.approx(paper[1])  # the paper's loss alone
    assert heavy[0] == pytest.approx(heavy[1] + 3 * heavy[2] + 2 * heavy[3])
    assert heavy[1:] == pytest.approx(paper[1:])
    for other in (scales, weighting):
        assert other[0] == pytest.approx(other[1] + 0.2 * other[2] + other[3])
        assert other[2:] == pytest.approx(paper[2:])
        assert abs(other[1] - paper[1]) > 1e-3


def test_levels_are_recorded_and_fused_with(
    tmp_path: Path, scenes: Path, train: Call, fuse: Call
) -> None:
    """The run's files are fused as what they were trained as, whether or not it is said."""
    flags = ("--num_epochs", 1, "--lr", 1e-3)
    for levels in (3, 1):
        assert train("--image_path", scenes, *QUICK, *flags, "--levels", levels).status == 0
    deep, flat = (run / "checkpoints" for run in runs_of(tmp_path))
    with safe_open(deep / "best.safetensors", "pt") as file:
        assert file.metadata()["levels"] == "3"
    results = []
    for number, (weights, words) in enumerate(
        [
            (deep / "best.safetensors", ()),
            (deep / "last.pth", ()),
            (deep / "last.pth", ("--levels", 3)),
            (flat / "last.pth", ()),
            (flat / "last.pth", ("--levels", 1)),
        ]
    ):
        output = tmp_path / f"{number}.png"
        sources = ("--scene_dir", scenes / "s00", "--output", output)
        assert fuse(*sources, "--weights", weights, *words).status == 0
        results.append(get(output))
    assert (results[0] == results[1]).all()
    assert (results[1] == results[2]).all()
    assert (results[3] == results[4]).all()
    assert (results[0] != results[3]).any()


def test_silence_on_request(scenes: Path, train: Call) -> None:
    outcome = train("--image_path", scenes, *QUICK, "--num_epochs", 1, "--output", "False")
    assert outcome.status == 0
    assert "%|" not in outcome.err


def test_weights_alone_start_a_new_run(
    tmp_path: Path, scenes: Path, train: Call, gray_weights: Path
) -> None:
    flags = ("--num_epochs", 1, "--lr", 1e-12, "--resume_path", gray_weights)
    outcome = train("--image_path", scenes, *QUICK, *flags)
    assert outcome.status == 0
    assert f"A new run starts from the weights of {gray_weights} (this repository's" in outcome.out
    [run] = runs_of(tmp_path)
    for name, value in near_identity().state_dict().items():
        torch.testing.assert_close(weights_of(run)[name], value, atol=1e-9, rtol=0)


def test_mixed_precision_leaves_the_loss_exact(
    scenes: Path, train: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.dtype, torch.dtype, bool]] = []
    inside: list[torch.dtype] = []
    loss_of = run_train.deepfuse_loss

    def watch(
        sources: torch.Tensor, fused: torch.Tensor, *others: object
    ) -> dict[str, torch.Tensor]:
        seen.append((sources.dtype, fused.dtype, torch.is_autocast_enabled("cpu")))
        return loss_of(sources, fused, *others)

    class Watched(DeepFuse):
        def __init__(self) -> None:
            super().__init__()
            self.conv1.register_forward_hook(lambda *x: inside.append(x[2].dtype))

    monkeypatch.setattr(run_train, "deepfuse_loss", watch)
    monkeypatch.setattr(run_train, "DeepFuse", Watched)
    flags = ("--num_epochs", 1, "--precision", "bf16")
    assert train("--image_path", scenes, *QUICK, *flags).status == 0
    assert set(seen) == {(torch.float32, torch.float32, False)}
    assert torch.bfloat16 in inside


def test_every_epoch_has_its_own_patches(
    scenes: Path, train: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    loss_of = run_train.deepfuse_loss

    def watch(sources: torch.Tensor, *others: object) -> dict[str, torch.Tensor]:
        seen.append(sources)
        return loss_of(sources, *others)

    monkeypatch.setattr(run_train, "deepfuse_loss", watch)
    flags = ("--num_epochs", 2, "--val_fraction", 0)
    assert train("--image_path", scenes, *QUICK, *flags).status == 0
    first, second = (torch.cat(seen[start : start + 3]).flatten(1) for start in (0, 3))
    assert sum(any(torch.equal(a, b) for b in second) for a in first) < 6


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--crop_size", 10), "--crop_size 10: --loss_scales 1 needs 11 or more"),
        (("--crop_size", 40, "--loss_scales", 3), "--loss_scales 3 needs 44 or more"),
        (("--crop_size", 21, "--loss_scales", 2), "--loss_scales 2 needs 22 or more"),
        (("--crop_size", 24, "--levels", 4), "--crop_size 24: --levels 4 needs 32 or more"),
        (("--crop_size", 34), "is 47x33, smaller than --crop_size 34"),
        (("--train_num", 1), "1 scenes are too few to split; add some, or --val_fraction 0"),
        (("--device", "cuda:97"), "no device 'cuda:97' here"),
        (("--resume_path", "absent"), "no such file: absent"),
    ],
)
def test_flags_that_cannot_be_met(
    tmp_path: Path, scenes: Path, train: Call, flags: tuple[object, ...], message: str
) -> None:
    outcome = train("--image_path", scenes, *QUICK, "--num_epochs", 1, *flags)
    assert outcome.status == 1
    assert message in outcome.err
    assert not (tmp_path / "runs").exists()
