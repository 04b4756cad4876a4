"""Fuse a set with every method and baseline, score the results and write a report."""

from __future__ import annotations

import argparse
import io
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from evaluate import Job, add_scoring_flags, check_metrics, choose_metrics, natural, score_all
from machine import (
    command_line,
    describe_machine,
    resolve_device,
    revision,
    versions,
    without_folders,
)
from methods import HERE, METHODS, Made, Method, MethodError, Place, fuse
from outputs import check_writable
from report import Report, write_html, write_markdown
from sets import ROOT, ImageSet, check_sources, find_set, stage
from tables import Row, format_means, write_csv

SCORES, MARKDOWN, PAGE = "scores.csv", "report.md", "report.html"
VIEWER_SCENES = 24


def build_parser(methods: Mapping[str, Method]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Fuse a set with every method and baseline, score the results and write "
        f"{SCORES}, {MARKDOWN} and {PAGE}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--data",
        required=True,
        help="a set in common_data, or a folder laid out like one: ir/ and vis/, or a folder a "
        "scene",
    )
    files.add_argument(
        "--split",
        help="a list of the set, or all (default: test or val in common_data/splits, else all)",
    )
    files.add_argument("--limit", type=natural, help="take the first scenes only")
    files.add_argument("--output", type=Path, help="folder (default: benchmark/results/<set>)")
    files.add_argument("--overwrite", action="store_true", help="replace existing files")
    files.add_argument(
        "--reuse", action="store_true", help="take complete results of an earlier run as they are"
    )
    fusing = parser.add_argument_group("fusing")
    fusing.add_argument(
        "--methods", choices=methods, nargs="+", help="default: all that suit the set"
    )
    fusing.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    fusing.add_argument(
        "--method_flags",
        type=shlex.split,
        default=[],
        metavar="TEXT",
        help="further flags of every run_fusion.py, as in --method_flags='--ir_color luma'",
    )
    fusing.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="interpreter of the methods"
    )
    add_scoring_flags(parser)
    parser.add_argument(
        "--viewer_scenes",
        type=_from_zero,
        default=VIEWER_SCENES,
        help=f"scenes whose pictures {PAGE} holds, from the first",
    )
    return parser


