"""Run a command and write its peak memory, MiB: python run_with_peak_memory.py FILE COMMAND ...

On Linux the peak memory of a child process starts at the size of its parent. Methods are therefore
started by this small program, which imports nothing large, and not by the benchmark itself.
"""

import subprocess
import sys
from pathlib import Path


def main(file: str, *command: str) -> int:
    """Run the command, write its peak memory into `file` and return its exit status.

    Nothing is written on Windows, which does not count the memory.
    """
    status = subprocess.call(command)
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 2**10  # bytes per unit of ru_maxrss
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
        Path(file).write_text(f"{peak / 2**20:.1f}\n", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
