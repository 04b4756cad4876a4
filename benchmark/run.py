"""Fuse a set with every method and baseline, score the results and write a report."""

import argparse
import io
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from benchmark import ROOT
from benchmark.efficiency import SIZE
from benchmark.efficiency.processes import add_efficiency
from benchmark.entries import GIVEN, add_entry_flags, check_names, find_commands, find_given
from benchmark.environment import (
    command_line,
    describe_machine,
    resolve_device,
    revision,
    versions,
)
from benchmark.evaluate import add_scoring_flags, check_metrics, choose_metrics, natural
from benchmark.external import Command
from benchmark.fuse_all import RunSummary, fuse_all, result_folders
from benchmark.fusing import ResultFolder
from benchmark.image_sets import ImageSet, check_sources, find_set
from benchmark.methods import Method, find_methods
from benchmark.output_paths import check_writable
from benchmark.published import describe_quoted, read_published
from benchmark.report import FILES, Report, add_report_flags, write_all
from benchmark.score_table import Row, format_means
from benchmark.scoring import Job, Scorer, score_all


def build_parser(methods: Mapping[str, Method]) -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description="Fuse a set with every method and baseline, score the results and write "
        f"{', '.join(FILES[:-1])} and {FILES[-1]}.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--data",
        required=True,
        help="name of a set in common_data, or path of a folder of the same layout: ir/ and vis/, "
        "one folder per scene, or near/ and far/",
    )
    files.add_argument(
        "--split",
        help="list of the set, or all (default: test or val of common_data/splits, else all)",
    )
    files.add_argument("--first", type=natural, help="fuse at most this many scenes")
    files.add_argument("--output", type=Path, help="folder (default: benchmark/results/<set>)")
    files.add_argument("--overwrite", action="store_true", help="replace existing files")
    files.add_argument(
        "--reuse", action="store_true", help="keep complete results of an earlier run"
    )
    _add_fusing_flags(parser, methods)
    add_entry_flags(parser)
    add_scoring_flags(parser)
    add_report_flags(parser)
    return parser


def _add_fusing_flags(parser: argparse.ArgumentParser, methods: Mapping[str, Method]) -> None:
    fusing = parser.add_argument_group("fusing")
    fusing.add_argument(
        "--methods",
        choices=methods,
        nargs="*",
        help="run these, or without a name none (default: all that can fuse the set)",
    )
    fusing.add_argument(
        "--efficiency",
        action="store_true",
        help=f"measure parameters, multiply-adds, time and memory of methods at {SIZE} too",
    )
    fusing.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    fusing.add_argument(
        "--method_flags",
        type=shlex.split,
        default=[],
        metavar="TEXT",
        help="pass these flags to every run_fusion.py, as in --method_flags='--ir_color luma'",
    )
    fusing.add_argument(
        "--python", default=sys.executable, metavar="FILE", help="interpreter of the methods"
    )
    fusing.add_argument(
        "--time_limit",
        type=natural,
        metavar="SECONDS",
        help="stop a process that runs longer; its method has failed (default: wait)",
    )


def parse_args(argv: Sequence[str] | None, methods: Mapping[str, Method]) -> argparse.Namespace:
    """Parse the command line. `args.command` is the command as it was typed."""
    parser = build_parser(methods)
    args = parser.parse_args(argv)
    check_metrics(parser, args)
    args.command = command_line("benchmark.run", sys.argv[1:] if argv is None else argv)
    return args


def choose_methods(
    names: Sequence[str] | None, images: ImageSet, methods: Mapping[str, Method]
) -> dict[str, Method]:
    """Return the methods to run, in the order of the table.

    Raises:
        ValueError: A method of `names` cannot fuse this kind of set.
    """
    suited = {name: method for name, method in methods.items() if images.kind in method.kinds}
    if unsuited := [name for name in names or [] if name not in suited]:
        raise ValueError(
            f"{', '.join(unsuited)} (--methods) cannot fuse {images.contents}, which {images.name} "
            f"(--data) holds; {', '.join(suited)} can"
        )
    return {name: method for name, method in suited.items() if names is None or name in names}


