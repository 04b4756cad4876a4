"""Batch norms that see the batches of all processes, on CPUs."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed import destroy_process_group, init_process_group
from torch.nn.parallel import DistributedDataParallel

pytest.importorskip("mmseg", reason="pip install -e mmseg_bffr")

from mmseg_bffr.batch_norm import share_batch_norms

PROCESSES = 2


def build() -> nn.Module:
    """Return a small network of two batch norms, in float64."""
    torch.manual_seed(1)
    layers = [nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 3)]
    return nn.Sequential(*layers, nn.BatchNorm2d(2), nn.Sigmoid()).double()


def batch() -> Tensor:
    """Return four images of different means and contrasts."""
    generator = torch.Generator().manual_seed(2)
    scale = torch.tensor([0.1, 1, 2, 5]).reshape(4, 1, 1, 1)
    return (scale * torch.rand(4, 1, 9, 8, generator=generator) - scale / 3).double()


def trained(network: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return the gradients of a loss, and what the network holds after it."""
    network(images).square().mean().backward()
    parameters = network.named_parameters()
    gradients = {name: value.grad for name, value in parameters if value.grad is not None}
    return gradients | dict(network.named_buffers())


def train_share(rank: int, folder: Path) -> None:
    """Train on a process's share of the images; the first process writes what it has."""
    store = f"file://{folder / 'store'}"
    init_process_group("gloo", init_method=store, rank=rank, world_size=PROCESSES)
    network = DistributedDataParallel(share_batch_norms(build()))
    found = trained(network, batch().chunk(PROCESSES)[rank])
    if rank == 0:
        torch.save({name.removeprefix("module."): v for name, v in found.items()}, folder / "found")
    destroy_process_group()


@pytest.mark.slow
def test_two_processes_are_one_with_all_images(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(train_share, (tmp_path,), nprocs=PROCESSES)
    found = torch.load(tmp_path / "found", weights_only=True)
    expected = trained(build(), batch())  # by PyTorch's batch norms
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-9, atol=1e-12), name


def test_in_evaluation_they_are_pytorchs() -> None:
    network, expected = share_batch_norms(build()).eval(), build().eval()
    assert torch.equal(network(batch()), expected(batch()))
