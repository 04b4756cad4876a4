# From common_code/photographs/tests/behavior/test_train.py; edit it there, then tools/sync.py.
"""`run_train.py`: what it prints, learns and leaves behind."""

import argparse
import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import run_train
from tests.conftest import Call
from tests.helpers import (
    FOLDER,
    put_photos,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.method import DEFAULTS, FOLDER_NAME, NAME, NETWORK, SMALL, near_identity
from utils.common.run_folder import make_run_folder
from utils.util_fusion import ImageFusion
from utils.util_train import build_scheduler
from utils.util_weights import load_model

QUICK = (*SMALL, "--batch_size", 2)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return put_photos(tmp_path / "photos", 6)


def test_what_a_run_says_and_leaves(tmp_path: Path, photos: Path, train: Call) -> None:
    done = train("--image_path", photos, *QUICK, "--num_epochs", 2)
    assert done.status == 0, done.err
    [run] = runs_of(tmp_path)
    assert "Loaded 6 images (5 to train on, 1 to validate on)" in done.out
    assert re.search(r"^Best val loss: \d+\.\d{6}$", done.out, re.MULTILINE)
    assert re.search(r"Epoch \[2/2\]: 100%\|.*\| 3/3 ", done.err)
    for name in ("loss", "pixel_loss", "ssim_loss"):
        assert re.search(rf", {name}=[\d.e+-]+, ", done.err)
    assert ", lr=9e-5]" in done.err
    assert re.fullmatch(r"train_\d\d-\d\d_\d\d-\d\d", run.name)
    names = sorted(p.name for p in (run / "checkpoints").iterdir())
    assert {"best.safetensors", "last.pth"} < set(names)
    assert all(
        re.fullmatch(r"epoch00[12]-loss\d+\.\d{3}\.pth", name)
        for name in names
        if name not in ("best.safetensors", "last.pth")
    )
    assert len(list((run / "logs").glob("events.out.tfevents.*"))) == 1
    about = json.loads((run / "args.json").read_text())
    assert about["arguments"]["image_path"] == [str(photos)]
    assert about["arguments"]["seed"] == 0
    assert {"git_revision", "torch"} <= set(about)


def test_curves_and_pictures(tmp_path: Path, photos: Path, train: Call) -> None:
    assert train("--image_path", photos, *QUICK, "--num_epochs", 2).status == 0
    [run] = runs_of(tmp_path)
    for name in ("loss", "pixel_loss", "ssim_loss"):
        for part in ("train", "val"):
            assert len(scalars(run, f"{name}/{part}")) == 2
    assert scalars(run, "lr") == pytest.approx([1e-4, 0.9e-4])
    events = EventAccumulator(str(run / "logs"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"source", "reconstruction"}


@pytest.mark.parametrize("color", ["--gray", "--no-gray"])
def test_it_learns_and_its_weights_fuse(
    tmp_path: Path, photos: Path, train: Call, color: str
) -> None:
    flags = ("--num_epochs", 6, "--lr", 2e-3, "--val_fraction", 0.2)
    assert train("--image_path", photos, *QUICK, color, *flags).status == 0
    [run] = runs_of(tmp_path)
    losses = scalars(run, "loss/val")
    assert losses[-1] < 0.9 * losses[0]
    best = run / "checkpoints" / "best.safetensors"
    channels = 1 if color == "--gray" else 3
    mode = "luma" if channels == 1 else "channels"
    assert ImageFusion(best, rgb_mode=mode, device="cpu").channels == channels
    with safe_open(best, "pt") as file:
        about = file.metadata()
    assert about["method"] == FOLDER_NAME
    assert about["channels"] == str(channels)
    assert float(about["loss"]) == pytest.approx(min(losses), rel=1e-4)
    number = int(about["epoch"])
    assert losses[number - 1] == min(losses)
    kept = run / "checkpoints" / f"epoch{number:03d}-loss{min(losses):.3f}.pth"
    saved = torch.load(kept, weights_only=True)["model"]
    assert same_weights(load_model(best)[0].state_dict(), saved)


def test_without_flags_on_the_demo(train: Call) -> None:
    outcome = train(*SMALL)  # besides the size, which makes it quick
    assert outcome.status == 0
    assert f"Training on the demo images in {FOLDER / 'demo' / 'vis'}; " in outcome.out
    assert "Loaded 2 images (1 to train on, 1 to validate on)" in outcome.out
    epochs = DEFAULTS["num_epochs"]
    assert f"Epoch [{epochs}/{epochs}]" in outcome.err


@pytest.mark.parametrize(("number", "used"), [(7, 6), (6, 6), (4, 4)])
def test_train_num_is_an_upper_bound(photos: Path, train: Call, number: int, used: int) -> None:
    flags = ("--train_num", number, "--num_epochs", 1)
    outcome = train("--image_path", photos, *QUICK, *flags)
    assert outcome.status == 0
    assert f"Loaded {used} images ({used - 1} to train on, 1 to validate on)" in outcome.out
    assert "Training on the demo" not in outcome.out


def test_the_seed_decides(tmp_path: Path, photos: Path, train: Call) -> None:
    for seed in (0, 0, 1):
        flags = ("--num_epochs", 1, "--sampling", "crop", "--flip", "--seed", seed)
        assert train("--image_path", photos, *QUICK, *flags).status == 0
    first, again, other = (weights_of(run) for run in runs_of(tmp_path))
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_silence_on_request(photos: Path, train: Call) -> None:
    flags = ("--num_epochs", 1, "--output", "False")
    outcome = train("--image_path", photos, *QUICK, *flags)
    assert outcome.status == 0
    assert "Epoch [" not in outcome.err


def test_weights_alone_start_a_new_run(
    tmp_path: Path, photos: Path, train: Call, gray_weights: Path
) -> None:
    flags = ("--num_epochs", 1, "--lr", 1e-12, "--resume_path", gray_weights)
    outcome = train("--image_path", photos, *QUICK, *flags)
    assert outcome.status == 0
    assert f"A new run starts from the weights of {gray_weights} (this repository's" in outcome.out
    [run] = runs_of(tmp_path)
    for name, value in near_identity(1).state_dict().items():
        torch.testing.assert_close(weights_of(run)[name], value, atol=1e-9, rtol=0)


def test_mixed_precision_leaves_the_loss_exact(
    photos: Path, train: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[torch.dtype, bool]] = []
    inside: list[torch.dtype] = []
    loss_of = run_train.reconstruction_loss

    def watch(output: torch.Tensor, *others: object) -> dict[str, torch.Tensor]:
        seen.append((output.dtype, torch.is_autocast_enabled("cpu")))
        return loss_of(output, *others)

    class Watched(NETWORK):
        def __init__(self, *settings: object) -> None:
            super().__init__(*settings)
            first = next(m for m in self.encoder.modules() if isinstance(m, torch.nn.Conv2d))
            first.register_forward_hook(lambda *x: inside.append(x[2].dtype))

    monkeypatch.setattr(run_train, "reconstruction_loss", watch)
    monkeypatch.setattr(run_train, NAME, Watched)
    flags = ("--num_epochs", 1, "--precision", "bf16")
    assert train("--image_path", photos, *QUICK, *flags).status == 0
    assert set(seen) == {(torch.float32, False)}
    assert torch.bfloat16 in inside


@pytest.mark.parametrize("sampling", ["resize", "crop"])
def test_every_epoch_has_its_own_order_and_crops(
    photos: Path, train: Call, monkeypatch: pytest.MonkeyPatch, sampling: str
) -> None:
    seen: list[torch.Tensor] = []
    loss_of = run_train.reconstruction_loss

    def watch(output: torch.Tensor, target: torch.Tensor, *others: object) -> object:
        seen.append(target)
        return loss_of(output, target, *others)

    monkeypatch.setattr(run_train, "reconstruction_loss", watch)
    flags = ("--num_epochs", 2, "--val_fraction", 0, "--sampling", sampling)
    assert train("--image_path", photos, *QUICK, *flags).status == 0
    first, second = (torch.cat(seen[start : start + 3]).flatten(1) for start in (0, 3))
    assert not torch.equal(first, second)
    shared = sum(any(torch.equal(a, b) for b in second) for a in first)
    assert shared == 6 if sampling == "resize" else shared < 6


def test_run_folders_do_not_collide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        @staticmethod
        def now() -> object:
            return argparse.Namespace(strftime=lambda form: form.replace("%", ""))

    monkeypatch.setattr("utils.common.run_folder.datetime", Clock)
    names = [make_run_folder(tmp_path / "runs").name for _ in range(3)]
    assert names == ["train_m-d_H-M", "train_m-d_H-M-2", "train_m-d_H-M-3"]
    assert sorted(p.name for p in (tmp_path / "runs" / names[1]).iterdir()) == [
        "checkpoints",
        "logs",
    ]


@pytest.mark.parametrize(
    ("schedule", "warmup", "expected"),
    [
        ("constant", 0, [1, 1, 1, 1, 1]),
        ("step", 0, [1, 1, 0.5, 0.5, 0.25]),
        ("cosine", 0, [1, 0.853553, 0.5, 0.146447, 0]),
        ("constant", 3, [0.25, 0.5, 0.75, 1, 1]),
        ("step", 1, [0.5, 1, 0.5, 0.5, 0.25]),
    ],
)
@pytest.mark.parametrize("processes", [1, 3])
def test_learning_rate(schedule: str, warmup: int, expected: list[float], processes: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    args = argparse.Namespace(lr_schedule=schedule, lr_decay=0.5, warmup_steps=warmup, num_epochs=2)
    args.scale_lr = processes > 1
    scheduler = build_scheduler(optimizer, 2, args, processes)
    found = []
    for _ in expected:
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert found == pytest.approx([processes * rate for rate in expected], abs=processes * 1e-6)


def test_a_run_of_another_project_is_weights_alone(tmp_path: Path, train: Call) -> None:
    parts: dict[str, dict[str, object]] = {
        key: {} for key in ("optimizer", "scheduler", "next_epoch")
    }
    torch.save({"model": near_identity(1).state_dict(), **parts}, tmp_path / "theirs.pth")
    photos = put_photos(tmp_path / "photos", 3)
    outcome = train(
        "--image_path", photos, *QUICK, "--num_epochs", 1, "--resume_path", tmp_path / "theirs.pth"
    )
    assert outcome.status == 0
    assert "A new run starts from the weights" in outcome.out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--crop_size", 10), "--crop_size 10: --ssim ssim needs 11 or more"),
        (("--ssim", "ms_ssim", "--crop_size", 160), "--ssim ms_ssim needs 161 or more"),
        (("--device", "tpu"), "--device auto|cpu|cuda[:N]|mps"),
        (("--device", "cuda:97"), "no device 'cuda:97' here"),
        (("--resume_path", "absent"), "no such file: absent"),
    ],
)
def test_flags_that_cannot_be_met(
    tmp_path: Path, train: Call, flags: tuple[object, ...], message: str
) -> None:
    photos = put_photos(tmp_path / "photos", 3)
    outcome = train(*("--device", "cpu", "--image_path", photos, *QUICK, "--num_epochs", 1, *flags))
    assert outcome.status == 1
    assert message in outcome.err
    assert not (tmp_path / "runs").exists()
