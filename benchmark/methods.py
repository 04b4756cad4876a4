"""Which methods and baselines there are: the methods are found by their folders."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple, get_args

from safetensors import safe_open

from benchmark import ROOT
from benchmark.image_sets import Kind

FOLDER = re.compile(r"(?P<name>.+)_(?P<year>20\d\d)")
FACTS = "benchmark.json"  # in a method's folder
STUDENTS = Path("apps/realtime/weights")  # from the root of the repository
LEARNED: dict[str, Kind] = {"pair": "pairs", "exposures": "exposures"}  # kinds of sources


class Method(NamedTuple):
    """A command that fuses folders of images.

    Attributes:
        kinds: Kinds of sets that it can fuse.
        folder: Working directory of the command.
        command: What the Python interpreter gets before the flags of `run_fusion.py`.
        baseline: True if it is not a network and takes no `--device`.
        teacher: If it is a student of `apps/realtime`, the method that it learned from.
    """

    kinds: tuple[Kind, ...]
    folder: Path
    command: tuple[str, ...] = ("run_fusion.py",)
    baseline: bool = False
    teacher: str | None = None


class StudentFile(NamedTuple):
    """Weights of a student of `apps/realtime`.

    Attributes:
        weights: The file.
        kind: Of the sources that it fuses, as its file has it.
        suffix: What its name adds to its teacher's.
    """

    weights: Path
    kind: str
    suffix: str


def _baseline(rule: str, *kinds: Kind) -> Method:
    return Method(kinds, ROOT, ("-m", "benchmark.baselines", rule), baseline=True)


BASELINES = {
    "Average": _baseline("average", "pairs", "exposures", "focus"),
    "Laplacian": _baseline("laplacian", "pairs", "exposures", "focus"),
    "Mertens": _baseline("mertens", "exposures"),
}


def method_folders(root: Path = ROOT) -> list[Path]:
    """Return the folders `<name>_<year>` that hold a `run_fusion.py`, by year and name."""
    found = [
        (match["year"], match["name"], script.parent)
        for script in root.glob("*/run_fusion.py")
        if (match := FOLDER.fullmatch(script.parent.name))
    ]
    return [folder for _, _, folder in sorted(found)]


def find_methods(root: Path = ROOT) -> dict[str, Method]:
    """Return the methods in the order of their years, then the baselines, by name.

    A method is called as its folder without the year, or as its folder if two would have one name.
    The file `benchmark.json` in its folder says which kinds of sets it can fuse, as in
    `{"fuses": ["pairs", "exposures", "focus"]}`. Without the file it is taken to fuse pairs.

    A method is followed by its students that come with the repository: `U2Fusion-realtime`, and
    `U2Fusion-realtime-small` if there are weights in `u2fusion_small`.

    Raises:
        ValueError: A `benchmark.json` cannot be read, or holds something else.
    """
    folders = method_folders(root)
    short = [folder.name.rpartition("_")[0] for folder in folders]
    times = Counter(short)
    methods = {}
    for name, folder in zip(short, folders, strict=True):
        full = name if times[name] == 1 else folder.name
        methods[full] = Method(_kinds(folder / FACTS), folder)
        for student in find_students(root / STUDENTS, name.lower()):
            methods[full + student.suffix] = _student(student, name.lower(), root)
    return methods | BASELINES


def _student(student: StudentFile, teacher: str, root: Path) -> Method:
    weights = str(student.weights.relative_to(root))
    command = ("-m", "apps.realtime.fuse", "--teacher", teacher, "--weights", weights)
    return Method((LEARNED[student.kind],), root, command, teacher=teacher)


def find_students(folder: Path, teacher: str) -> list[StudentFile]:
    """Return the students of a method, by its name in lower case, in a folder of weights."""
    found = []
    for weights in sorted(folder.glob("*/model.safetensors")):
        with safe_open(weights, "numpy") as file:
            about = file.metadata()
        if about["teacher"] == teacher:
            size = weights.parent.name.removeprefix(teacher).replace("_", "-")
            found.append(StudentFile(weights, about["kind"], f"-realtime{size}"))
    return found


def _kinds(path: Path) -> tuple[Kind, ...]:
    if not path.is_file():
        return ("pairs",)
    try:
        kinds = tuple(json.loads(path.read_text("utf-8"))["fuses"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f'{path}: expected {{"fuses": [...]}}, found {error!r}') from error
    if not kinds or not set(kinds) <= set(get_args(Kind)):
        raise ValueError(f"{path}: expected some of {get_args(Kind)} under fuses, found {kinds}")
    return kinds
