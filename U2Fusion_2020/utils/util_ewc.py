"""Elastic weight consolidation: a penalty that keeps what the network learned in earlier tasks.

    loss = similarity + lambda * 1/2 sum mu (theta - theta*)^2

U2Fusion, "Single model with elastic weight consolidation". The penalty pulls each parameter to its
value after the earlier tasks, in proportion to how much their loss depends on the parameter
(Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017).

Departure: the penalty is added once. The official code adds its running sum inside the loop over
the 20 variables, so that the first one counts 20 times, and its third task keeps the penalty of the
second one besides its own.

Departure: gradients of single samples are squared. The official code squares the gradients of
batches of 18, in which those of single samples partly cancel.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from utils.common.checkpoint import tensors_of
from utils.common.flags import FlagParser, natural_float, positive_int
from utils.utils import InputError


class ElasticWeights:
    """The parameters after the finished tasks, and how important each of them is.

    Args:
        device: Device of the network.

    Attributes:
        finished: Number of finished tasks.
        epochs: Number of epochs that they took together.
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
        """Store the parameters of a trained model and how much its finished tasks depend on them.

        Args:
            model: The network after the task.
            epochs: Epochs of training so far.
            samples: Samples of all finished tasks, as batches of one.
            loss: Returns the loss of one sample, without the penalty.
        """
        self.anchor = {name: value.detach().clone() for name, value in model.named_parameters()}
        self.importance = fisher_information(model, samples, loss)
        self.finished += 1
        self.epochs = epochs

    def state_dict(self) -> dict[str, Any]:
        """Return all attributes as tensors and plain types, for a checkpoint."""
        return {
            "finished": self.finished,
            "epochs": self.epochs,
            "anchor": self.anchor,
            "importance": self.importance,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            InputError: `state` has other entries, or entries of other types.
        """
        own = self.state_dict()
        if not isinstance(state, Mapping) or state.keys() != own.keys():
            raise InputError("the checkpoint (--resume_path) lacks the state of the earlier tasks")
        for name, value in own.items():
            if not isinstance(state[name], type(value)):
                kind = type(value).__name__
                raise InputError(
                    f"the checkpoint (--resume_path) is damaged: {name} is not of type {kind}"
                )
        self.finished, self.epochs = state["finished"], state["epochs"]
        self.anchor, self.importance = (
            {name: value.to(self.device) for name, value in tensors_of(state[kind]).items()}
            for kind in ("anchor", "importance")
        )


def fisher_information(
    model: nn.Module, samples: Iterable[Any], loss: Callable[[nn.Module, Any], Tensor]
) -> dict[str, Tensor]:
    """Return the mean square of the gradients of single samples' losses, for each parameter."""
    sums = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    count = 0
    for sample in samples:
        gradients = torch.autograd.grad(loss(model, sample), list(model.parameters()))
        for total, gradient in zip(sums.values(), gradients, strict=True):
            total += gradient.square()
        count += 1
    return {name: total / count for name, total in sums.items()}


def add_ewc_flags(parser: FlagParser) -> None:
    """Add the flags of elastic weight consolidation."""
    group = parser.add_flag_group("several tasks", rare=True)
    group.add_argument(
        "--ewc_lambda",
        type=natural_float,
        default=8e4,
        help="lambda, weight of the penalty that keeps what earlier tasks have learned",
    )
    group.add_argument(
        "--fisher_samples",
        type=positive_int,
        default=30,
        help="patches of each finished task from which the importance of parameters is computed",
    )
