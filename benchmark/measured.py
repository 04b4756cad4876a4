"""Run a command and write its peak memory, MiB: python measured.py FILE COMMAND ...

Linux starts the count of a process at what the process that started it held. A large program
therefore starts others through this small one.
"""

import subprocess
import sys
from pathlib import Path


def main(file: str, *command: str) -> int:
    """Return the command's exit status; where the system counts no memory, write nothing."""
    status = subprocess.call(command)
    if sys.platform != "win32":
        import resource

        unit = 1 if sys.platform == "darwin" else 2**10  # bytes in one of ru_maxrss
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
        Path(file).write_text(f"{peak / 2**20:.1f}\n", encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
