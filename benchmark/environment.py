"""Machine, packages, command and git revision, as reports name them: without any folder."""

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmark import ROOT

PACKAGES = ("torch", "torchvision", "numpy", "opencv-python", "pytorch-msssim", "scipy")
FOLDERS = re.compile(r"(?<![\w.}/])(?:/[\w.@+-]+)+/(?=[\w.@+-])")  # of an absolute path
VERSIONS = """
import platform, sys
from importlib.metadata import PackageNotFoundError, version
print("Python", platform.python_version())
for name in sys.argv[1:]:
    try:
        print(name, version(name))
    except PackageNotFoundError:
        pass
"""


def without_folders(text: str) -> str:
    """Shorten absolute paths to their last part."""
    return FOLDERS.sub("", text)


def command_line(module: str, argv: Sequence[str]) -> str:
    """Return the command that runs a module with these arguments, absolute paths shortened."""
    return without_folders(shlex.join(["python", "-m", module, *argv]))


def child_environment() -> dict[str, str]:
    """Return the environment of a process that works in another folder and imports `benchmark`."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def resolve_device(device: str) -> str:
    """Return the device that `auto` stands for, and any other name unchanged."""
    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def describe_machine(device: str = "cpu") -> str:
    """Return processor, cores, memory, system, and the GPU if that is the device."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [processor(), f"{cores} cores"]
    if hasattr(os, "sysconf"):
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        parts.append(f"{memory / 2**30:.0f} GiB memory")
    if device.startswith("cuda") and torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name(device))
    return ", ".join([*parts, f"{platform.system()} {platform.machine()}"])


def processor() -> str:
    """Return the name of the processor, or of its architecture if the system does not know it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = re.search(r"^model name\s*:\s*(.+)$", info.read_text("utf-8"), re.MULTILINE)
        if named:
            return named[1].strip()
    return platform.processor() or platform.machine()


def versions(python: str = sys.executable, more: Sequence[str] = ()) -> str:
    """Return the versions of an interpreter and of the packages that scores depend on."""
    command = [python, "-c", VERSIONS, *PACKAGES, *more]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return ", ".join(answer.stdout.splitlines())


def revision(folder: Path) -> str | None:
    """Return the git revision of a folder, with `-dirty` if files differ; None outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
