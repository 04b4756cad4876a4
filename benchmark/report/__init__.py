"""The report of a comparison: Markdown, and one HTML page that needs nothing else."""

from report.pages import Report, write_html, write_markdown

__all__ = ["Report", "write_html", "write_markdown"]
