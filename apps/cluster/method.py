"""One method's `run_fusion.py`, in this process."""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hubconf
from apps.cluster.addresses import UsageError, address, images_in, is_local, write_whole

METHODS = {folder.name.rpartition("_")[0].lower(): folder for folder in hubconf._FOLDERS}
_RIG = "find transforms with run_fusion.py on some of the pairs, and give them by --register_from"
ONE_PROCESS = {  # flags that look at all results or write a table of all, and what to do instead
    "register_rig": _RIG,
    "register_to": _RIG,
    "segment": "segment with run_fusion.py",
}


class Messages(list[tuple[str, str, str]]):
    """Collects what a method says about its sources, in place of its `Notices`."""

    def add(self, kind: str, message: str, prefix: str = "warning") -> None:
        """Keep a message."""
        self.append((kind, message, prefix))


class Method:
    """What a folder's `run_fusion.py` does, step by step.

    Attributes:
        name: As in `DenseFuse`.
        errors: What its functions raise for sources and flags that cannot be used.
        sources: Its module of that name.
        tally: Its class `Tally`.
    """

    def __init__(self, name: str) -> None:
        self._folder = METHODS[name]
        self.name = self._folder.name.rpartition("_")[0]
        with hubconf._only(self._folder):
            self._script = importlib.import_module("run_fusion")
            self._pairs = importlib.import_module("utils.common.pairs")
            self._listing = importlib.import_module("utils.common.listing")
            self._files = importlib.import_module("utils.common.files")
            self._image = importlib.import_module("utils.common.image")
            self.sources = importlib.import_module("utils.common.sources")
            self.tally = importlib.import_module("utils.common.tally").Tally
            error = importlib.import_module("utils.utils").InputError
        self.errors = (error, OSError)
        self._kinds = [demo.kind for demo in self._script.DEMO]

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the flags of `run_fusion.py`, with absolute paths and with addresses.

        Results that exist are skipped unless they are to be overwritten.

        Raises:
            UsageError: flags that need one process, or no `--output`.
        """
        args = self._script.build_parser().parse_args(words)
        for flag, instead in ONE_PROCESS.items():
            if getattr(args, flag, None):
                raise UsageError(f"--{flag} needs one process: {instead}")
        for name, value in vars(args).items():
            if isinstance(value, Path):
                setattr(args, name, address(value))
            elif isinstance(value, list):
                setattr(args, name, [address(v) if isinstance(v, Path) else v for v in value])
        if args.output is None:
            raise UsageError("--output is missing: the folder or address of the results")
        args.skip_existing = not args.overwrite
        return args

    def find_jobs(self, args: argparse.Namespace) -> list[Any]:
        """Return what is to be fused.

        Raises:
            UsageError: no sources, or videos.
        """
        flags = [flag for kind in self._kinds for flag in (*kind.flags, kind.set_flag) if flag]
        given = [flag for flag in (*flags, "images", "pairs") if getattr(args, flag) is not None]
        if not given:
            raise UsageError(
                f"no sources; give {' '.join(f'--{flag}' for flag in flags)} or --pairs"
            )
        values = [getattr(args, flag) for flag in given if flag not in ("images", "pairs")]
        if all(map(is_local, [*values, *(args.images or [])])):
            with hubconf._only(self._folder):
                jobs = self._pairs.find_jobs(args, self._kinds, [], [], args.output)
        else:
            jobs = self._at_addresses(args, given)
        jobs = [self.job(job.sources, job.output, job.kind) for job in jobs]
        if any(job.output.suffix.lower() not in self._listing.SUFFIXES for job in jobs):
            raise UsageError("videos are fused by run_fusion.py, each by one process")
        return jobs

    def _at_addresses(self, args: argparse.Namespace, given: Sequence[str]) -> list[Any]:
        """Return the jobs of two folders, of which one or both are addresses."""
        for kind in self._kinds:
            if set(given) == set(kind.flags):
                break
        else:
            pairs = " or ".join(" and ".join(f"--{f}" for f in kind.flags) for kind in self._kinds)
            raise UsageError(f"addresses are taken by {pairs}, and stand in lists (--pairs)")
        folders = [getattr(args, flag) for flag in kind.flags]
        sides = [
            self._listing.list_images(folder, f"--{flag}")
            if is_local(folder)
            else images_in(folder, f"--{flag}", self._listing.SUFFIXES)
            for folder, flag in zip(folders, kind.flags, strict=True)
        ]
        places = [f"{folder} (--{flag})" for folder, flag in zip(folders, kind.flags, strict=True)]
        try:
            found = self._pairs.match(sides, places, kind.roles, args.allow_unmatched)
        except self._pairs.UnmatchedError as error:
            raise UsageError(f"{error}; --allow_unmatched skips these") from error
        jobs = self._pairs.plan_jobs(found, args.output, True, kind.name, args.shard)
        self._pairs.check_flags(args, jobs)
        return jobs

    def job(self, sources: Sequence[Any], output: Any, kind: str) -> Any:
        """Return a job of paths or addresses."""
        return self._pairs.FusionJob(tuple(map(address, sources)), address(output), kind)

    def load(self, args: argparse.Namespace) -> tuple[Any, Any]:
        """Return the method's `ImageFusion`, and what reads the sources of each kind of job."""
        with hubconf._only(self._folder):
            return self._script.load_fusion(args)

    def write(self, path: Any, pixels: Any) -> None:
        """Write a result whole or not at all, at a path or an address."""
        if is_local(path):
            self._image.write_image(path, pixels)
        else:
            write_whole(path, self._image.encode_image(path, pixels))

    def prepare(self, jobs: Sequence[Any]) -> None:
        """Make the folders of results, and clear away what killed processes left there."""
        names = {job.output.name for job in jobs}
        for folder in {job.output.parent for job in jobs}:
            if is_local(folder):
                folder.mkdir(parents=True, exist_ok=True)
                self._files.clear_leftovers(folder, names)
            elif not folder.fs.async_impl:  # object stores have no folders
                folder.mkdir(parents=True, exist_ok=True)
