"""The tab for one kind of sources."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from apps.web.limits import check_pixels
from apps.web.messages import as_error, errors_shown, without_folders
from apps.web.methods import Method, Setting
from apps.web.pictures import THUMBNAIL, picture
from apps.web.result import Result

ROLES = {"vis": "Visible image", "ir": "Infrared image"}  # other flags are called as they are


class Form:
    """Images, examples, method and settings for one kind of sources, and the button to fuse.

    Attributes:
        button: Starts fusing.
        inputs: Every component that has a value.
    """

    def __init__(self, name: str, methods: Sequence[Method]) -> None:
        self.methods = {method.name: method for method in methods if name in method.kinds}
        self.kinds = {each: method.kinds[name] for each, method in self.methods.items()}
        first = next(iter(self.methods))
        self.kind, self.images = self.kinds[first], self.methods[first].images
        self.several = self.kind.source.set_flag is not None  # files in one field
        title = self.kind.title.capitalize()
        flags = self.kind.source.flags
        self.labels = [title] if self.several else [ROLES.get(flag, flag) for flag in flags]
        with gr.Tab(title):
            with gr.Row():
                self.files = [self._add_files(label) for label in self.labels]
            self._add_view()
            self._add_examples()
            self.method = gr.Radio(list(self.methods), value=first, label="Method")
            with gr.Accordion("Settings", open=False):
                self.settings = {each: self._add_settings(each) for each in self.methods}
            self.button = gr.Button("Fuse", variant="primary")
        fields = [field for panel in self.settings.values() for field in panel.values()]
        self.inputs = {*self.files, self.method, *fields}

    def _add_files(self, label: str) -> gr.File:
        """Add a field for one file, or for several ones."""
        return gr.File(
            label=f"{label}, two or more" if self.several else label,
            file_count="multiple" if self.several else "single",
            file_types=list(self.images.SUFFIXES),
            height=140,
        )

    def _add_view(self) -> None:
        """Add small pictures of the files that are there."""
        view = gr.Gallery(
            label="Sources",
            show_label=False,
            object_fit="contain",
            height="auto",
            visible=False,
            interactive=False,
            allow_preview=False,
            buttons=[],
            elem_classes="sources",
        )
        changes = [field.change for field in self.files]
        gr.on(changes, self._show, self.files, view, show_progress="hidden")

    def _show(self, *values: Any) -> gr.Gallery:
        paths = _paths(values)
        read = self.images.read_image
        with errors_shown(paths):
            check_pixels(paths)
            shown = [picture(read(path, physical=True), THUMBNAIL) for path in paths]
        return gr.Gallery(shown, visible=bool(paths))

    def _add_examples(self) -> None:
        """Add the demo images of the methods."""
        found = {n: paths for kind in self.kinds.values() for n, paths in kind.examples.items()}
        chosen = [[str(path) for path in paths] for paths in found.values()]
        examples = gr.Dataset(
            components=[gr.Image(render=False)],
            samples=[[paths[0]] for paths in chosen],
            label="Examples",
            type="index",
        )
        examples.click(lambda index: chosen[index], examples, self.files)

    def _add_settings(self, name: str) -> dict[Setting, Any]:
        """Add fields for the settings of a method, seen while that is chosen."""
        with gr.Group(visible=name == self.method.value) as group:
            fields = {setting: _field(setting) for setting in self.kinds[name].settings}
        self.method.change(lambda chosen: gr.Group(visible=chosen == name), self.method, group)
        return fields

    def fuse_into(self, result: Result) -> Callable[[dict[Any, Any]], Iterator[list[Any]]]:
        """Return what the button does: fuse, show the result, then its scores."""

        def fuse(values: dict[Any, Any]) -> Iterator[list[Any]]:
            method = self.methods[values[self.method]]
            fields = self.settings[method.name]
            settings = {setting: values[field] for setting, field in fields.items()}
            sources = self._sources(values)
            with tempfile.TemporaryDirectory() as folder:
                output = Path(folder) / f"{sources[0].stem}_{method.name.lower()}.png"
                with errors_shown(sources):
                    check_pixels(sources)
                    flags = self._flags(sources, Path(folder))
                    fused = method.fuse(flags, settings, output)
                numbers = map(str, range(1, len(fused.sources) + 1))
                labels = list(numbers) if self.several else self.labels
                messages = [without_folders(text, sources) for text in fused.messages]
                yield result.show(method.name, fused, labels, messages)
                yield result.show_scores(sources, fused, self.several)

        return fuse

    def _sources(self, values: dict[Any, Any]) -> list[Path]:
        """Return the files that were given.

        Raises:
            gr.Error: one is missing, or was deleted in the meantime.
        """
        given = [values[field] for field in self.files]
        for label, value in zip(self.labels, given, strict=True):
            if not self.several and not value:
                raise as_error(f"The {label.lower()} is missing.")
        sources = _paths(given)
        if len(sources) < 2:
            raise as_error(f"Two or more images are needed; {len(sources)} is there.")
        for path in sources:
            if not path.exists():
                raise as_error(f"{path.name} was deleted, because it is old; give it again.")
        return sources

    def _flags(self, sources: Sequence[Path], folder: Path) -> list[str]:
        """Return what names the sources for `run_fusion.py`; several are copied into one folder.

        Raises:
            ValueError: two of the files have one name.
        """
        source = self.kind.source
        if not self.several:
            pairs = zip(source.flags, sources, strict=True)
            return [word for flag, path in pairs for word in (f"--{flag}", str(path))]
        scene = folder / "sources"
        scene.mkdir()
        for path in sources:
            if (scene / path.name).exists():
                raise ValueError(f"Two of the images are called {path.name}.")
            shutil.copy(path, scene)
        return [f"--{source.set_flag}", str(scene)]


def _field(setting: Setting) -> gr.Checkbox | gr.Dropdown:
    """Return a field for a setting, called as its flag."""
    label = setting.flag.lstrip("-")
    if not setting.choices:
        return gr.Checkbox(setting.first, label=label, info=setting.help)
    choices = [(choice, choice) for choice in setting.choices]
    return gr.Dropdown(
        choices if setting.first else [("no", ""), *choices],
        value=str(setting.first or ""),
        label=label,
        info=setting.help,
        allow_custom_value=setting.is_open,
    )


def _paths(values: Sequence[Any]) -> list[Path]:
    """Return the files of some fields; those of one field are sorted by their names."""
    given = [value if isinstance(value, list) else [value] for value in values if value]
    return [path for paths in given for path in sorted(map(Path, paths), key=lambda p: p.name)]
