"""Export the fuser to ONNX: `python run_export.py --output bffr.onnx`."""

import argparse
from collections.abc import Sequence

from run_fusion import add_method_flags
from utils.common.export_flags import add_export_flags, add_tiled_flag, output_files
from utils.common.flags import FlagParser
from utils.common.infrared_pairs import PAIR
from utils.utils import run_main


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(description="Export BFFR's fuser to ONNX.")
    add_export_flags(parser)
    add_tiled_flag(parser)
    add_method_flags(parser)
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the files that `args` names."""
    files = output_files(args)

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.color import LUMA
    from utils.common.export import describe, pair_graph, write_graphs
    from utils.util_export import tiled_graphs, use_exportable_form
    from utils.util_fusion import ImageFusion

    settings = {"authors_quirks": args.authors_quirks}
    fusion = ImageFusion(args.weights, device="cpu", **settings)
    use_exportable_form(fusion.model)
    metadata = describe(
        fusion,
        fusion.weights,
        PAIR,
        settings,
        tiles="sum" if args.tiled else "whole",
        luma=LUMA[::-1] if args.authors_quirks else LUMA,
    )
    graphs = tiled_graphs(fusion.model) if args.tiled else [pair_graph(fusion, PAIR)]
    write_graphs(dict(zip(files, graphs, strict=True)), metadata, args.overwrite)


if __name__ == "__main__":
    run_main(main, parse_args())
