"""The flags of the reports."""

import argparse

VIEWER_SCENES = 24


def add_report_flags(parser: argparse.ArgumentParser) -> None:
    """Add what says how the reports look."""
    group = parser.add_argument_group("reports")
    group.add_argument(
        "--viewer_scenes",
        type=_from_zero,
        default=VIEWER_SCENES,
        help="show the pictures of at most this many scenes in report.html",
    )
    group.add_argument(
        "--deviations",
        action="store_true",
        help="add standard deviations (of a sample) to report.tex and report.csv",
    )


def _from_zero(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, found {text!r}")
    return int(text)
