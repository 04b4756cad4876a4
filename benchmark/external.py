"""Fuse a set with a command that the user gives, measured as our own methods are."""

import argparse
import re
import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmark.fusing import (
    MEAN_TIME,
    Measured,
    MethodError,
    ResultFolder,
    RunOptions,
    RunRecord,
    last_words,
    run_measured,
)
from benchmark.image_files import SUFFIXES, image_name, index_images, read_luma, scene_name
from benchmark.image_sets import ImageSet, Kind
from benchmark.published import MARK

# What a command may name, by kind of set: for each result, or once for the whole set.
PLACEHOLDERS: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pairs": (("ir", "vis", "output"), ("ir_dir", "vis_dir", "output_dir")),
    "exposures": (("under", "over", "sources", "output"), ("scene_dir", "output_dir")),
    "focus": (("sources", "output"), ("scene_dir", "output_dir")),
}
ANYWHERE = "device"
WHOLE = "wall time of the process, with its start, reading and writing"
_NAMED = re.compile(r"\{(\w+)\}")
_NO_FILE_NAME = re.compile(r"^[. ]|[. ]$|[/\\:*?\"<>|\x00-\x1f]")
Values = Mapping[str, str | list[str]]


class Command(NamedTuple):
    """A command with placeholders, split into its arguments."""

    arguments: tuple[str, ...]

    @property
    def placeholders(self) -> set[str]:
        """Return the names in braces."""
        return {name for text in self.arguments for name in _NAMED.findall(text)}

    def fill(self, values: Values) -> list[str]:
        """Return the arguments with values for the placeholders; a list becomes several."""
        filled: list[str] = []
        for text in self.arguments:
            whole = _NAMED.fullmatch(text)
            value = values[whole[1]] if whole else ""
            if isinstance(value, list):
                filled += value
            else:
                filled.append(_NAMED.sub(lambda match: str(values[match[1]]), text))
        return filled


def named(text: str) -> tuple[str, str]:
    """Parse NAME=TEXT, where the name is to become that of a folder.

    Raises:
        argparse.ArgumentTypeError: It is something else.
    """
    name, separator, rest = text.partition("=")
    if not (name and separator and rest.strip()):
        raise argparse.ArgumentTypeError(f"expected NAME=..., found {text!r}")
    if _NO_FILE_NAME.search(name):
        raise argparse.ArgumentTypeError(f"{name!r} cannot be the name of a folder")
    if name.endswith(MARK):
        raise argparse.ArgumentTypeError(f"{name!r} ends as the rows of --published do")
    return name, rest


def named_command(text: str) -> tuple[str, Command]:
    """Parse NAME=COMMAND. The command is split as a shell does, but no shell runs it.

    Raises:
        argparse.ArgumentTypeError: A quote is open, or a placeholder is unknown or within another
            argument though it stands for several.
    """
    name, rest = named(text)
    try:
        command = Command(tuple(shlex.split(rest)))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"cannot split {rest!r}: {error}") from error
    known = {n for modes in PLACEHOLDERS.values() for mode in modes for n in mode} | {ANYWHERE}
    if unknown := sorted(command.placeholders - known):
        raise argparse.ArgumentTypeError(
            f"{name}: unknown placeholder {{{unknown[0]}}}; known are {_braces(sorted(known))}"
        )
    if [a for a in command.arguments if "{sources}" in a and a != "{sources}"]:
        raise argparse.ArgumentTypeError(f"{name}: {{sources}} must be an argument of its own")
    return name, command


def check_command(name: str, command: Command, images: ImageSet) -> None:
    """Raise a ValueError unless the command's placeholders fit the set.

    Raises:
        ValueError: The command names no result, no source, files and folders at once or images of
            another kind, or two exposures where a scene has more.
    """
    used = command.placeholders - {ANYWHERE}
    modes = PLACEHOLDERS[images.kind]
    if not any(mode[-1] in used and len(used) > 1 and used <= set(mode) for mode in modes):
        raise ValueError(
            f"{name} (--external) names {_braces(sorted(used)) or 'no file'}; for "
            f"{images.contents}, which {images.name} (--data) holds, a command names what it reads "
            f"and where it writes: {' or '.join(_braces(mode) for mode in modes)}"
        )
    more = [scene for scene, paths in images.scenes.items() if len(paths) != 2]
    if more and used & {"under", "over"}:
        raise ValueError(
            f"{name} (--external) takes {{under}} and {{over}}, but scene {more[0]} (--data) has "
            f"{len(images.scenes[more[0]])} exposures; {{sources}} stands for all of them"
        )


def _braces(names: Sequence[str]) -> str:
    return " ".join(f"{{{name}}}" for name in names)


