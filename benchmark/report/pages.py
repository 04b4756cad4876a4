"""Write a comparison as Markdown and as one HTML page that loads no other file."""

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

from benchmark.fusing import RunRecord
from benchmark.image_files import read_channels
from benchmark.image_sets import ImageSet
from benchmark.metrics import COLUMNS, CONVENTIONS
from benchmark.report import plots
from benchmark.report.costs import RUN, cost_of, cost_text, shown
from benchmark.report.summary import Cell, arrow, by_method, explain_marks, summarize
from benchmark.score_table import Row

TEMPLATES = Path(__file__).resolve().parent / "templates"
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Report:
    """The contents of a report.

    Attributes:
        images: The set.
        convention: Name of the convention.
        metrics: Names of the metrics.
        rows: One row per image and method.
        records: The run of each method, in the order of the tables.
        baselines: Names of the methods that are not networks.
        failures: Reason of each method that has no scores.
        about: How the report was made: heading and text of each line.
        fused: Path of the result, by method and scene.
        viewer_scenes: How many scenes the HTML page shows.
        deviations: Whether the tables for papers (LaTeX and CSV) have standard deviations.
        quoted: Published rows below those of the methods, one cell per metric.
    """

    images: ImageSet
    convention: str
    metrics: list[str]
    rows: list[Row]
    records: dict[str, RunRecord]
    baselines: set[str]
    failures: dict[str, str]
    about: dict[str, str]
    fused: dict[str, dict[str, Path]] = field(default_factory=dict)
    viewer_scenes: int = 0
    deviations: bool = False
    quoted: dict[str, list[Cell]] = field(default_factory=dict)


def write_markdown(report: Report, path: Path) -> None:
    """Write the tables as Markdown."""
    write_text(path, _environment(escape=False).get_template("report.md").render(context(report)))


def write_html(report: Report, path: Path) -> None:
    """Write the page with its pictures, style and script inside."""
    values = context(report)
    scores, names = by_method(report.rows), list(report.images.scenes)
    drawings = {
        metric: plots.draw({name: table[:, index] for name, table in scores.items()}, names)
        for index, metric in enumerate(report.metrics)
    }
    values |= {"plots": drawings, "layout": plots, "pictures": list(pictures(report))}
    write_text(path, _environment(escape=True).get_template("report.html").render(values))


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
    """Return an image in full size as a data address that holds a JPEG of 8 bits per channel."""
    values = np.moveaxis(read_channels(path), 0, 2)[..., ::-1]  # B, G, R for OpenCV
    image = np.floor(values + 0.5).astype(np.uint8)
    code = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(code.tobytes()).decode('ascii')}"


def context(report: Report) -> dict[str, Any]:
    """Return what the templates of all reports show."""
    convention = CONVENTIONS[report.convention]
    scores = summarize(report.metrics, by_method(report.rows))
    costs = shown(report.records.values())
    count, unit = len(report.images.scenes), report.images.unit
    return {
        "report": report,
        "scores": scores | report.quoted,
        "marks": explain_marks(report.metrics, scores, count, unit),
        "columns": {metric: COLUMNS[metric] for metric in report.metrics},
        "description": convention.description,
        "count": count,
        "cost_float": "table*" if len(costs) > len(RUN) else "table",
        "costs": [cost._replace(head=cost.head.format(unit=unit)) for cost in costs],
        "cost_of": cost_of,
        "cost_text": cost_text,
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
    environment.filters |= {"arrow": arrow, "cell": markdown_cell}
    environment.tests["finite"] = math.isfinite
    return environment


def markdown_cell(text: str) -> str:
    """Escape the characters that have a meaning in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>|#~])", r"\\\1", " ".join(text.split()))


def write_text(path: Path, text: str) -> None:
    """Write under a temporary name, then move into place."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    temporary.replace(path)
