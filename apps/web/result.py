"""The result with a divider over each source, its scores and its download."""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from apps.web.messages import without_folders
from apps.web.methods import Fused
from apps.web.pictures import picture
from apps.web.scores import Score, score

KEEP = 3600  # seconds: what is older is deleted


class Result:
    """The side of the page that shows a result.

    Attributes:
        slider: A source on the left of the divider, the result on its right.
        outputs: What fusing fills.
    """

    def __init__(self) -> None:
        self.slider = gr.ImageSlider(
            label="Source | result", format="png", interactive=False, buttons=["fullscreen"]
        )
        source = gr.Radio([], label="Source on the left", visible=False)
        note = gr.HTML(padding=False)
        self.scores = gr.HTML(padding=False)
        download = gr.DownloadButton("Download", interactive=False)
        pictures = gr.State(time_to_live=KEEP)  # of the sources by their labels, and of the result
        self.outputs = [self.slider, source, note, self.scores, download, pictures]
        source.input(
            lambda label, shown: (shown[0][label], shown[1]),
            [source, pictures],
            self.slider,
            show_progress="hidden",
        )

    def show(
        self, method: str, fused: Fused, labels: Sequence[str], messages: Sequence[str]
    ) -> list[Any]:
        """Return the outputs for a result that is not scored yet."""
        pictures = list(map(picture, fused.sources))
        sources, result = dict(zip(labels, pictures, strict=True)), picture(fused.image)
        height, width = fused.image.shape[:2]
        bits = 8 * fused.image.itemsize
        note = f"{method}: {fused.seconds:.2f} seconds, {width} x {height} pixels, {bits} bits"
        return [
            (pictures[0], result),
            gr.Radio(list(labels), value=labels[0], visible=True),
            _paragraphs([note, *messages]),
            _paragraphs(["Computing the metrics ..."]),
            gr.DownloadButton(value=str(fused.path), interactive=True),
            (sources, result),
        ]

    def show_scores(self, sources: Sequence[Path], fused: Fused, exposures: bool) -> list[Any]:
        """Return the outputs that add the scores, or say why there are none."""
        height, width = fused.image.shape[:2]
        try:
            found = score(sources, fused.path, height * width, exposures)
            text = f'<div class="scores">{"".join(map(_cell, found))}</div>'
        except ValueError as error:
            text = _paragraphs([without_folders(str(error), [*sources, fused.path])])
        return [text if each is self.scores else gr.skip() for each in self.outputs]


def _cell(each: Score) -> str:
    arrow = "↑" if each.higher_is_better else "↓"
    label, title = html.escape(each.label), html.escape(each.full_name)
    return f'<div title="{title}"><small>{label} {arrow}</small>{each.value:.4g}</div>'


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{html.escape(text)}</p>" for text in texts)
