"""`run_train.py`: what it prints, learns and leaves behind, task after task."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import run_train
from models.DenseNet import DenseNet
from tests.conftest import Call
from tests.helpers import (
    FOLDER,
    copy_method,
    get,
    put_pair,
    run_script,
    runs_of,
    same_weights,
    scalars,
    weights_of,
)
from tests.method import put_set, quick, stand_in
from utils.util_tasks import TaskLosses
from utils.util_weights import load_model
from utils.vgg import InformationMeasure

TERMS = ("pixel_loss", "ssim_loss")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return put_set(tmp_path / "pairs", "ivif", 5)


def once(*words: object) -> tuple[object, ...]:
    """Return the flags of one quick epoch."""
    return (*quick(), "--num_epochs", 1, *words)


def test_what_a_run_says_and_leaves(tmp_path: Path, pairs: Path) -> None:
    """By the script that can be called from another folder."""
    method = copy_method(tmp_path / "a method")
    script = str(method / "scripts" / "run_train.py")
    flags = (*quick(), "--num_epochs", 2, "--device", "cpu")
    done = run_script(script, "--image_path", "pairs", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [run] = runs_of(method)
    assert "Loaded 5 patches (4 to train on, 1 to validate on)" in done.stdout
    assert re.search(r"^Best val loss: \d+\.\d{6}$", done.stdout, re.MULTILINE)
    assert re.search(r"^Loss after ivif: ivif \d+\.\d{6}$", done.stdout, re.MULTILINE)
    assert "Reading ivif pairs...: 100%|" in done.stderr
    terms = ", ".join(rf"{name}=[\d.e+-]+" for name in ("loss", *TERMS))
    assert re.search(rf"Epoch \[2/2\]: 100%\|.*\| 2/2 \[.*, {terms}, lr=9e-5\]", done.stderr)
    assert re.fullmatch(r"train_\d\d-\d\d_\d\d-\d\d", run.name)
    names = {p.name for p in (run / "checkpoints").iterdir()}
    others = names - {"best.safetensors", "last.pth"}
    assert len(names) - len(others) == 2
    assert others
    assert all(re.fullmatch(r"epoch00[12]-loss\d+\.\d{3}\.pth", name) for name in others)
    assert len(list((run / "logs").glob("events.out.tfevents.*"))) == 1
    about = json.loads((run / "args.json").read_text())
    assert about["arguments"]["image_path"] == [str(pairs)]
    assert about["arguments"]["vgg_weights"] == str(stand_in())
    assert {"git_revision", "torch"} <= set(about)
    assert not (tmp_path / "runs").exists()


def test_curves_and_pictures(tmp_path: Path, pairs: Path, train: Call) -> None:
    assert train("--image_path", pairs, *quick(), "--num_epochs", 2).status == 0
    [run] = runs_of(tmp_path)
    for part in ("train", "val"):
        loss, pixel, ssim = (scalars(run, f"{name}/{part}") for name in ("loss", *TERMS))
        assert loss == pytest.approx([20 * p + s for p, s in zip(pixel, ssim, strict=True)])
        assert len(loss) == 2
    assert scalars(run, "lr") == pytest.approx([1e-4, 0.9e-4])
    events = EventAccumulator(str(run / "logs"))
    events.Reload()
    assert set(events.Tags()["images"]) == {"first", "second", "reference", "fused"}
    assert not [name for name in events.Tags()["scalars"] if "ewc" in name]  # one task only


def test_it_learns_and_its_weights_fuse(
    tmp_path: Path, pairs: Path, train: Call, fuse: Call
) -> None:
    flags = ("--num_epochs", 4, "--lr", 2e-3, "--val_fraction", 0.4, "--patches", 12)
    assert train("--image_path", pairs, *quick(), *flags, "--batch_size", 4).status == 0
    [run] = runs_of(tmp_path)
    losses = scalars(run, "loss/val")
    assert losses[-1] < 0.9 * losses[0]
    best = run / "checkpoints" / "best.safetensors"
    with safe_open(best, "pt") as file:
        about = file.metadata()
    assert (about["method"], about["tasks"]) == ("U2Fusion_2020", "ivif")
    assert float(about["loss"]) == pytest.approx(min(losses), rel=1e-4)
    number = int(about["epoch"])
    assert losses[number - 1] == min(losses)
    kept = run / "checkpoints" / f"epoch{number:03d}-loss{min(losses):.3f}.pth"
    saved = torch.load(kept, weights_only=True)["model"]
    assert same_weights(load_model(best)[0].state_dict(), saved)
    results = []
    for weights in (best, kept):
        output = tmp_path / f"{weights.suffix[1:]}.png"
        sources = ("--ir", pairs / "ir" / "p00.png", "--vis", pairs / "vis" / "p00.png")
        assert fuse(*sources, "--weights", weights, "--output", output).status == 0
        results.append(get(output))
    assert (results[0] == results[1]).all()
    assert results[0].std() > 5


def test_the_stand_in_is_named_and_other_weights_are_too(
    pairs: Path, train: Call, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.pth"
    with safe_open(stand_in(), "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    torch.save(tensors, plain)
    outcome = train("--image_path", pairs, *once("--vgg_weights", plain))
    assert outcome.status == 0
    assert f"Information by {plain}\n" in outcome.out
    outcome = train("--image_path", pairs, *once())
    assert f"Information by {stand_in()}, a stand-in of random weights (seed 0)\n" in outcome.out


@pytest.mark.parametrize("task", ["ivif", "mef", "mff"])
def test_without_sets_on_the_demo(train: Call, task: str) -> None:
    words = ("--tasks", task, "--num_epochs", 1, "--vgg_weights", stand_in())
    outcome = train(*words)  # besides what makes it quick
    assert outcome.status == 0, outcome.err
    folder = FOLDER / "demo" / {"ivif": "ir_vis", "mef": "exposures", "mff": "ir_vis/vis"}[task]
    assert f"Training on the demo images in {folder}; name your own with " in outcome.out
    assert "Loaded 2 patches (1 to train on, 1 to validate on)" in outcome.out


@pytest.mark.parametrize(("number", "used"), [(6, 15), (5, 15), (4, 12)])
def test_train_num_is_an_upper_bound(pairs: Path, train: Call, number: int, used: int) -> None:
    share = 9 if used == 12 else 12
    outcome = train("--image_path", pairs, *once("--train_num", number, "--patches", share))
    assert f"Loaded {used} patches ({share} to train on, 3 to validate on)" in outcome.out
    assert "Training on the demo" not in outcome.out


def test_several_sets_of_a_task(tmp_path: Path, pairs: Path, train: Call) -> None:
    put_pair(tmp_path / "one", "other", 8)
    for words in (("--image_path",), ("--tasks", "ivif", "--ivif_path")):
        outcome = train(*once(*words, pairs, tmp_path / "one"))
        assert "Loaded 6 patches" in outcome.out
    outcome = train(*once("--image_path", pairs / "vis", pairs / "ir"))
    assert "Loaded 5 patches" in outcome.out  # the two folders of a set


def test_the_seed_decides(tmp_path: Path, pairs: Path, train: Call) -> None:
    for seed in (0, 0, 1):
        assert train("--image_path", pairs, *once("--augment", "--seed", seed)).status == 0
    first, again, other = (weights_of(run) for run in runs_of(tmp_path))
    assert same_weights(first, again)
    assert not same_weights(first, other)


def test_flags_of_the_loss_reach_it(tmp_path: Path, pairs: Path, train: Call) -> None:
    for ssim_weight, mse_weight in ((1, 20), (3, 0), (0, 2.5)):
        flags = once("--ssim_weight", ssim_weight, "--mse_weight", mse_weight, "--lr", 1e-12)
        assert train("--image_path", pairs, *flags).status == 0
        run = runs_of(tmp_path)[-1]
        loss, pixel, ssim = (scalars(run, f"{name}/train")[0] for name in ("loss", *TERMS))
        assert min(pixel, ssim) > 1e-3
        assert loss == pytest.approx(ssim_weight * ssim + mse_weight * pixel, rel=1e-5)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Tensor, float, torch.Tensor]]:
    """What was measured: sources, c and weights, call by call."""
    calls = []
    measure = InformationMeasure.__call__

    def watch(self: InformationMeasure, sources: torch.Tensor, c: float) -> torch.Tensor:
        weights = measure(self, sources, c)
        calls.append((sources.clone(), c, weights))
        return weights

    monkeypatch.setattr(InformationMeasure, "__call__", watch)
    return calls


Measured = list[tuple[torch.Tensor, float, torch.Tensor]]


def test_fixed_patches_are_measured_once(
    tmp_path: Path, pairs: Path, train: Call, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    similarity = TaskLosses.similarity

    def watch(self: TaskLosses, task: object, model: object, batch: dict) -> dict:
        used.append((batch["sources"], self.weights(task, batch)))
        return similarity(self, task, model, batch)

    monkeypatch.setattr(TaskLosses, "similarity", watch)
    flags = (*quick(), "--num_epochs", 3)
    outcome = train("--image_path", pairs, *flags)
    assert outcome.status == 0
    assert "Measuring ivif: 100%|" in outcome.err
    assert [len(sources) for sources, *_ in measured] == [4, 1]  # to train on, to validate on
    known = {}
    for sources, _, found in measured:
        for pair, weights in zip(sources, found, strict=True):
            for one, other in ((pair, weights), (pair.flip(0), weights.flip(0))):
                known[tuple(one.flatten().tolist())] = other
    for sources, weights in used:  # whatever the order of an epoch, each has its own
        for pair, found in zip(sources, weights, strict=True):
            assert torch.equal(known[tuple(pair.flatten().tolist())], found)
    assert len(used) == 3 * (2 + 1) + 1


def test_fresh_patches_are_measured_anew(
    tmp_path: Path, pairs: Path, train: Call, measured: Measured
) -> None:
    flags = (*quick(), "--num_epochs", 2, "--val_fraction", 0, "--fresh_patches")
    assert train("--image_path", pairs, *flags).status == 0
    patches = [pair for sources, *_ in measured for pair in sources]
    assert len(patches) >= 10
    assert len({tuple(pair.flatten().tolist()) for pair in patches}) >= 10


@pytest.mark.parametrize("fresh", [True, False])
def test_every_epoch_has_its_own_patches_unless_they_are_fixed(
    pairs: Path, train: Call, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    seen: list[torch.Tensor] = []
    forward = DenseNet.forward

    def watch(self: DenseNet, pair: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            seen.extend(pair.detach().clone())
        return forward(self, pair)

    monkeypatch.setattr(DenseNet, "forward", watch)
    flags = (*quick(), "--num_epochs", 2, "--val_fraction", 0, f"--fresh_patches={fresh}")
    assert train("--image_path", pairs, *flags).status == 0
    first, second = seen[:5], seen[5:]
    flipped = [pair.flip(0) for pair in second]
    assert len(second) == 5
    repeated = sum(any(torch.equal(a, b) for b in (*second, *flipped)) for a in first)
    assert repeated == (0 if fresh else 5)


def test_silence_on_request(pairs: Path, train: Call) -> None:
    outcome = train("--image_path", pairs, *once("--output", "False"))
    assert outcome.status == 0
    assert "%|" not in outcome.err


@pytest.mark.parametrize("fresh", [False, True])
def test_mixed_precision_leaves_the_loss_exact(
    pairs: Path, train: Call, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    seen: list[tuple[torch.dtype, ...]] = []
    inside: list[torch.dtype] = []
    loss_of = run_train.TaskLosses.similarity.__globals__["similarity_loss"]

    def watch(*tensors: torch.Tensor, **others: object) -> dict[str, torch.Tensor]:
        assert not torch.is_autocast_enabled("cpu")
        seen.append(tuple(x.dtype for x in tensors[:3]))
        return loss_of(*tensors, **others)

    class Watched(DenseNet):
        def __init__(self) -> None:
            super().__init__()
            self.conv1.register_forward_hook(lambda *x: inside.append(x[2].dtype))

    monkeypatch.setattr("utils.util_tasks.similarity_loss", watch)
    monkeypatch.setattr(run_train, "DenseNet", Watched)
    flags = once("--precision", "bf16", f"--fresh_patches={fresh}")
    outcome = train("--image_path", pairs, *flags)
    assert outcome.status == 0, outcome.err
    assert set(seen) == {(torch.float32,) * 3}
    assert torch.bfloat16 in inside


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--crop_size", 10), "--crop_size 10: SSIM needs 11 or more"),
        (("--crop_size", 34), "is 47x33, smaller than --crop_size 34"),
        (("--train_num", 1), "1 ivif pairs are too few to split; add some, or --val_fraction 0"),
        (("--tasks", "ivif", "mef"), "--image_path is of one task; with several --tasks use "),
        (("--tasks", "ivif", "ivif"), "--tasks ivif ivif: each can be learned once"),
        (("--tasks", "mff"), "no mff pairs in "),
        (("--device", "cuda:97"), "no device 'cuda:97' here"),
        (("--resume_path", "absent"), "no such file: absent"),
    ],
)
def test_flags_that_cannot_be_met(
    tmp_path: Path, pairs: Path, train: Call, flags: tuple[object, ...], message: str
) -> None:
    outcome = train("--image_path", pairs, *once(*flags))
    assert outcome.status == 1
    assert message in outcome.err
    assert not (tmp_path / "runs").exists()
