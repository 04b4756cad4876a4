"""Run all methods of a comparison on a set, one after the other."""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.environment import without_folders
from benchmark.external import Command, fuse_external
from benchmark.fusing import MethodError, ResultFolder, RunRecord, fuse
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


def fuse_all(
    args: argparse.Namespace,
    chosen: Mapping[str, Method | Command],
    folders: Mapping[str, ResultFolder],
    images: ImageSet,
) -> RunSummary:
    """Run each method, or keep its earlier results. A failure does not stop the others."""
    summary = RunSummary()
    more = [*args.method_flags, *(["--overwrite"] if args.overwrite else [])]
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
                    record = fuse_external(method, folders[name], images, sources, args.device)
                else:
                    record = fuse(
                        method, folders[name], images, sources, args.device, more, args.python
                    )
                summary.records[name] = record
            except (MethodError, OSError) as error:
                summary.fail(name, f"{error} (see {folders[name].log})")
    return summary
