"""Run a command and write its time and peak memory: python run_with_peak_memory.py FILE COMMAND ...

On Linux the peak memory of a child process starts at the size of its parent. Methods are therefore
started by this small program, which imports nothing large, and not by the benchmark itself.
"""

import json
import subprocess
import sys
import time
from pathlib import Path


def main(file: str, *command: str) -> int:
    """Run the command, write seconds and MiB into `file`, as JSON, and return its exit status.

    The memory is left out where it is not counted.
    """
    start = time.perf_counter()
    status = subprocess.call(command)
    measured = {"seconds": round(time.perf_counter() - start, 4)}
    if peak := peak_mib(of_children=True):
        measured["peak_mib"] = peak
    Path(file).write_text(json.dumps(measured) + "\n", encoding="utf-8")
    return status


def peak_mib(of_children: bool = False) -> float | None:
    """Return the largest resident memory of this process or its children so far, MiB.

    None on Windows, which does not count it.
    """
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 2**10  # bytes per unit of ru_maxrss
    whose = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    return round(resource.getrusage(whose).ru_maxrss * unit / 2**20, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