def _from_zero(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, found {text!r}")
    return int(text)


def parse_args(
    argv: Sequence[str] | None = None, methods: Mapping[str, Method] = METHODS
) -> argparse.Namespace:
    """Parse the command line; `args.command` is what was typed."""
    parser = build_parser(methods)
    args = parser.parse_args(argv)
    check_metrics(parser, args)
    args.command = command_line("benchmark/run.py", sys.argv[1:] if argv is None else argv)
    return args


@dataclass
class Outcome:
    """What became of each method: how its results were made, or why there are none."""

    made: dict[str, Made] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def fail(self, name: str, reason: str) -> None:
        """Note a failure and say it."""
        self.made.pop(name, None)
        self.failures[name] = without_folders(reason)
        print(f"error: {name}: {reason}", file=sys.stderr)


def choose_methods(
    names: Sequence[str] | None, images: ImageSet, methods: Mapping[str, Method]
) -> dict[str, Method]:
    """Return the methods to run, in the table's order.

    Raises:
        ValueError: One that was asked for is not made for such sets.
    """
    suited = {name: method for name, method in methods.items() if images.kind in method.kinds}
    if unsuited := [name for name in names or [] if name not in suited]:
        raise ValueError(
            f"{', '.join(unsuited)} (--methods) cannot fuse {images.kind}, which {images.name} "
            f"(--data) holds; {', '.join(suited)} can"
        )
    return {name: method for name, method in suited.items() if names is None or name in names}


def check_output(args: argparse.Namespace, places: Mapping[str, Place], images: ImageSet) -> None:
    """Refuse to replace what is there, unless asked to.

    Raises:
        ValueError: A report, or results that are not reused, exist.
    """
    if args.overwrite:
        return
    reports = [args.output / name for name in (SCORES, MARKDOWN, PAGE)]
    if taken := [path for path in reports if path.exists()]:
        raise ValueError(f"{taken[0]} exists; --overwrite replaces it")
    for place in places.values():
        existing = place.existing(images)
        if existing and not (args.reuse and place.earlier(images)):
            raise ValueError(
                f"{existing[0]} exists ({len(existing)} of {len(images.scenes)} results); "
                "--overwrite makes them anew, --reuse takes them if one complete run has made them"
            )


def fuse_all(
    args: argparse.Namespace,
    chosen: Mapping[str, Method],
    places: Mapping[str, Place],
    images: ImageSet,
) -> Outcome:
    """Run each method, or take its earlier results; one that fails does not stop the others."""
    outcome = Outcome()
    more = [*args.method_flags, *(["--overwrite"] if args.overwrite else [])]
    unit = images.unit if len(images.scenes) == 1 else f"{images.unit}s"
    with tempfile.TemporaryDirectory() as scratch:
        sources = stage(images, Path(scratch))
        for name, method in chosen.items():
            earlier = places[name].earlier(images) if args.reuse else None
            if earlier:
                outcome.made[name] = earlier
                print(f"{name}: {len(images.scenes)} {unit} of an earlier run")
                continue
            print(f"{name}: fusing {len(images.scenes)} {unit} ...", flush=True)
            try:
                outcome.made[name] = fuse(
                    method, places[name], images, sources, args.device, more, args.python
                )
            except (MethodError, OSError) as error:
                outcome.fail(name, f"{error} (see {places[name].log})")
    return outcome


def jobs_for(images: ImageSet, fused: Mapping[str, dict[str, Path]]) -> list[Job]:
    """Return what is to score: each scene with its result of each method."""
    return [
        Job(scene, paths, "--data", {name: files[scene] for name, files in fused.items()})
        for scene, paths in images.scenes.items()
    ]


def score(
    args: argparse.Namespace, jobs: list[Job], metrics: Sequence[str], outcome: Outcome
) -> list[Row]:
    """Return a row an image and method; methods that cannot be scored fail.

    Raises:
        ValueError: The sources cannot be scored.
    """
    scores = score_all(jobs, args.convention, metrics, args.workers)
    results = list(tqdm(scores, total=len(jobs), unit="image"))
    failures = [failure for _, found in results for failure in found]
    if of_sources := [str(failure) for failure in failures if failure.method is None]:
        raise ValueError("\n".join(of_sources))
    for name in jobs[0].fused:
        if own := [f"{image}: {why}" for image, _, why, method in failures if method == name]:
            outcome.fail(name, "; ".join(own))
    order = list(outcome.made)
    rows = [row for found, _ in results for row in found if row.method in order]
    return sorted(rows, key=lambda row: order.index(row.method))


def describe(args: argparse.Namespace) -> dict[str, str]:
    """Return how a report was made, by what it is called there."""
    about = {"Command": args.command, "Machine": describe_machine(args.device)}
    about["Versions"] = versions(args.python)
    found = revision(ROOT)
    return about | ({"Revision": found} if found else {})


def main(args: argparse.Namespace, methods: Mapping[str, Method] = METHODS) -> int:
    """Fuse, score and report; return the exit status, 1 if anything failed."""
    try:
        images = find_set(args.data, args.split, args.limit)
        args.output = args.output or HERE / "results" / images.name
        check_writable(args.output, "folder")
        args.device = resolve_device(args.device)
        chosen = choose_methods(args.methods, images, methods)
        places = {name: Place(args.output, name) for name in chosen}
        check_output(args, places, images)
        metrics = choose_metrics(args, jobs_for(images, {}))
        check_sources(images)
        outcome = fuse_all(args, chosen, places, images)
        fused = {name: places[name].results(images) for name in outcome.made}
        if not fused:
            raise ValueError("every method failed; nothing to report")
        rows = score(args, jobs_for(images, fused), metrics, outcome)
        if not rows:
            raise ValueError("no method could be scored; nothing to report")
        report = Report(
            images=images,
            convention=args.convention,
            metrics=metrics,
            rows=rows,
            made=outcome.made,
            baselines={name for name, method in chosen.items() if method.baseline},
            failures=outcome.failures,
            about=describe(args),
            fused={name: fused[name] for name in outcome.made},
            viewer_scenes=args.viewer_scenes,
        )
        write_csv(args.output / SCORES, metrics, rows)
        write_markdown(report, args.output / MARKDOWN)
        write_html(report, args.output / PAGE)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    tell(args, metrics, rows)
    return 1 if outcome.failures else 0


def tell(args: argparse.Namespace, metrics: Sequence[str], rows: Sequence[Row]) -> None:
    """Print the means and where the reports are."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # the arrows, whatever the locale
    print(f"convention {args.convention}, mean ± standard deviation")
    print(format_means(metrics, rows))
    for name in (SCORES, MARKDOWN, PAGE):
        path = args.output / name
        print(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)")


if __name__ == "__main__":
    sys.exit(main(parse_args()))