def check_output(
    args: argparse.Namespace, folders: Mapping[str, ResultFolder], images: ImageSet
) -> None:
    """Raise an error if results exist, unless they may be replaced or are reused.

    Raises:
        ValueError: A report exists, or results that are not reused.
    """
    if args.overwrite:
        return
    reports = [args.output / name for name in FILES]
    if taken := [path for path in reports if path.exists()]:
        raise ValueError(f"{taken[0]} exists; --overwrite replaces it")
    for folder in folders.values():
        existing = folder.existing(images)
        if existing and not (args.reuse and folder.earlier(images)):
            raise ValueError(
                f"{existing[0]} exists ({len(existing)} of {len(images.scenes)} results); "
                "--overwrite replaces them, --reuse keeps them if one complete run of the same "
                "command has made them"
            )


def jobs_for(images: ImageSet, fused: Mapping[str, dict[str, Path]]) -> list[Job]:
    """Return the jobs of scoring: each scene with the result of each method."""
    return [
        Job(scene, paths, "--data", {name: files[scene] for name, files in fused.items()})
        for scene, paths in images.scenes.items()
    ]


def score(
    args: argparse.Namespace, jobs: list[Job], metrics: Sequence[str], summary: RunSummary
) -> list[Row]:
    """Return one row per image and method. A method that cannot be scored has failed.

    Raises:
        ValueError: The sources cannot be scored.
    """
    scores = score_all(jobs, Scorer(args.convention, metrics), args.workers)
    results = list(tqdm(scores, total=len(jobs), unit="image"))
    failures = [failure for _, found in results for failure in found]
    if of_sources := [str(failure) for failure in failures if failure.method is None]:
        raise ValueError("\n".join(of_sources))
    for name in jobs[0].fused:
        if own := [f"{image}: {why}" for image, _, why, method in failures if method == name]:
            summary.fail(name, "; ".join(own))
    order = list(summary.records)
    rows = [row for found, _ in results for row in found if row.method in order]
    return sorted(rows, key=lambda row: order.index(row.method))


def describe(args: argparse.Namespace) -> dict[str, str]:
    """Return how a report was made: the heading and the text of each line."""
    about = {"Command": args.command, "Machine": describe_machine(args.device)}
    about["Versions"] = versions(args.python)
    found = revision(ROOT)
    return about | ({"Revision": found} if found else {})


def main(args: argparse.Namespace, methods: Mapping[str, Method]) -> int:
    """Fuse, score and report; return the exit status, 1 if anything failed."""
    try:
        images = find_set(args.data, args.split, args.first)
        args.output = args.output or ROOT / "benchmark" / "results" / images.name
        check_writable(args.output, "folder")
        args.device = resolve_device(args.device)
        check_names(args, methods)
        own = choose_methods(args.methods, images, methods)
        chosen: dict[str, Method | Command] = {**own, **find_commands(args, images)}
        given = find_given(args, images)
        folders = result_folders(args, chosen)
        check_output(args, folders, images)
        metrics = choose_metrics(args, jobs_for(images, {}), images.kind)
        quoted = read_published(args.published, metrics)
        check_sources(images)
        summary = fuse_all(args, chosen, folders, images)
        if args.efficiency:
            add_efficiency(summary, chosen, folders, args.python)
        fused = {name: folders[name].results(images) for name in summary.records} | given
        if not fused:
            raise ValueError("every method failed, or none was given; nothing to report")
        summary.records |= dict.fromkeys(given, GIVEN)
        rows = score(args, jobs_for(images, fused), metrics, summary)
        if not rows:
            raise ValueError("no method could be scored; nothing to report")
        report = Report(
            images=images,
            convention=args.convention,
            metrics=metrics,
            rows=rows,
            records=summary.records,
            baselines={name for name, method in own.items() if method.baseline},
            failures=summary.failures,
            about=describe(args) | describe_quoted(quoted),
            fused={name: fused[name] for name in summary.records},
            viewer_scenes=args.viewer_scenes,
            deviations=args.deviations,
            quoted={name: row.cells for name, row in quoted.items()},
        )
        write_all(report, args.output)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print_summary(args, metrics, rows)
    return 1 if summary.failures else 0


def print_summary(args: argparse.Namespace, metrics: Sequence[str], rows: Sequence[Row]) -> None:
    """Print the means, and the paths and sizes of the reports."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # for the arrows, whatever the locale is
    print(f"convention {args.convention}, mean ± standard deviation")
    print(format_means(metrics, rows))
    for name in FILES:
        path = args.output / name
        print(f"{path} ({path.stat().st_size / 2**20:.1f} MiB)")


def run_command_line() -> int:
    """Run the command line and return the exit status."""
    try:
        methods = find_methods()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return main(parse_args(None, methods), methods)


if __name__ == "__main__":
    sys.exit(run_command_line())
