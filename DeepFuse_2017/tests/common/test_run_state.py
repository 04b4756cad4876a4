# From common_code/training/tests/common/test_run_state.py; edit it there, then tools/sync.py.
"""A run's checkpoint is checked before the run goes on with it."""

import argparse
import copy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.method import build
from utils.common.checkpoint import save_checkpoint
from utils.common.resume import RunState, resume
from utils.util_train import build_scheduler
from utils.util_weights import load_into
from utils.utils import InputError

State = dict[str, Any]
ARGS = argparse.Namespace(
    lr_schedule="step", lr_decay=0.9, warmup_steps=0, num_epochs=4, scale_lr=False
)


class Extra:
    """What a method remembers besides network and optimizer."""

    def __init__(self, weights: State | None = None) -> None:
        self.state = {"finished": 0, "anchor": weights or {}}

    def state_dict(self) -> State:
        return self.state

    def load_state_dict(self, state: State) -> None:
        self.state = state


def run_state(steps: int = 0, extra: Extra | None = None) -> RunState:
    """Return the state of a run after some steps of Adam on arbitrary gradients."""
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = build_scheduler(optimizer, 3, ARGS, 1)
    for _ in range(steps):
        for value in model.parameters():
            value.grad = torch.randn(value.shape)
        optimizer.step()
        scheduler.step()
    return RunState(model, optimizer, scheduler, 3, extra, next_epoch=1 if steps else 0)


def checkpoint(state: RunState) -> State:
    """Return what a run in that state saves."""
    return copy.deepcopy({**state.state_dict(), "arguments": vars(ARGS)})


def resumed(folder: Path, found: State, extra: Extra | None = None) -> RunState:
    """Go on with a checkpoint as `run_train.py` does."""
    path = folder / "last.pth"
    save_checkpoint(path, found)
    fresh = run_state(extra=extra)
    args = argparse.Namespace(**vars(ARGS), resume_path=path)
    resume(args, fresh, load_into, SimpleNamespace(print=print, num_processes=1))
    return fresh


def tensors_and_values(value: Any) -> list[Any]:
    """Return what nested containers hold in the end."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [plain for part in value for plain in tensors_and_values(part)]
    return [value]


@pytest.mark.parametrize("steps", [0, 2])
def test_a_sound_checkpoint_is_taken_over(tmp_path: Path, steps: int) -> None:
    weights = {n: v.clone() for n, v in build().state_dict().items()} if steps else None
    saved = checkpoint(run_state(steps, Extra(weights)))
    state = resumed(tmp_path, saved, Extra())
    assert state.next_epoch == (1 if steps else 0)
    found = state.state_dict()
    for name in ("model", "optimizer", "scheduler", "extra_state"):
        both = (tensors_and_values(part[name]) for part in (found, saved))
        for one, other in zip(*both, strict=True):
            assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other
    assert found["extra_state"].keys() == saved["extra_state"].keys()


def set_to(*keys: str, value: object) -> Callable[[State], None]:
    """Return what gives an entry of a checkpoint another value."""

    def change(state: State) -> None:
        for key in keys[:-1]:
            state = state[key]
        state[keys[-1]] = value

    return change


def first_layer(change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[State], None]:
    """Return what replaces the first tensor of the network."""

    def replace(state: State) -> None:
        name = next(iter(state["model"]))
        state["model"][name] = change(state["model"][name])

    return replace


DAMAGE: dict[str, tuple[str, Callable[[State], object]]] = {
    "no network": ("model", set_to("model", value=None)),
    "a list for a network": ("model", set_to("model", value=[1])),
    "one layer less": ("model", lambda state: state["model"].popitem()),
    "another shape": ("model", first_layer(lambda value: value[:1])),
    "integers": ("model", first_layer(lambda value: value.long())),
    "weights that are not finite": ("model", first_layer(lambda value: value * torch.nan)),
    "no optimizer": ("optimizer", set_to("optimizer", value=3)),
    "no groups": ("optimizer", set_to("optimizer", "param_groups", value=[])),
    "a group without a rate": (
        "optimizer",
        lambda state: state["optimizer"]["param_groups"][0].pop("lr"),
    ),
    "a rate in words": (
        "optimizer",
        lambda state: state["optimizer"]["param_groups"][0].update(lr="fast"),
    ),
    "fewer parameters": (
        "optimizer",
        lambda state: state["optimizer"]["param_groups"][0].update(params=[0]),
    ),
    "moments of another shape": (
        "optimizer",
        lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(2)),
    ),
    "moments that are not finite": (
        "optimizer",
        lambda state: state["optimizer"]["state"][1]["exp_avg_sq"].fill_(torch.inf),
    ),
    "moments of some parameters": ("optimizer", lambda state: state["optimizer"]["state"].pop(0)),
    "moments in words": ("optimizer", lambda state: state["optimizer"]["state"].update({0: "x"})),
    "no schedule": ("scheduler", set_to("scheduler", value={})),
    "a schedule in words": ("scheduler", set_to("scheduler", "last_epoch", value="two")),
    "half an epoch": ("next_epoch", set_to("next_epoch", value=0.5)),
    "an epoch before the first": ("next_epoch", set_to("next_epoch", value=-1)),
    "steps in words": ("steps_per_epoch", set_to("steps_per_epoch", value="three")),
    "no best loss": ("best_loss", lambda state: state.pop("best_loss")),
    "a best loss that is no number": ("best_loss", set_to("best_loss", value=float("nan"))),
    "no random states": ("random_states", set_to("random_states", value={})),
    "short random states": (
        "random_states",
        set_to("random_states", "cpu", value=torch.zeros(3, dtype=torch.uint8)),
    ),
    "half a task": ("extra_state", set_to("extra_state", "finished", value=0.5)),
    "anchors of another shape": (
        "extra_state",
        set_to("extra_state", "anchor", value={"weight": torch.zeros(2)}),
    ),
    "arguments in a list": ("arguments", set_to("arguments", value=[1])),
    "a tensor for an argument": ("arguments", set_to("arguments", "lr_decay", value=torch.ones(2))),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, kind: str) -> None:
    entry, change = DAMAGE[kind]
    state = checkpoint(run_state(1, Extra()))
    change(state)
    with pytest.raises(InputError, match=rf"last\.pth cannot be resumed: its {entry} "):
        resumed(tmp_path, state, Extra())
