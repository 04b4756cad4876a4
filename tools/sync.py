"""Vendor shared code into the method folders, or check that it is there unchanged.

`common_code/` is the only place where shared code is edited. Each of its folders is a part, laid
out as a method's folder is. A method's `utils/common/PARTS` names the parts that it takes, and all
files of these are copied over its folder: `python tools/sync.py` does that, `--check` reports what
differs, and what two methods have alike without sharing it.
"""

import argparse
import difflib
import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "common_code"
PARTS = "utils/common/PARTS"
HEADER = "# From {}; edit it there, then tools/sync.py."
SUFFIXES = (".py", ".sh")
WRITTEN = ("runs", "work_dirs")  # folders of what trainings write
MAX_LIKENESS = 0.8  # share of equal lines, from which two files should be one
OUTSIDE: dict[str, tuple[str, ...]] = {  # shared with other folders than the methods'
    "base/utils/common/damage.py": ("benchmark/damage.py",),
    "base/utils/common/names.py": ("benchmark/names.py", "common_data/public_sets/names.py"),
    "base/utils/common/shard.py": ("benchmark/shard.py",),
    "base/utils/common/video_read.py": ("benchmark/video_read.py",),
}
VARIANTS: dict[str, str] = {  # path: why the folders' own versions are alike
    "smoke.sh": "to train for a moment, go on and fuse takes a few lines, the same in most methods",
    "configs.py": "all settings of a method are read in one file, with its paper's numbers",
    "run_train.py": "each shows the training of its paper from top to bottom",
    "utils/util_train.py": "BFFR's training loop is mmengine's, since its segmenter is mmseg's",
}


def methods_in(root: Path) -> list[Path]:
    """Return the method folders, `<name>_<year>`, by name."""
    return [path for path in sorted(root.glob("*_20[0-9][0-9]")) if path.is_dir()]


def copies(root: Path, outside: Mapping[str, Sequence[str]]) -> Iterator[tuple[Path, Path]]:
    """Yield every source with each of its copies.

    Raises:
        ValueError: a method takes a part that is not there, or two parts have a file of one name.
    """
    for method in methods_in(root):
        taken: dict[Path, Path] = {}
        listed = method / PARTS
        for part in listed.read_text(encoding="utf-8").split() if listed.is_file() else ():
            folder = root / SOURCE / part
            if not folder.is_dir():
                raise ValueError(f"{listed}: there is no part {part} in {SOURCE}/")
            for source in _files(folder):
                target = method / source.relative_to(folder)
                other = taken.setdefault(target, source)
                if other is not source:
                    raise ValueError(f"{other} and {source} would both be {target}")
                yield source, target
    for name, targets in outside.items():
        for other_target in targets:
            yield root / SOURCE / name, root / other_target


def sync(root: Path, outside: Mapping[str, Sequence[str]] = OUTSIDE) -> None:
    """Copy every source over its copies, and delete copies that no method takes any more."""
    wanted = set()
    for source, target in copies(root, outside):
        wanted.add(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    for method in methods_in(root):
        for path in _files(method):
            if path not in wanted and _is_vendored(path):
                path.unlink()


def find_problems(
    root: Path,
    outside: Mapping[str, Sequence[str]] = OUTSIDE,
    variants: Mapping[str, str] = VARIANTS,
) -> list[str]:
    """Return what is wrong with the copies in a repository, one line each.

    Args:
        root: The folder that holds the method folders and `common_code/`.
        outside: See `OUTSIDE`.
        variants: See `VARIANTS`.
    """
    wanted = [target for _, target in copies(root, outside)]
    return [
        *_wrong_headers(root),
        *_differences(root, outside),
        *_left_over(root, wanted),
        *_near_copies(root, wanted, variants),
    ]


def _wrong_headers(root: Path) -> Iterator[str]:
    for source in _files(root / SOURCE):
        header = HEADER.format(source.relative_to(root).as_posix())
        if source.read_text(encoding="utf-8").partition("\n")[0] != header:
            yield f"{source.relative_to(root)}: its first line is not: {header}"


def _differences(root: Path, outside: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for source, target in copies(root, outside):
        if not target.is_file() or target.read_bytes() != source.read_bytes():
            name = source.relative_to(root).as_posix()
            yield f"{target.relative_to(root).as_posix()}: differs from {name}, or is absent"


def _left_over(root: Path, wanted: Sequence[Path]) -> Iterator[str]:
    for method in methods_in(root):
        for path in _files(method):
            if path not in wanted and _is_vendored(path):
                name = path.relative_to(root).as_posix()
                yield f"{name}: vendored, but {method.name}/{PARTS} does not name its part"


def _near_copies(root: Path, wanted: Sequence[Path], variants: Mapping[str, str]) -> Iterator[str]:
    own = {
        method: {path.relative_to(method).as_posix(): path for path in _files(method)}
        for method in methods_in(root)
    }
    for one, other in itertools.combinations(own, 2):
        for name in sorted(own[one].keys() & own[other].keys() - variants.keys()):
            if {own[one][name], own[other][name]} <= set(wanted):
                continue
            likeness = _likeness(own[one][name], own[other][name])
            if likeness > MAX_LIKENESS:
                yield (
                    f"{name}: {likeness:.0%} alike in {one.name} and {other.name}; share it in "
                    f"{SOURCE}/, or give the reason in VARIANTS"
                )


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if folder.name != SOURCE:
        found = (path for path in found if path.relative_to(folder).parts[0] not in WRITTEN)
    return sorted(found)


def _is_vendored(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith(HEADER.partition("{")[0] + SOURCE)


def _likeness(one: Path, other: Path) -> float:
    a, b = (path.read_text(encoding="utf-8").splitlines() for path in (one, other))
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


def main(argv: Sequence[str] | None = None) -> int:
    """Vendor or check, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="report differences, change nothing")
    if not parser.parse_args(argv).check:
        sync(ROOT)
    problems = find_problems(ROOT)
    print("\n".join(problems) or "all vendored files are those of common_code/")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
