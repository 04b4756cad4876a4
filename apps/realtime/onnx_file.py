"""Fuse gray images with a student's ONNX file, for measurements; apps/onnx does all the rest."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.realtime.teacher import InputError

Luma = NDArray[np.float32]


def load_onnx(path: Path, threads: int = 0) -> Callable[[Sequence[Luma]], Luma]:
    """Return what fuses two whole lumas in [0, 1], (H, W) to (H, W), not clipped.

    Args:
        path: A file of `run_export.py`.
        threads: To compute with, 0 for all.

    Raises:
        InputError: onnxruntime is missing, or the file cannot be read.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError("ONNX files need onnxruntime: pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, which have no public name
        raise InputError(f"{path} is no ONNX file that onnxruntime reads: {error}") from error
    names = [each.name for each in session.get_inputs()]

    def fuse(pair: Sequence[Luma]) -> Luma:
        planes: list[Any] = [luma[None, None] for luma in pair]
        [fused] = session.run(None, dict(zip(names, planes, strict=True)))
        return np.asarray(fused)[0, 0]

    return fuse
