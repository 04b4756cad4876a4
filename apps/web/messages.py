"""What is wrong with images or settings, as a message on the page."""

import argparse
import html
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import gradio as gr


@contextmanager
def errors_shown(paths: Sequence[Path]) -> Iterator[None]:
    """Turn an error that files or settings cause into a message.

    Raises:
        gr.Error: which Gradio shows.
    """
    try:
        yield
    except (ValueError, OSError, argparse.ArgumentError) as error:
        raise as_error(without_folders(str(error), paths)) from error


def without_folders(text: str, paths: Sequence[Path]) -> str:
    """Return a message without the temporary folders in which files lie."""
    for folder in [*(path.parent for path in paths), Path(tempfile.gettempdir())]:
        text = text.replace(f"{folder}/", "")
    return text


def as_error(message: str) -> gr.Error:
    """Return an exception that the page shows until it is closed, and that is not printed."""
    text = html.escape(message, quote=False)
    return gr.Error(text, duration=None, print_exception=False)
