"""Calls of benchmark.run in this process, with stand-ins for the methods."""

from pathlib import Path

from benchmark import run
from benchmark.methods import Method
from benchmark.tests.stand_ins import stand_in

CHOSEN = ["en", "ce", "ssim"]
REPORTS = ("scores.csv", "report.csv", "report.md", "report.tex", "report.html")


def call(data: Path | str, out: Path, methods: dict[str, Method], *more: str) -> int:
    given = ["--data", str(data), "--output", str(out), "--workers", "1", "--device", "cpu"]
    metrics = [] if "--metrics" in more else ["--metrics", *CHOSEN]
    return run.main(run.parse_args([*given, *metrics, *more], methods), methods)


def stand_ins(folder: Path, *behaviors: str) -> dict[str, Method]:
    return {behavior.title(): stand_in(folder, behavior) for behavior in behaviors}


def written(out: Path) -> set[str]:
    return {name for name in REPORTS if (out / name).exists()}
