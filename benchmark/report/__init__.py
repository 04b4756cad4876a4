"""The report of a comparison: one HTML page, Markdown, LaTeX, and CSV of values and of means."""

from pathlib import Path

from benchmark.report.flags import add_report_flags
from benchmark.report.latex import write_latex
from benchmark.report.means import write_means
from benchmark.report.pages import Report, write_html, write_markdown
from benchmark.score_table import write_csv

FILES = ("scores.csv", "report.csv", "report.md", "report.tex", "report.html")

__all__ = [
    "FILES",
    "Report",
    "add_report_flags",
    "write_all",
    "write_html",
    "write_latex",
    "write_markdown",
    "write_means",
]


def write_all(report: Report, folder: Path) -> None:
    """Write every file of a report (`FILES`) into a folder."""
    scores, means, markdown, latex, page = (folder / name for name in FILES)
    write_csv(scores, report.metrics, report.rows)
    write_means(report, means)
    write_markdown(report, markdown)
    write_latex(report, latex)
    write_html(report, page)
