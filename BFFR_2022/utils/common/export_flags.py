# From common_code/export/utils/common/export_flags.py; edit it there, then tools/sync.py.
"""The flags that `run_export.py` of every method has, and the files that they name."""

import argparse
from pathlib import Path

from utils.common.flags import FlagParser
from utils.utils import InputError


def add_export_flags(parser: FlagParser) -> None:
    """Add the flags of every method; its own are added beside them."""
    files = parser.add_flag_group("files")
    files.add_argument("--output", type=Path, required=True, help="write this file, <name>.onnx")
    files.add_argument("--overwrite", action="store_true", help="replace existing files")
    files.add_argument(
        "--weights", type=Path, help="weights or checkpoint, instead of those in weights/"
    )


def add_tiled_flag(parser: FlagParser) -> None:
    """Add `--tiled`, of methods whose tiles need statistics of the whole image."""
    group = parser.add_flag_group("large images")
    group.add_argument(
        "--tiled",
        action="store_true",
        help="export for tiles: statistics of the whole image become inputs, and a second file, "
        "<name>.statistics.onnx, measures them tile by tile; without it, images are fused whole",
    )


def output_files(args: argparse.Namespace) -> list[Path]:
    """Return the files to write: the fusion's, and with `--tiled` that of its statistics.

    Raises:
        InputError: another suffix than .onnx, or a file that exists without `--overwrite`.
    """
    output: Path = args.output
    if output.suffix.lower() != ".onnx":
        raise InputError(f"cannot write {output}: --output ends in .onnx")
    files = [output]
    if vars(args).get("tiled"):
        files.append(output.with_suffix(".statistics.onnx"))
    for path in files:
        if path.exists() and not args.overwrite:
            raise InputError(f"{path} exists; --overwrite replaces it")
    return files
