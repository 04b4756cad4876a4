"""Check that files kept in several method folders are declared, and identical.

`python tools/check_copies.py` reports drift, `--fix` copies every source over its copies.
"""

import argparse
import difflib
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Identical copy: see check_copies.py; edit the source, run --fix."
SUFFIXES = (".py", ".sh")
WRITTEN = ("runs", "work_dirs")  # folders of what trainings write
MAX_LIKENESS = 0.8  # share of equal lines, from which two files need a declaration

ACCELERATED = ("DenseFuse_2019", "NestFuse_2020", "DeepFuse_2017", "U2Fusion_2020")
SHARED = (*ACCELERATED, "BFFR_2022")
AUTO_ENCODERS = ("DenseFuse_2019", "NestFuse_2020")
EXPOSURES = ("DeepFuse_2017", "U2Fusion_2020")
NESTED = ("NestFuse_2020", "BFFR_2022")
COPIES: dict[str, tuple[str, ...]] = {  # path: the source's folder, then those of its copies
    "run_infer.py": ("DenseFuse_2019", "DeepFuse_2017"),
    "tests/conftest.py": ACCELERATED,
    "tests/helpers.py": SHARED,
    "tests/scenes.py": EXPOSURES,
    "tests/test_align.py": SHARED,
    "tests/test_arrays.py": SHARED,
    "tests/test_bad_input.py": AUTO_ENCODERS,
    "tests/test_checkpoint.py": SHARED,
    "tests/test_colour.py": SHARED,
    "tests/test_damage.py": SHARED,
    "tests/test_dataset.py": AUTO_ENCODERS,
    "tests/test_files.py": SHARED,
    "tests/test_flags.py": AUTO_ENCODERS,
    "tests/test_image.py": SHARED,
    "tests/test_loss.py": AUTO_ENCODERS,
    "tests/test_pairs.py": SHARED,
    "tests/test_pipeline.py": AUTO_ENCODERS,
    "tests/test_readers.py": SHARED,
    "tests/test_resume.py": AUTO_ENCODERS,
    "tests/test_run_state.py": ACCELERATED,
    "tests/test_speed.py": AUTO_ENCODERS,
    "tests/test_train.py": AUTO_ENCODERS,
    "utils/util_align.py": SHARED,
    "utils/util_checkpoint.py": SHARED,
    "utils/util_colour.py": SHARED,
    "utils/util_damage.py": SHARED,
    "utils/util_dataset.py": AUTO_ENCODERS,
    "utils/util_device.py": SHARED,
    "utils/util_doubling.py": NESTED,
    "utils/util_files.py": SHARED,
    "utils/util_flags.py": SHARED,
    "utils/util_fusion_flags.py": SHARED,
    "utils/util_image.py": SHARED,
    "utils/util_loss.py": AUTO_ENCODERS,
    "utils/util_names.py": SHARED,
    "utils/util_pairs.py": SHARED,
    "utils/util_pipeline.py": SHARED,
    "utils/util_reconstruct.py": AUTO_ENCODERS,
    "utils/util_resume.py": ACCELERATED,
    "utils/util_run.py": ACCELERATED,
    "utils/util_scenes.py": EXPOSURES,
    "utils/util_speed.py": SHARED,
    "utils/util_tile.py": SHARED,
    "utils/util_train.py": ACCELERATED,
    "utils/utils.py": SHARED,
}
ELSEWHERE: dict[str, tuple[str, ...]] = {  # source: more copies, outside the method folders
    "DenseFuse_2019/utils/util_damage.py": ("benchmark/damage.py",),
    "DenseFuse_2019/utils/util_names.py": (
        "benchmark/names.py",
        "common_data/public_sets/names.py",
    ),
}
VARIANTS: dict[str, str] = {  # path: why the folders' own versions are alike
    "utils/util_train.py": "BFFR's training loop is mmengine's, since its segmenter is mmseg's",
}


def find_problems(
    root: Path,
    copies: Mapping[str, Sequence[str]],
    variants: Mapping[str, str],
    elsewhere: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Return what is wrong with the copies in a repository, one line each.

    Args:
        root: The folder that holds the method folders, `<name>_<year>`.
        copies: See `COPIES`.
        variants: See `VARIANTS`.
        elsewhere: See `ELSEWHERE`.
    """
    folders = [path.name for path in sorted(root.glob("*_20[0-9][0-9]")) if path.is_dir()]
    files = {name: _files(root / name) for name in folders}
    problems = _compare_declared(root, _paths(copies, elsewhere or {}))
    for name in folders:
        for path in sorted(files[name]):
            if name not in copies.get(path, ()) and _has_header(root / name / path):
                problems.append(f"{name}/{path}: says that it is a copy, but COPIES does not")
    for one, other in itertools.combinations(folders, 2):
        for path in sorted(files[one] & files[other] - set(variants)):
            if {one, other} <= set(copies.get(path, ())):
                continue
            likeness = _likeness(root / one / path, root / other / path)
            if likeness > MAX_LIKENESS:
                problems.append(
                    f"{path}: {likeness:.0%} alike in {one} and {other}; declare it in COPIES, "
                    "or give the reason in VARIANTS"
                )
    return problems


def _paths(
    copies: Mapping[str, Sequence[str]], elsewhere: Mapping[str, Sequence[str]]
) -> dict[str, Sequence[str]]:
    """Return the copies of each source, as paths from the repository's root."""
    found: dict[str, Sequence[str]] = {}
    for path, (first, *others) in copies.items():
        source = f"{first}/{path}"
        found[source] = [*(f"{name}/{path}" for name in others), *elsewhere.get(source, ())]
    return found


def _compare_declared(root: Path, copies: Mapping[str, Sequence[str]]) -> list[str]:
    problems = []
    for source, others in copies.items():
        if not (root / source).is_file():
            problems.append(f"{source}: declared in COPIES, but absent")
            continue
        if not _has_header(root / source):
            problems.append(f"{source}: its first line is not: {HEADER}")
        for copy in others:
            if not (root / copy).is_file():
                problems.append(f"{copy}: absent; --fix copies it from {source}")
            elif (root / copy).read_bytes() != (root / source).read_bytes():
                problems.append(f"{copy}: differs from {source}; edit that one, run --fix")
    return problems


def fix(
    root: Path,
    copies: Mapping[str, Sequence[str]],
    elsewhere: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Copy every source that exists over its copies."""
    for source, others in _paths(copies, elsewhere or {}).items():
        for target in [root / other for other in others if (root / source).is_file()]:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((root / source).read_bytes())


def _files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix in SUFFIXES)
    return {path.as_posix() for path in found if path.parts[0] not in WRITTEN}


def _has_header(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith(HEADER + "\n")


def _likeness(one: Path, other: Path) -> float:
    a, b = (path.read_text(encoding="utf-8").splitlines() for path in (one, other))
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


def main(argv: Sequence[str] | None = None) -> int:
    """Check or mend this repository and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--fix", action="store_true", help="copy every source over its copies")
    if parser.parse_args(argv).fix:
        fix(ROOT, COPIES, ELSEWHERE)
    problems = find_problems(ROOT, COPIES, VARIANTS, ELSEWHERE)
    print(
        "\n".join(problems)
        or f"{len(COPIES) + len(ELSEWHERE)} shared files are declared and identical"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
