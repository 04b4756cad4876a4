"""Load a method in one line: `torch.hub.load(REPOSITORY, "densefuse", source="local")`.

Each method folder `<name>_<year>` is an entry, its name in lower case. An entry takes the keyword
arguments of the method's `ImageFusion` and returns one:

    fusion = torch.hub.load(REPOSITORY, "densefuse", source="local", strategy="l1")
    fused = fusion.fuse([visible, infrared])  # (H, W) or (H, W, 3); uint8, uint16 or in [0, 1]

All folders have modules of the same names, such as `models` and `utils`. A folder's modules are
imported with no other folder in view, and nothing of them stays in `sys.path` or `sys.modules`:
methods and the caller's own modules do not meet. Load in one thread; `fuse` may be called in any.

One entry more, `realtime`, is the small network of apps/realtime that gives a method's images at
video rate on a processor:

    fusion = torch.hub.load(REPOSITORY, "realtime", source="local", teacher="u2fusion")
"""

import collections.abc
import contextlib
import functools
import importlib
import importlib.util
import pathlib
import sys
import types
import typing

dependencies = ["torch", "cv2", "numpy", "safetensors"]

_FOLDERS = sorted(pathlib.Path(__file__).resolve().parent.glob("*_20[0-9][0-9]"))
_REALTIME = pathlib.Path(__file__).resolve().parent / "apps" / "realtime"
_NAMES = ("models", "utils", "run_fusion")  # in every method's folder
_loaded: dict[pathlib.Path, dict[str, types.ModuleType]] = {}  # of each folder, by their names
_open: list[pathlib.Path] = []  # folders in `_only`, the innermost last


def _take_out() -> dict[str, types.ModuleType]:
    """Remove the modules of whatever folder from `sys.modules`, and return them."""
    names = [name for name in sys.modules if name.partition(".")[0] in _NAMES]
    return {name: sys.modules.pop(name) for name in names}


@contextlib.contextmanager
def _only(folder: pathlib.Path) -> collections.abc.Iterator[None]:
    """Let `_NAMES` be the modules of a folder, and put everything back afterwards."""
    if _open[-1:] == [folder]:  # they are
        yield
        return
    path, others = sys.path.copy(), _take_out()
    sys.path.insert(0, str(folder))
    sys.modules.update(_loaded.get(folder, {}))
    _open.append(folder)
    try:
        yield
    finally:
        _open.pop()
        _loaded[folder] = _take_out()
        sys.modules.update(others)
        sys.path[:] = path


@functools.cache
def _fusion_class(folder: pathlib.Path) -> typing.Any:
    with _only(folder):
        return importlib.import_module("utils.util_fusion").ImageFusion


def _entry(folder: pathlib.Path) -> collections.abc.Callable[..., typing.Any]:
    """Return the function that makes a method's `ImageFusion`."""

    def load(weights: str | pathlib.Path | None = None, **settings: typing.Any) -> typing.Any:
        chosen = pathlib.Path(weights) if weights else None
        return _fusion_class(folder)(chosen, **settings)

    load.__name__ = folder.name.rpartition("_")[0].lower()
    load.__doc__ = f"""Return the `ImageFusion` of {folder.name}.

    Args:
        weights: A weights file or checkpoint; by default the one in {folder.name}/weights.
        settings: Keyword arguments of `ImageFusion` in {folder.name}/utils/util_fusion.py, such as
            `device`, `tile`, `color` and `stretch`.

    Raises:
        ValueError: weights that are absent, unreadable or another method's.
    """
    return load


for _folder in _FOLDERS:
    _function = _entry(_folder)
    globals()[_function.__name__] = _function


def _run_file(file: pathlib.Path) -> types.ModuleType:
    """Return a file's module; it is not in `sys.modules`, where the caller may have its name."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def _student_class(folder: pathlib.Path) -> typing.Any:
    with _only(folder):
        fusion = _run_file(_REALTIME / "fusion.py").StudentFusion
    return functools.partial(fusion, models=_run_file(_REALTIME / "models.py"))


def realtime(
    teacher: str = "u2fusion", weights: str | pathlib.Path | None = None, **settings: typing.Any
) -> typing.Any:
    """Return the `StudentFusion` of a method, see apps/realtime/README.md.

    Args:
        teacher: The method, as its own entry is called.
        weights: What `distill.py` has written; by default the file in apps/realtime/weights.
        settings: Keyword arguments of `StudentFusion`, such as `device`, `tile` and `color`.

    Raises:
        ValueError: no such teacher, or weights that are absent, unreadable or no student's.
    """
    folders = {folder.name.rpartition("_")[0].lower(): folder for folder in _FOLDERS}
    if teacher not in folders:
        raise ValueError(f"no teacher {teacher!r}; there are {', '.join(folders)}")
    chosen = pathlib.Path(weights) if weights else _REALTIME / "weights" / teacher
    return _student_class(folders[teacher])(chosen, **settings)
