"""Elastic weight consolidation: the equations, and that it keeps what was learned."""

import pytest
import torch
from torch import nn

from utils.util_ewc import ElasticWeights, fisher_information

CPU = torch.device("cpu")


def line(slope: float = 0.0, offset: float = 0.0) -> nn.Linear:
    """Return y = slope x + offset."""
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(slope)
        model.bias.fill_(offset)
    return model


def error(model: nn.Module, sample: tuple[float, float]) -> torch.Tensor:
    return (model(torch.tensor([[sample[0]]])) - sample[1]).square().sum()


def test_fisher_information_by_hand() -> None:
    samples = [(1.0, 0.0), (2.0, 1.0), (0.0, -3.0)]
    found = fisher_information(line(1.0), samples, error)
    residuals = [1.0, 1.0, 3.0]  # of y = x
    slopes = [2 * r * x for r, (x, _) in zip(residuals, samples, strict=True)]
    assert found["weight"].item() == pytest.approx(sum(s**2 for s in slopes) / 3)
    assert found["bias"].item() == pytest.approx(sum((2 * r) ** 2 for r in residuals) / 3)


def test_single_samples_count_not_their_mean() -> None:
    opposed = [(1.0, 1.0), (1.0, -1.0)]  # whose gradients cancel
    found = fisher_information(line(), opposed, error)
    assert found["weight"].item() == pytest.approx(4)


def test_loss_and_its_gradient_by_hand() -> None:
    memory = ElasticWeights(CPU)
    model = line(2.0, 5.0)
    memory.finish_task(model, 7, [(1.0, 0.0)], error)  # residual 7: mu = 14^2 for both
    assert (memory.finished, memory.epochs) == (1, 7)
    assert memory.loss(model).item() == 0
    with torch.no_grad():
        model.weight.add_(0.5)
        model.bias.sub_(2)
    loss = memory.loss(model)
    assert loss.item() == pytest.approx(0.5 * 196 * (0.25 + 4))
    loss.backward()
    assert model.weight.grad.item() == pytest.approx(196 * 0.5)
    assert model.bias.grad.item() == pytest.approx(-196 * 2)


def test_state_comes_back() -> None:
    memory, again = ElasticWeights(CPU), ElasticWeights(CPU)
    model = line(2.0)
    memory.finish_task(model, 3, [(1.0, 1.0)], error)
    again.load_state_dict(memory.state_dict())
    with torch.no_grad():
        model.weight += 1
    assert again.loss(model) == memory.loss(model) > 0
    assert (again.finished, again.epochs) == (1, 3)


def test_an_anchor_does_not_follow_the_model() -> None:
    memory, model = ElasticWeights(CPU), line(2.0)
    memory.finish_task(model, 1, [(1.0, 0.0)], error)
    with torch.no_grad():
        model.weight.fill_(9)
    assert memory.anchor["weight"].item() == 2


def train(model: nn.Module, samples: list[tuple[float, float]], memory: ElasticWeights, lam: float):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(300):
        loss = torch.stack([error(model, sample) for sample in samples]).mean()
        loss = loss + lam * memory.loss(model) if memory.finished else loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("lam", [0.0, 100.0])
def test_what_the_first_task_needs_is_kept(lam: float) -> None:
    # The first task fixes the slope alone: its inputs are large and noisy, of mean residual 0.
    first = [(10.0, 20.1), (10.0, 19.9), (-10.0, -20.1), (-10.0, -19.9)]
    second = [(0.1, 4.0), (-0.1, 3.0)]
    model, memory = line(), ElasticWeights(CPU)
    train(model, first, memory, lam)
    memory.finish_task(model, 1, first, error)
    assert memory.importance["weight"] > 50 * memory.importance["bias"]
    train(model, second, memory, lam)
    assert model.bias.item() > 1  # the second task has been learned
    kept = abs(model.weight.item() - 2) < 0.1
    assert kept == (lam > 0)
