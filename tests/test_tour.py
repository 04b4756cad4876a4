"""The notebook runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "tour.ipynb"
LARGEST = 300_000  # bytes, with the pictures


@pytest.mark.slow
def test_the_notebook_runs() -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kept = [len(cell.get("outputs", [])) for cell in notebook.cells]
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}
    )
    client.execute()
    kinds = [{each.output_type for each in cell.get("outputs", [])} for cell in notebook.cells]
    assert not any("error" in kind for kind in kinds)
    assert [bool(kind) for kind in kinds] == [bool(number) for number in kept]


def test_the_notebook_is_small() -> None:
    assert NOTEBOOK.stat().st_size < LARGEST
