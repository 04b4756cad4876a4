# From common_code/export/utils/common/export.py; edit it there, then tools/sync.py.
"""Write a method, its fusion rule included, to ONNX files that need no PyTorch.

The inputs are two sources as float32 in [0, 1], each (1, C, H, W) with any H and W; the output is
their fusion, `fused`, of the same shape, not clipped. The file's metadata say all that a program
needs to know to fuse images with it; docs/deployment.md of the repository lists them.
"""

import hashlib
import importlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from utils import HERE
from utils.common.checkpoint import weights_file
from utils.common.color import LUMA
from utils.common.files import write_atomically
from utils.common.tiled_fusion import TiledFusion
from utils.utils import InputError

if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGES = ("onnx", "onnxscript")
EXAMPLE = (90, 75)  # pixels: sides to trace a network with, both unlike a multiple of its stride
OUTPUT = "fused"


class FusePair(nn.Module):
    """The method's `fuse_planes` of two sources, as a network."""

    def __init__(self, fusion: TiledFusion) -> None:
        super().__init__()
        self.model = fusion.model
        self.fuse_planes = fusion.fuse_planes

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Fuse two sources of (1, C, H, W) to (1, C, H, W), not clipped."""
        return self.fuse_planes(torch.cat([first, second]))


@dataclass(frozen=True)
class Graph:
    """What one file computes.

    Attributes:
        network: Its `forward` takes the images, then `*statistics`, in the order of the next two.
        images: How many channels each image has, by its name.
        statistics: A tensor of the right shape and type for each statistic, by its name.
        outputs: Names of what it returns.
    """

    network: nn.Module
    images: Mapping[str, int]
    statistics: Mapping[str, Tensor] = field(default_factory=dict)
    outputs: Sequence[str] = (OUTPUT,)


def pair_graph(fusion: TiledFusion, names: Sequence[str]) -> Graph:
    """Return the graph of a method that fuses two sources by `fuse_planes`."""
    return Graph(FusePair(fusion), dict.fromkeys(names, fusion.channels))


def describe(
    fusion: TiledFusion,
    weights: Path,
    names: Sequence[str],
    settings: Mapping[str, Any],
    *,
    tiles: str = "independent",
    order: str = "given",
    luma: Sequence[float] = LUMA,
) -> dict[str, str]:
    """Return the metadata of a method's files.

    Args:
        fusion: The method.
        weights: The file of its weights, or the folder that holds it.
        names: Of its sources, in order.
        settings: The method's own flags, by name.
        tiles: `independent` of each other, or `whole` if only whole images can be fused, or, if
            statistics of the whole image are inputs, what they are of the tiles' statistics: the
            `sum` or the `maximum`.
        order: How sources are ordered first: as `given`, or `darkest_first`.
        luma: Weights of R, G and B in a source's luma.
    """
    return {
        "method": HERE.name.rpartition("_")[0],
        "weights_sha256": hashlib.sha256(weights_file(weights).read_bytes()).hexdigest(),
        "settings": json.dumps(dict(settings), sort_keys=True),
        "sources": " ".join(names),
        "order": order,
        "value_range": "0 1",
        "channels": str(fusion.channels),
        "luma": " ".join(map(str, luma)),
        "color": "chroma of the sources" if fusion.channels == 1 else "network",
        "tiles": tiles,
        "receptive_radius": str(fusion.receptive_radius),
        "stride": str(fusion.stride),
        "min_side": str(fusion.min_side),
    }


def write_graphs(
    graphs: Mapping[Path, Graph], metadata: Mapping[str, str], overwrite: bool
) -> None:
    """Write ONNX files that belong together; none is written unless all can be exported.

    Args:
        graphs: What each file computes.
        metadata: Of all the files.
        overwrite: Replace files that exist.

    Raises:
        InputError: a package is missing.
        OSError: a file cannot be written, or has appeared meanwhile.
    """
    for package in PACKAGES:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise InputError(
                f"exporting needs the package {package}: pip install {' '.join(PACKAGES)}"
            ) from error
    models = {path: _export(graph, metadata) for path, graph in graphs.items()}
    for path, model in models.items():
        _write(path, model, overwrite)


@torch.no_grad()
def _export(graph: Graph, metadata: Mapping[str, str]) -> "ModelProto":
    """Return a graph as a checked ONNX model."""
    import onnx

    sides = {2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    images = [torch.rand(1, channels, *EXAMPLE) for channels in graph.images.values()]
    shapes = [sides for _ in images]
    no_sides: dict[int, Any] = {}
    fixed = [(no_sides,) * len(graph.statistics)] if graph.statistics else []
    with warnings.catch_warnings():
        # both sources have axes of these names, as they have the same sides
        warnings.filterwarnings("ignore", "# The axis name", UserWarning)
        program = torch.onnx.export(
            graph.network.eval(),
            (*images, *graph.statistics.values()),
            input_names=[*graph.images, *graph.statistics],
            output_names=list(graph.outputs),
            dynamic_shapes=(*shapes, *fixed),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    assert program is not None  # it is None only for the exporter without dynamo
    model = program.model_proto
    for node in model.graph.node:
        del node.metadata_props[:]  # where in this machine's files each was traced
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


def _write(path: Path, model: "ModelProto", overwrite: bool) -> None:
    """Write a model and print what it takes."""
    data = model.SerializeToString()
    write_atomically(path, lambda file: file.write(data), overwrite)
    inputs = ", ".join(value.name for value in model.graph.input)
    opset = model.opset_import[0].version
    print(f"{path}: {len(data) / 1e6:.2f} MB, opset {opset}, inputs {inputs}")
