"""Draw what the settings of a method do: `python tools/settings.py FOLDER/figure/settings.json`.

The file lists commands that are run in the repository, each with settings to compare, which are
more flags:

    [{"command": "DenseFuse_2019/run_fusion.py --vis vis/a.png --ir ir/a.png",
      "settings": ["--strategy addition", "--strategy max"]}]

The sheet shows the sources and the result of each setting, with the flags above it. It is written
beside the file as `settings.webp`.
"""

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools.contact_sheet import ROOT, Row, draw

COLUMNS = 4  # of the sheet; a command with more pictures goes on below
QUALITY = 80  # of the WebP file
NO_FLAG = "no flag"


def sources_of(command: str) -> Row:
    """Return the files that a command names, each with its flag."""
    found: Row = []
    flag = ""
    for word in shlex.split(command)[1:]:
        if word.startswith("--"):
            flag = word
        else:
            found.append((flag, ROOT / word))
    return found


def fuse(command: str, setting: str, folder: Path) -> Path:
    """Run a command with a setting, and return what it shows: labels if it made any.

    Raises:
        ValueError: The command failed.
    """
    result = folder / "result.png"
    words = [*shlex.split(command), *shlex.split(setting), "--output", str(result)]
    print(f"{words[0]} {setting or NO_FLAG}", flush=True)
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"{command} {setting}: {done.stderr.strip()}")
    overlay = folder / "segmentation" / "result_overlay.png"
    return overlay if overlay.is_file() else result


def find_rows(file: Path, scratch: Path) -> list[Row]:
    """Return the rows of the sheet, their results in a scratch folder.

    Raises:
        OSError, ValueError: The file cannot be read, or a command failed.
    """
    rows: list[Row] = []
    for number, line in enumerate(json.loads(file.read_text("utf-8"))):
        found = sources_of(line["command"])
        for index, setting in enumerate(line["settings"]):
            folder = scratch / f"{number}-{index}"
            folder.mkdir()
            found.append((setting or NO_FLAG, fuse(line["command"], setting, folder)))
        rows += [found[at : at + COLUMNS] for at in range(0, len(found), COLUMNS)]
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the sheet and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("file", type=Path, help="settings.json, with commands and settings")
    file = parser.parse_args(argv).file
    sheet = file.with_suffix(".webp")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            image = draw(find_rows(file, Path(scratch)))
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    if not cv2.imwrite(str(sheet), image, [cv2.IMWRITE_WEBP_QUALITY, QUALITY]):
        sys.exit(f"error: cannot write {sheet}")
    print(f"Sheet: {sheet}, {sheet.stat().st_size // 1000} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
