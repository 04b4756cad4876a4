"""Download, adopt and check the public sets: python common_data/prepare.py NAME."""

import argparse
import errno
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from public_sets.adopt import Placer, adopt
from public_sets.catalog import SETS, DataError, DataSet
from public_sets.check import check, presence
from public_sets.download import download
from public_sets.unpack import unpacked

HERE = Path(__file__).resolve().parent
SHOWN = 20


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description="Download, adopt and check public image sets.")
    task = parser.add_mutually_exclusive_group(required=True)
    task.add_argument("name", nargs="?", choices=SETS, help="lay out this set")
    task.add_argument("--check", choices=SETS, metavar="NAME", help="check this set")
    task.add_argument("--list", action="store_true", help="list the sets")
    parser.add_argument("--source", type=Path, help="adopt this local copy instead of downloading")
    parser.add_argument(
        "--output", type=Path, help="folder for the files (default: common_data/NAME)"
    )
    parser.add_argument("--root", type=Path, help="folder to check (default: common_data/NAME)")
    parser.add_argument("--link", choices=("hard", "symbolic"), help="link instead of copying")
    parser.add_argument("--overwrite", action="store_true", help="replace files that differ")
    return parser


def list_sets() -> None:
    """Print one line per set. A set is partial if files of its lists are missing."""
    for item in SETS.values():
        how = "download" if item.archive else "by hand, then --source"
        print(f"{item.name:11} {presence(item, HERE / item.name):8} {how:23} {item.about}")


def report(lines: Sequence[str], stream: str) -> None:
    """Print the first lines of a list and how many more there are."""
    out = sys.stderr if stream == "error" else sys.stdout
    for line in lines[:SHOWN]:
        print(f"{stream}: {line}", file=out)
    if len(lines) > SHOWN:
        print(f"{stream}: and {len(lines) - SHOWN} more", file=out)


def check_output(path: Path) -> None:
    """Raise a DataError if the folder to lay out is a file or a loop of symbolic links."""
    try:
        path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DataError(f"{path} (--output) is a loop of symbolic links") from error
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} (--output) is a file; expected a folder")


@contextmanager
def without_empty_folders(output: Path) -> Iterator[None]:
    """Remove at the end the empty folders that were made inside and above `output`."""
    above = [path for path in (output, *output.parents) if not path.exists()]
    before = {path for path in output.rglob("*") if path.is_dir()}
    try:
        yield
    finally:
        made = {path for path in output.rglob("*") if path.is_dir()} - before
        for folder in [*sorted(made, reverse=True), *above]:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def prepare(item: DataSet, args: argparse.Namespace) -> None:
    """Lay out one set from a local copy or from the network."""
    output = args.output or HERE / item.name
    check_output(output)
    placer = Placer(args.link, args.overwrite)
    with without_empty_folders(output):
        unmatched = lay_out(item, args, output, placer)
    counts = ", ".join(f"{number} {what}" for what, number in sorted(placer.counts.items()))
    print(f"{item.name}: {counts} in {output}")
    report(unmatched, "unmatched")


def lay_out(item: DataSet, args: argparse.Namespace, output: Path, placer: Placer) -> list[str]:
    """Place the files and return one line per image without a partner."""
    if args.source is not None:
        return adopt(item, args.source, output, placer)
    if item.archive is None:
        raise DataError(f"{item.name} cannot be downloaded by a script.\n{item.steps}")
    path = download(item.archive, output)
    with unpacked(item.archive, path) as folder:
        placer.link = "move"
        unmatched = adopt(item, folder, output, placer)
    path.unlink()
    return unmatched


def run(args: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
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
    """Run the command line. An error becomes a message and exit status 1."""
    try:
        return run(build_parser().parse_args(argv))
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