def fuse_external(
    command: Command,
    results: ResultFolder,
    images: ImageSet,
    flags: Sequence[str],
    options: RunOptions,
) -> RunRecord:
    """Run a command for each scene of a set, or once for the whole set.

    Args:
        command: The command. It runs in the current folder.
        results: Where results, log and record go.
        images: The set.
        flags: Flags and folders of the set's images, as `stage` lays them out.
        options: The value of `{device}`, and when a run is stopped.

    Raises:
        MethodError: It ended with an error, ran too long or left a result out.
    """
    results.record.unlink(missing_ok=True)
    results.log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, results.log.open("wb") as log:
        output, one_log = Path(scratch) / "fused", Path(scratch) / "log.txt"
        output.mkdir()
        runs, printed = [], []
        for scene, values in _turns(command, images, flags, output).items():
            filled = command.fill({**values, ANYWHERE: options.device})
            try:
                run = run_measured(filled, Path.cwd(), one_log, options.time_limit)
            except MethodError as error:
                raise MethodError(f"{scene}: {error}" if scene else str(error)) from error
            log.write(one_log.read_bytes())
            log.flush()
            text = one_log.read_text("utf-8", errors="replace")
            if run.status:
                where = f"{scene}: " if scene else ""
                raise MethodError(f"{where}ended with status {run.status}: {last_words(text)}")
            runs.append(run)
            printed += [float(found[1]) for found in [MEAN_TIME.search(text)] if found]
        _collect(output, results, images)
    known = options.device if ANYWHERE in command.placeholders else "-"
    record = _record(runs, printed, known, 1 if len(runs) > 1 else len(images.scenes))
    results.keep(record)
    return record


def _turns(
    command: Command, images: ImageSet, flags: Sequence[str], output: Path
) -> dict[str, Values]:
    """Return the values of the placeholders: by scene, or once, under an empty name."""
    if "output_dir" in command.placeholders:
        folders = zip(flags[::2], flags[1::2], strict=True)
        named_as = {"--ir": "ir_dir", "--vis": "vis_dir", "--scene_dir": "scene_dir"}
        return {"": {named_as[flag]: path for flag, path in folders} | {"output_dir": str(output)}}
    turns: dict[str, Values] = {}
    for scene, paths in images.scenes.items():
        sources = [str(path.resolve()) for path in paths]
        values: dict[str, str | list[str]] = {"output": str(output / f"{scene}.png")}
        if images.kind == "pairs":
            values |= dict(zip(("ir", "vis"), sources, strict=True))
        elif "sources" in command.placeholders:
            values["sources"] = sources
        if {"under", "over"} & command.placeholders:
            sources.sort(key=lambda path: float(read_luma(Path(path)).mean()))
            values |= {"under": sources[0], "over": sources[-1]}
        turns[scene] = values
    return turns


def find_results(folder: Path, flag: str, images: ImageSet) -> dict[str, Path]:
    """Return the result of each scene in a folder, which may hold more images.

    Results of pairs may carry a mark, as in `1_fused` or `VIS1`. Those of exposures have the
    scene's name.

    Raises:
        ValueError: A result is missing, or two have the same name.
    """
    name_of = image_name if images.kind == "pairs" else scene_name
    found = index_images(folder, flag, name_of)
    if missing := [scene for scene in images.scenes if scene not in found]:
        total = len(images.scenes)
        raise ValueError(
            f"{folder} ({flag}) has no result for {missing[0]} ({len(missing)} of {total} missing)"
        )
    return {scene: found[scene] for scene in images.scenes}


def _collect(output: Path, results: ResultFolder, images: ImageSet) -> None:
    """Move the results to where those of other methods lie, in place of any earlier ones."""
    if not any(output.iterdir()):
        raise MethodError("made no result")
    try:
        found = find_results(output, "{output}", images)
    except ValueError as error:
        raise MethodError(str(error)) from error
    results.fused.mkdir(parents=True, exist_ok=True)
    for scene, path in found.items():
        for suffix in SUFFIXES:
            (results.fused / f"{scene}{suffix}").unlink(missing_ok=True)
        shutil.move(path, results.fused / f"{scene}{path.suffix.lower()}")


def _record(
    runs: Sequence[Measured], printed: Sequence[float], device: str, results: int
) -> RunRecord:
    """Return the record of some runs with `results` results each.

    Printed times are those that the methods print. Without them, the processes' own times count.
    The first run warms up and does not count unless it is the only one.
    """
    every = printed if len(printed) == len(runs) else [run.seconds / results for run in runs]
    timed = every[1:] or every
    peaks = [run.peak_mib for run in runs if run.peak_mib is not None]
    note = "" if every is printed else WHOLE
    return RunRecord(sum(timed) / len(timed), max(peaks, default=None), device, note=note)
