"""Export to ONNX: `python run_export.py --output u2fusion.onnx`."""

import argparse
from collections.abc import Sequence

from utils.common.export_flags import add_export_flags, output_files
from utils.common.exposures import EXPOSURES
from utils.common.flags import FlagParser
from utils.common.infrared_pairs import PAIRS
from utils.utils import run_main

KINDS = {kind.name: kind for kind in (PAIRS, EXPOSURES)}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(description="Export U2Fusion, for two sources, to ONNX.")
    add_export_flags(parser)
    method = parser.add_flag_group("U2Fusion")
    method.add_argument(
        "--sources",
        choices=tuple(KINDS),
        default=PAIRS.name,
        help="name the inputs vis and ir, or under and over; exposures are fused darkest first",
    )
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the file that `args` names."""
    [output] = output_files(args)

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.export import describe, pair_graph, write_graphs
    from utils.util_fusion import ImageFusion

    names = KINDS[args.sources].flags
    order = "given" if args.sources == PAIRS.name else "darkest_first"
    fusion = ImageFusion(args.weights, device="cpu")
    metadata = describe(fusion, fusion.weights, names, {}, order=order)
    write_graphs({output: pair_graph(fusion, names)}, metadata, args.overwrite)


if __name__ == "__main__":
    run_main(main, parse_args())
