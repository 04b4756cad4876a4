"""Rendering a comparison as Markdown and as one HTML page that loads nothing."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from images import read_channels
from methods import Made
from metrics import COLUMNS, CONVENTIONS
from report import plots
from report.summary import arrow, by_method, summarize
from sets import ImageSet
from tables import Row

TEMPLATES = Path(__file__).resolve().parent / "templates"
JPEG_QUALITY = 90
NOTES = {
    "seconds": "Wall time as the method itself prints it: the mean over all but the first, "
    "without reading and writing.",
    "peak_mib": "The process's largest resident memory, with Python, its packages and the "
    "weights; memory on a GPU is not in it.",
}


@dataclass(frozen=True)
class Report:
    """What there is to report.

    Attributes:
        images: The set.
        convention: Name of the convention.
        metrics: Names of the metrics.
        rows: A row an image and method.
        made: How the results of each method were made, in the order of the tables.
        baselines: Which of them are no networks.
        failures: Why methods have no scores.
        about: How it was made: command, versions, machine, one line each.
        fused: The result of each method and scene.
        viewer_scenes: How many scenes the HTML page shows.
    """

    images: ImageSet
    convention: str
    metrics: list[str]
    rows: list[Row]
    made: dict[str, Made]
    baselines: set[str]
    failures: dict[str, str]
    about: dict[str, str]
    fused: dict[str, dict[str, Path]] = field(default_factory=dict)
    viewer_scenes: int = 0


def write_markdown(report: Report, path: Path) -> None:
    """Write the tables as Markdown."""
    _write(path, _environment(escape=False).get_template("report.md").render(_context(report)))


def write_html(report: Report, path: Path) -> None:
    """Write the page with its pictures, style and script inside."""
    context = _context(report)
    scores, names = by_method(report.rows), list(report.images.scenes)
    drawings = {
        metric: plots.draw({name: table[:, index] for name, table in scores.items()}, names)
        for index, metric in enumerate(report.metrics)
    }
    context |= {"plots": drawings, "layout": plots, "pictures": list(pictures(report))}
    _write(path, _environment(escape=True).get_template("report.html").render(context))


def pictures(report: Report) -> Iterator[dict[str, Any]]:
    """Yield the pictures of each scene that the viewer shows, sources first."""
    for scene, sources in islice(report.images.scenes.items(), report.viewer_scenes):
        named = list(zip(report.images.labels(scene), sources, strict=True))
        results = [(method, files[scene]) for method, files in report.fused.items()]
        yield {
            "scene": scene,
            "sources": [{"name": name, "data": data_address(path)} for name, path in named],
            "results": [{"name": name, "data": data_address(path)} for name, path in results],
        }


def data_address(path: Path) -> str:
    """Return an image at its full size as a JPEG in a data address; 16 bits become 8."""
    values = np.moveaxis(read_channels(path), 0, 2)[..., ::-1]  # B, G, R as OpenCV wants them
    image = np.floor(values + 0.5).astype(np.uint8)
    code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(code.tobytes()).decode('ascii')}"


def _context(report: Report) -> dict[str, Any]:
    convention = CONVENTIONS[report.convention]
    return {
        "report": report,
        "scores": summarize(report.metrics, by_method(report.rows)),
        "columns": {metric: COLUMNS[metric] for metric in report.metrics},
        "description": convention.description,
        "count": len(report.images.scenes),
        "notes": NOTES,
        "quality": JPEG_QUALITY,
    }


def _environment(escape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"arrow": arrow, "seconds": seconds, "mib": mib, "cell": markdown_cell}
    environment.tests["finite"] = math.isfinite
    return environment


def seconds(value: float | None) -> str:
    """Return seconds as printed, to the milliseconds that methods print."""
    return "-" if value is None else f"{value:.3f}"


def mib(value: float | None) -> str:
    """Return MiB as printed."""
    return "-" if value is None else f"{value:.0f}"


def markdown_cell(text: str) -> str:
    """Escape what Markdown would read as its own."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)
