"""Metrics of image fusion, scores and reports of every method, and how fast the methods are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the repository
