"""Download, adopt and check the public sets: python common_data/prepare.py NAME."""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from public_sets.adopt import Placer, adopt
from public_sets.catalogue import SETS, Archive, DataError, DataSet
from public_sets.check import check
from public_sets.download import download

HERE = Path(__file__).resolve().parent
SHOWN = 20


def build_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(description="Download, adopt and check public image sets.")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("name", nargs="?", choices=SETS, help="set to lay out")
    task.add_argument("--check", choices=SETS, metavar="NAME", help="set to check")
    task.add_argument("--list", action="store_true", help="list the sets")
    parser.add_argument("--source", type=Path, help="local copy to adopt instead of downloading")
    parser.add_argument("--output", type=Path, help="folder to lay out (common_data/NAME)")
    parser.add_argument("--root", type=Path, help="folder to check (common_data/NAME)")
    parser.add_argument("--link", choices=("hard", "symbolic"), help="link instead of copying")
    parser.add_argument("--overwrite", action="store_true", help="replace files that differ")
    return parser


def list_sets() -> None:
    """Print one line for each set."""
    for item in SETS.values():
        how = "download" if item.archive else "by hand, then --source"
        there = "present" if (HERE / item.name).is_dir() else "absent"
        print(f"{item.name:10} {there:8} {how:23} {item.about}")


def report(lines: Sequence[str], stream: str) -> None:
    """Print the first lines of a list and how many more there are."""
    out = sys.stderr if stream == "error" else sys.stdout
    for line in lines[:SHOWN]:
        print(f"{stream}: {line}", file=out)
    if len(lines) > SHOWN:
        print(f"{stream}: and {len(lines) - SHOWN} more", file=out)


def unpack(archive: Archive, output: Path) -> tempfile.TemporaryDirectory[str]:
    """Download an archive beside the set and unpack it into a temporary folder there."""
    path = download(archive, output)
    folder = tempfile.TemporaryDirectory(prefix=".unpacked-", dir=output)
    try:
        with zipfile.ZipFile(path) as file:
            file.extractall(folder.name)
    except zipfile.BadZipFile as error:
        folder.cleanup()
        raise DataError(f"{path} is not a zip file; delete it and run again") from error
    return folder


def prepare(item: DataSet, args: argparse.Namespace) -> None:
    """Lay out one set from a local copy or from the network."""
    output = args.output or HERE / item.name
    placer = Placer(args.link, args.overwrite)
    if args.source is not None:
        unmatched = adopt(item, args.source, output, placer)
    elif item.archive is None:
        raise DataError(f"{item.name} cannot be downloaded by a script.\n{item.steps}")
    else:
        with unpack(item.archive, output) as folder:
            placer.link = "move"
            unmatched = adopt(item, Path(folder), output, placer)
        (output / item.archive.name).unlink()
    counts = ", ".join(f"{number} {what}" for what, number in sorted(placer.counts.items()))
    print(f"{item.name}: {counts} in {output}")
    report(unmatched, "unmatched")


def run(args: argparse.Namespace) -> int:
    """Do what the command line asks; return the exit status."""
    if args.list:
        list_sets()
        return 0
    if args.check:
        problems = check(SETS[args.check], args.root or HERE / args.check)
        report(problems, "error")
        print(f"{args.check}: {f'{len(problems)} problem(s)' if problems else 'complete'}")
        return 1 if problems else 0
    prepare(SETS[args.name], args)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run and turn errors into messages and exit status 1."""
    try:
        return run(build_parser().parse_args(argv))
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
