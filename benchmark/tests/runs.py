"""Calls of run.py in this process, with stand-ins for the methods."""

from __future__ import annotations

from pathlib import Path

from stand_ins import stand_in

import run
from methods import Method

CHOSEN = ["en", "ce", "ssim"]
REPORTS = ("scores.csv", "report.md", "report.html")


def call(data: Path | str, out: Path, methods: dict[str, Method], *more: str) -> int:
    given = ["--data", str(data), "--output", str(out), "--workers", "1", "--device", "cpu"]
    metrics = [] if "--metrics" in more else ["--metrics", *CHOSEN]
    return run.main(run.parse_args([*given, *metrics, *more], methods), methods)


def stand_ins(folder: Path, *behaviours: str) -> dict[str, Method]:
    return {behaviour.title(): stand_in(folder, behaviour) for behaviour in behaviours}


def written(out: Path) -> set[str]:
    return {name for name in REPORTS if (out / name).exists()}
