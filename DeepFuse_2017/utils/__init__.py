# From common_code/base/utils/__init__.py; edit it there, then tools/sync.py.
"""Data, losses, training, fusing and what they need."""

from pathlib import Path

HERE = Path(__file__).resolve().parents[1]  # the method's folder
