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

    The memory is left out on Windows, which does not count it.
    """
    start = time.perf_counter()
    status = subprocess.call(command)
    measured = {"seconds": round(time.perf_counter() - start, 4)}
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 2**10  # bytes per unit of ru_maxrss
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
        measured["peak_mib"] = round(peak / 2**20, 1)
    Path(file).write_text(json.dumps(measured) + "\n", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
