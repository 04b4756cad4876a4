"""The methods that the page offers, found by their folders, and their settings."""

import argparse
import importlib
import inspect
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import hubconf
from benchmark.methods import StudentFile, find_students

_LOADING = threading.Lock()  # while `hubconf` changes where modules are found
STUDENTS = Path(__file__).resolve().parents[1] / "realtime" / "weights"
_OPEN_CHOICE = re.compile(r"\{(.+)\}")  # of a metavar: {full,minmax,LO:HI}


@dataclass
class Messages:
    """Collects what a method says about its sources, in place of its `Notices`."""

    texts: list[str] = field(default_factory=list)

    def add(self, kind: str, message: str, prefix: str = "warning") -> None:
        """Keep a message."""
        self.texts.append(message)


class Fused(NamedTuple):
    """A result.

    Attributes:
        sources: What was fused, arrays of 8 or 16 bits or in [0, 1].
        image: The result, in the type of the first source.
        path: The result as a file.
        seconds: How long fusing took, without loading, reading and writing.
        messages: What the method says about its sources.
    """

    sources: list[Any]
    image: Any
    path: Path
    seconds: float
    messages: list[str]


class Setting(NamedTuple):
    """A flag of `run_fusion.py` that the page offers.

    Attributes:
        flag: As in `--strategy`.
        help: What it does.
        default: Its value if it is not given.
        choices: Its values; none of a switch, which is on or off.
        is_open: True if other values may be typed.
        first: What the page begins with: the method's `RECOMMENDED` if it has any, or the default.
    """

    flag: str
    help: str
    default: Any
    choices: tuple[str, ...]
    is_open: bool
    first: Any

    def words(self, value: Any) -> list[str]:
        """Return what the command line says for a value; the empty text is no value."""
        if value in (self.default, "", None):
            return []
        return [self.flag] if value is True else [f"{self.flag}={value}"]


class Kind(NamedTuple):
    """A kind of sources that a method fuses.

    Attributes:
        source: The method's `SourceKind`.
        title: As in the help of `run_fusion.py`.
        settings: What can be set for these sources.
        examples: The method's demo images, by name.
    """

    source: Any
    title: str
    settings: list[Setting]
    examples: dict[str, tuple[Path, ...]]


class Method:
    """One folder's `run_fusion.py`, in this process.

    Attributes:
        name: As in `DenseFuse`.
        demo: Sets of images that the folder holds.
        kinds: What it fuses, by name.
    """

    def __init__(self, folder: Path) -> None:
        self.name, self.year = folder.name.rsplit("_", 1)
        self._folder = folder
        with _LOADING, hubconf._only(folder):
            self._script = importlib.import_module("run_fusion")
            self._pairs = importlib.import_module("utils.common.pairs")
            self.images = importlib.import_module("utils.common.image")
            fusion = importlib.import_module("utils.util_fusion").ImageFusion
        self._parser = self._script.build_parser()
        self._parser.exit_on_error = False
        self.demo = self._script.DEMO
        taken = {name for kind in fusion.__mro__ for name in inspect.signature(kind).parameters}
        self.kinds = dict(self._find_kinds(taken))

    def _find_kinds(self, taken: set[str]) -> Iterator[tuple[str, Kind]]:
        """Yield each kind of sources; `taken` are the parameters of the method's `ImageFusion`."""
        for demo in self.demo:
            source = demo.kind
            [own] = [
                group
                for group in self._parser.groups
                if any(action.dest in source.flags for action in group.actions)
            ]
            actions = [
                action
                for group in self._parser.groups
                for action in group.actions
                if group is own or action.dest in taken
            ]
            recommended = getattr(self._script, "RECOMMENDED", {})
            offered = (_offer(action, recommended) for action in actions)
            settings = [setting for setting in offered if setting]
            examples = source.find(demo.folder, "demo", False)
            yield source.name, Kind(source, own.title, settings, examples)

    def fuse(self, flags: Sequence[str], settings: Mapping[Setting, Any], output: Path) -> Fused:
        """Fuse as `run_fusion.py` does.

        Args:
            flags: What names the sources on the command line.
            settings: Values that are set on the page.
            output: The file to write.

        Raises:
            ValueError: sources or settings that cannot be used.
            argparse.ArgumentError: a setting that is not one.
            OSError: a file that cannot be read or written.
        """
        words = [word for setting, value in settings.items() for word in setting.words(value)]
        messages = Messages()
        with _LOADING, hubconf._only(self._folder):
            args = self._parser.parse_args([*flags, *words, "--output", str(output)])
            kinds = [kind.source for kind in self.kinds.values()]
            [job] = self._pairs.find_jobs(args, kinds, [], [], output.parent)
            fusion, readers = self._load(args)
        sources = readers[job.kind](job, args, messages)
        start = time.perf_counter()
        image = fusion.fuse(sources)
        seconds = time.perf_counter() - start
        self.images.write_image(output, image)
        return Fused(sources, image, output, seconds, messages.texts)

    def _load(self, args: argparse.Namespace) -> tuple[Any, Mapping[str, Any]]:
        """Return what fuses with these settings, and what reads each kind of sources."""
        loaded: tuple[Any, Mapping[str, Any]] = self._script.load_fusion(args)
        return loaded


class Student(Method):
    """The small network of apps/realtime that gives a method's images.

    Args:
        folder: The method's.
        student: The student's weights.
    """

    def __init__(self, folder: Path, student: StudentFile) -> None:
        super().__init__(folder)
        self._weights, self._teacher = student.weights, self.name.lower()
        self.name += student.suffix
        learned = student.kind
        self.kinds = {learned: self.kinds[learned]._replace(settings=self._settings(learned))}

    def _settings(self, kind: str) -> list[Setting]:
        """Return the settings that are not the teacher's own, which the student has learned."""
        with _LOADING, hubconf._only(self._folder):
            fusion = importlib.import_module("utils.util_fusion").ImageFusion
        own = set(inspect.signature(fusion).parameters)
        return [each for each in self.kinds[kind].settings if each.flag[2:] not in own]

    def _load(self, args: argparse.Namespace) -> tuple[Any, Mapping[str, Any]]:
        flags = importlib.import_module("utils.common.fusion_flags")
        student = hubconf.realtime(self._teacher, self._weights, **flags.fusion_options(args))
        return student, super()._load(args)[1]


def _offer(action: argparse.Action, recommended: Mapping[str, Any]) -> Setting | None:
    """Return a flag as a setting of the page, or None if it is neither a choice nor a switch."""
    listed = _OPEN_CHOICE.fullmatch(action.metavar) if isinstance(action.metavar, str) else None
    if not (action.choices or listed or isinstance(action.default, bool)):
        return None
    words = listed[1].split(",") if listed else map(str, action.choices or ())
    choices = tuple(word for word in words if not (listed and word.isupper()))
    text = (action.help or "").rpartition(" (default: ")[0] or action.help or ""
    first = recommended.get(action.dest, action.default)
    return Setting(action.option_strings[0], text, action.default, choices, bool(listed), first)


def find_methods(students: Path = STUDENTS) -> list[Method]:
    """Return the methods in the order of their years, each before its students.

    Args:
        students: Folder of their weights.
    """
    found = []
    for folder in hubconf._FOLDERS:
        found.append(Method(folder))
        teacher = found[-1].name.lower()
        found += [Student(folder, each) for each in find_students(students, teacher)]
    return sorted(found, key=lambda method: (method.year, method.name))
