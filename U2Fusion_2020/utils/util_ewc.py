"""Elastic weight consolidation: keep what earlier tasks need.

    loss = similarity + lambda * 1/2 sum mu (theta - theta*)^2

U2Fusion, "Single model with elastic weight consolidation".
Each parameter is tied to its value after the earlier tasks, as firmly as their loss depends on it
(Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017).
"""

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from utils.common.checkpoint import tensors_of
from utils.common.flags import natural_float, positive_int
from utils.utils import InputError


class ElasticWeights:
    """What is known of the finished tasks.

    Args:
        device: Where the network is.

    Attributes:
        finished: How many tasks are done.
        epochs: How many epochs they took.
        anchor: theta*, the parameters after them, by name.
        importance: mu, the diagonal of the Fisher information, by name.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.finished = 0
        self.epochs = 0
        self.anchor: dict[str, Tensor] = {}
        self.importance: dict[str, Tensor] = {}

    def loss(self, model: nn.Module) -> Tensor:
        """Return half the sum of mu (theta - theta*)^2."""
        parts = [
            (self.importance[name] * (value - self.anchor[name]).square()).sum()
            for name, value in model.named_parameters()
        ]
        return torch.stack(parts).sum() / 2

    def finish_task(
        self,
        model: nn.Module,
        epochs: int,
        samples: Iterable[Any],
        loss: Callable[[nn.Module, Any], Tensor],
    ) -> None:
        """Remember a trained model and how much its finished tasks depend on each parameter.

        Args:
            model: After the task.
            epochs: Of training so far.
            samples: Of all finished tasks, batches of one.
            loss: Of one of them, without the loss of this class.
        """
        self.anchor = {name: value.detach().clone() for name, value in model.named_parameters()}
        self.importance = fisher_information(model, samples, loss)
        self.finished += 1
        self.epochs = epochs

    def state_dict(self) -> dict[str, Any]:
        """Return tensors and plain types."""
        return {
            "finished": self.finished,
            "epochs": self.epochs,
            "anchor": self.anchor,
            "importance": self.importance,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Undo `state_dict`.

        Raises:
            InputError: it is not what `state_dict` returns.
        """
        own = self.state_dict()
        if not isinstance(state, Mapping) or state.keys() != own.keys():
            raise InputError("the checkpoint (--resume_path) lacks what is known of earlier tasks")
        for name, value in own.items():
            if not isinstance(state[name], type(value)):
                kind = type(value).__name__
                raise InputError(f"the checkpoint (--resume_path) is damaged: {name} is no {kind}")
        self.finished, self.epochs = state["finished"], state["epochs"]
        self.anchor, self.importance = (
            {name: value.to(self.device) for name, value in tensors_of(state[kind]).items()}
            for kind in ("anchor", "importance")
        )


def fisher_information(
    model: nn.Module, samples: Iterable[Any], loss: Callable[[nn.Module, Any], Tensor]
) -> dict[str, Tensor]:
    """Return the mean squared gradient of single samples' losses, by parameter."""
    sums = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    count = 0
    for sample in samples:
        gradients = torch.autograd.grad(loss(model, sample), list(model.parameters()))
        for total, gradient in zip(sums.values(), gradients, strict=True):
            total += gradient.square()
        count += 1
    return {name: total / count for name, total in sums.items()}


def add_ewc_flags(group: argparse._ArgumentGroup) -> None:
    """Add the flags of elastic weight consolidation."""
    group.add_argument(
        "--ewc_lambda",
        type=natural_float,
        default=8e4,
        help="lambda, of the loss that keeps earlier tasks",
    )
    group.add_argument(
        "--fisher_samples",
        type=positive_int,
        default=30,
        help="patches of each finished task that tell which weights matter to it",
    )
