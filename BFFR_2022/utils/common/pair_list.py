# From common_code/base/utils/common/pair_list.py; edit it there, then tools/sync.py.
"""Lists of what to fuse, as CSV files: `--pairs`."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from utils.common.listing import SUFFIXES
from utils.common.names import strip_mark
from utils.common.pairs import FusionJob, SourceKind
from utils.common.shard import Shard
from utils.common.video_paths import check_output, is_video
from utils.utils import InputError

OUTPUT = "output"  # the column of results


class Entry(NamedTuple):
    """A row of a list: its sources in order, what kind they are of, and where it stands."""

    sources: tuple[str, ...]
    kind: str
    path: Path
    line: int

    @property
    def place(self) -> str:
        """Where it stands, for messages."""
        return f"{self.path} (--pairs), line {self.line}"


def read_lists(
    lists: Sequence[Path],
    kinds: Sequence[SourceKind],
    output: Path | None,
    default: Path,
    shard: Shard | None = None,
) -> list[FusionJob]:
    """Return what CSV files list, by name of the result.

    The columns are called as the flags of the sources (`vis` and `ir`, `under` and `over`), or
    `images1`, `images2`, ... for any number of sources of a kind. `output` may say what the result
    is called; without it, it is called as the first source.

    Args:
        lists: The files. Paths in them are relative to the folder of the file.
        kinds: What the method fuses.
        output: The folder that `output` is relative to; None for the folder of the list.
        default: The folder of results that are not named, if `output` is None.
        shard: Which part of the results is wanted, None for all.

    Raises:
        InputError: a file that cannot be read, a row without two sources of one kind, a result
            that its sources cannot have, or two rows with one result.
    """
    roles = {kind.name: kind.roles[0] for kind in kinds}
    entries: dict[str, Entry] = {}
    for path in lists:
        for line, row in _rows(path, kinds):
            entry = _read_row(row, kinds, path, line)
            if cell := row.get(OUTPUT):
                result = (output or path.parent) / cell
            else:
                stem = strip_mark(Path(entry.sources[0]).stem, roles.get(entry.kind))
                result = (output or default) / f"{stem}.png"
            _check_result(result, entry)
            other = entries.setdefault(str(result), entry)
            if other is not entry:
                raise InputError(
                    f"{entry.place}: its result is {result}, as that of {other.place}; a column "
                    f"{OUTPUT} names results"
                )
    if not entries:
        raise InputError(f"{' '.join(map(str, lists))} (--pairs): no rows below the header")
    return [
        FusionJob(tuple(map(Path, entries[name].sources)), Path(name), entries[name].kind)
        for name in (shard.take(entries) if shard else sorted(entries))
    ]


def _rows(path: Path, kinds: Sequence[SourceKind]) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield each row of a CSV file, with the number of the line that it ends on.

    Raises:
        InputError: unreadable, or without columns of sources.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            columns = reader.fieldnames or []
            if not any(set(names) <= set(columns) for _, names in _choices(columns, kinds)):
                known = " or ".join(",".join(kind.flags) for kind in kinds)
                raise InputError(
                    f"{path} (--pairs), line 1: the columns are {','.join(columns) or 'missing'}; "
                    f"expected {known}, and {OUTPUT} if results are to be named"
                )
            for row in reader:
                if None in row:
                    raise InputError(
                        f"{path} (--pairs), line {reader.line_num}: more cells than in line 1"
                    )
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read {path} (--pairs): {error}") from error


def _choices(
    columns: Sequence[str], kinds: Sequence[SourceKind]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield each kind with columns that may hold its sources; a kind may have two choices."""
    for kind in kinds:
        yield kind.name, kind.flags
    for name in ("images", *(kind.name for kind in kinds)):
        numbered = [c for c in columns if c.startswith(name) and c.removeprefix(name).isdecimal()]
        if len(numbered) > 1:
            yield name, numbered


def _read_row(row: Mapping[str, str], kinds: Sequence[SourceKind], path: Path, line: int) -> Entry:
    """Return the sources of a row.

    Raises:
        InputError: fewer than two sources, or those of two kinds.
    """
    filled = [
        (kind, [row[name] for name in names if row.get(name)])
        for kind, names in _choices(list(row), kinds)
    ]
    found = [(kind, sources) for kind, sources in filled if sources]
    if len(found) == 1 and len(found[0][1]) > 1:
        [(kind, sources)] = found
        return Entry(tuple(str(path.parent / source) for source in sources), kind, path, line)
    cells = ",".join(cell or "" for cell in row.values())
    raise InputError(
        f"{path} (--pairs), line {line}: expected two or more sources of one kind, found {cells}"
    )


def _check_result(result: Path, entry: Entry) -> None:
    """Refuse a result that its sources cannot have.

    Raises:
        InputError: see above.
    """
    try:
        check_output(result, [Path(source) for source in entry.sources])
    except InputError as error:
        raise InputError(f"{entry.place}: {error}") from error
    if not is_video(result) and result.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{entry.place}: {result} ({OUTPUT}) is no image; it ends in one of "
            f"{' '.join(SUFFIXES)}"
        )
