"""Run all methods of a comparison on a set, one after the other."""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.environment import without_folders
from benchmark.external import Command, fuse_external
from benchmark.fusing import MethodError, ResultFolder, RunOptions, RunRecord, fuse
from benchmark.image_sets import ImageSet, stage
from benchmark.methods import Method


@dataclass
class RunSummary:
    """For each method: the record of its run, or why it failed."""

    records: dict[str, RunRecord] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def fail(self, name: str, reason: str) -> None:
        """Note and print a failure."""
        self.records.pop(name, None)
        self.failures[name] = without_folders(reason)
        print(f"error: {name}: {reason}", file=sys.stderr)


def result_folders(
    args: argparse.Namespace, chosen: Mapping[str, Method | Command]
) -> dict[str, ResultFolder]:
    """Return where the results of each method go, with what it is asked to do."""
    asked: dict[str, list[str]] = {
        name: list(method.arguments)
        if isinstance(method, Command)
        else [*method.command, *([] if method.baseline else args.method_flags)]
        for name, method in chosen.items()
    }
    return {name: ResultFolder(args.output, name, asked[name]) for name in chosen}


def fuse_all(
    args: argparse.Namespace,
    chosen: Mapping[str, Method | Command],
    folders: Mapping[str, ResultFolder],
    images: ImageSet,
) -> RunSummary:
    """Run each method, or keep its earlier results. A failure does not stop the others."""
    summary = RunSummary()
    options = RunOptions(
        args.device, args.method_flags, args.overwrite, args.python, args.time_limit
    )
    unit = images.unit if len(images.scenes) == 1 else f"{images.unit}s"
    with tempfile.TemporaryDirectory() as scratch:
        sources = stage(images, Path(scratch))
        for name, method in chosen.items():
            earlier = folders[name].earlier(images) if args.reuse else None
            if earlier:
                summary.records[name] = earlier
                print(f"{name}: {len(images.scenes)} {unit} of an earlier run")
                continue
            print(f"{name}: fusing {len(images.scenes)} {unit} ...", flush=True)
            try:
                if isinstance(method, Command):
                    record = fuse_external(method, folders[name], images, sources, options)
                else:
                    record = fuse(method, folders[name], images, sources, options)
                summary.records[name] = record
            except (MethodError, OSError) as error:
                summary.fail(name, f"{error} (see {folders[name].log})")
    return summary
