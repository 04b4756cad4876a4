"""Export to ONNX: `python run_export.py --output deepfuse.onnx`."""

import argparse
from collections.abc import Sequence

from utils.common.export_flags import add_export_flags, output_files
from utils.common.exposures import EXPOSURES
from utils.common.flags import FlagParser
from utils.util_levels import add_levels_flag
from utils.utils import run_main


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the settings."""
    parser = FlagParser(description="Export DeepFuse, for two exposures, to ONNX.")
    add_export_flags(parser)
    add_levels_flag(parser.add_flag_group("network"))
    return parser.parse_args(argv)


def main(args: argparse.Namespace) -> None:
    """Write the file that `args` names."""
    [output] = output_files(args)

    # PyTorch takes seconds to load: --help and wrong paths are answered before.
    from utils.common.export import describe, pair_graph, write_graphs
    from utils.util_fusion import ImageFusion

    fusion = ImageFusion(args.weights, levels=args.levels, device="cpu")
    metadata = describe(fusion, fusion.weights, EXPOSURES.flags, {"levels": fusion.levels})
    write_graphs({output: pair_graph(fusion, EXPOSURES.flags)}, metadata, args.overwrite)


if __name__ == "__main__":
    run_main(main, parse_args())
