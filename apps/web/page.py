"""The page: images and settings on one side, the result on the other."""

from collections import Counter
from collections.abc import Sequence

import gradio as gr

from apps.web.form import Form
from apps.web.methods import Method
from apps.web.result import KEEP, Result

SWEEP = 300  # seconds between two looks for temporary files that are older than `KEEP`
INTRODUCTION = """# Image fusion
Fuse registered images of one scene: a visible and an infrared one, or several exposures. Nothing
that you upload is kept."""
CSS = """
.gradio-container > main { width: 100%; max-width: 1200px; margin: 0 auto }
.file-preview .download { display: none }
.sources .grid-wrap { min-height: 0 !important; overflow: auto !important }
.sources .grid-container { grid-template-columns: repeat(auto-fill, minmax(9em, 1fr)) !important }
.sources .thumbnail-item { aspect-ratio: 4 / 3 !important }
.scores { display: grid; grid-template-columns: repeat(auto-fill, minmax(6em, 1fr)); gap: .6em 1em }
.scores div { border-top: 1px solid var(--border-color-primary); padding-top: .3em }
.scores small { display: block; color: var(--body-text-color-subdued) }
"""
THEME = gr.themes.Base(
    primary_hue="blue",
    neutral_hue="gray",
    font=["system-ui", "sans-serif"],  # nothing is loaded from elsewhere
    font_mono=["ui-monospace", "monospace"],
)


def build_page(methods: Sequence[Method]) -> gr.Blocks:
    """Return the page over some methods, with a tab for each kind of sources that they fuse."""
    counts = Counter(name for method in methods for name in method.kinds)
    with gr.Blocks(
        title="Image fusion", analytics_enabled=False, delete_cache=(SWEEP, KEEP)
    ) as page:
        gr.Markdown(INTRODUCTION)
        with gr.Row():
            with gr.Column(min_width=320):
                forms = [Form(name, methods) for name, _ in counts.most_common()]
            with gr.Column(min_width=320):
                result = Result()
        for form in forms:
            form.button.click(
                form.fuse_into(result),
                form.inputs,
                result.outputs,
                concurrency_id="fuse",
                show_progress_on=result.slider,
            )
    return page
