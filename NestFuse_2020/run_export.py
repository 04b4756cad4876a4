"""Export to ONNX: `python run_export.py --output nestfuse.onnx`."""

import argparse
from collections.abc import Sequence

from run_fusion import add_method_flags
from utils.common.export_flags import add_export_flags, add_tiled_flag, output_files
from utils.common.flags import FlagParser
from utils.common.infrared_pairs import PAIR
from utils.utils import InputError, run_main


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(description="Export NestFuse, with its attention, to ONNX.")
    add_export_flags(parser)
    add_tiled_flag(parser)
    add_method_flags(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the files that `args` names."""
    files = output_files(args)
    by_channel = args.attention != "spatial"
    if by_channel and args.channel == "nuclear":
        raise InputError(
            "ONNX has no singular values, which --channel nuclear needs; --channel avg and max "
            "can be exported"
        )
    if args.tiled and not by_channel:
        raise InputError(
            "--attention spatial needs no statistics of the whole image: its file is for tiles "
            "without --tiled"
        )

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.export import describe, pair_graph, write_graphs
    from utils.util_export import tiled_graphs, use_plain_joins
    from utils.util_fusion import ImageFusion

    settings = {
        "spatial": args.spatial,
        "channel": args.channel,
        "attention": args.attention,
        "rgb_mode": args.rgb_mode,
    }
    fusion = ImageFusion(args.weights, device="cpu", **settings)
    use_plain_joins(fusion.model)
    graphs = tiled_graphs(fusion) if args.tiled else [pair_graph(fusion, PAIR)]
    joined = {"avg": "sum", "max": "maximum"}[args.channel] if args.tiled else "whole"
    tiles = joined if by_channel else "independent"
    metadata = describe(fusion, fusion.weights, PAIR, settings, tiles=tiles)
    write_graphs(dict(zip(files, graphs, strict=True)), metadata, args.overwrite)


if __name__ == "__main__":
    run_main(main, parse_args())
