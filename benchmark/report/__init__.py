"""The report of a comparison, as Markdown and as one HTML page."""

from benchmark.report.pages import Report, write_html, write_markdown

__all__ = ["Report", "write_html", "write_markdown"]
