"""How many threads are fastest here and now."""

import os
import time
from typing import Any

import numpy as np

SIZE = (480, 640)  # pixels: of the images that are tried
ROUNDS = 4  # of each number of threads; the first warms up


def set_threads(fusion: Any, wanted: int) -> str:
    """Set PyTorch's number of threads, and return in words how it was chosen.

    On a busy machine one thread can be faster than two, so it is tried.

    Args:
        fusion: A `StudentFusion`.
        wanted: 0 for a trial, or for the variable OMP_NUM_THREADS if it is set.
    """
    import torch

    if wanted:
        torch.set_num_threads(wanted)
        return f"{wanted} (--threads)"
    if "OMP_NUM_THREADS" in os.environ:
        return f"{torch.get_num_threads()} (OMP_NUM_THREADS)"
    if fusion.device.type != "cpu":
        return f"{torch.get_num_threads()}, computing on {fusion.device.type}"
    most = torch.get_num_threads()
    seconds = {count: _time(fusion, count) for count in sorted({1, most // 2 or 1, most})}
    best = min(seconds, key=seconds.__getitem__)
    torch.set_num_threads(best)
    tried = ", ".join(f"{1000 * each:.0f} ms with {count}" for count, each in seconds.items())
    return f"{best} ({tried} for {SIZE[1]}x{SIZE[0]})"


def _time(fusion: Any, threads: int) -> float:
    """Return the least seconds that a pair takes."""
    import torch

    torch.set_num_threads(threads)
    pair = [np.random.default_rng(n).integers(0, 256, SIZE, dtype=np.uint8) for n in range(2)]
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        fusion.fuse(pair)
        times.append(time.perf_counter() - start)
    return min(times[1:])
