# From common_code/base/tests/common/test_files.py; edit it there, then tools/sync.py.
"""Files are written whole or not at all, and what killed processes left is cleared away."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import FOLDER
from utils.common.files import clear_leftovers, write_atomically

WRITER = """
import sys, time
from pathlib import Path
from utils.common.files import write_atomically

def fill(file):
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)

write_atomically(Path(sys.argv[1]), fill)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks open files by itself")
def test_leftovers_go_when_their_writer_is_dead(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "result.png")]
    writer = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        [temporary] = tmp_path.iterdir()
        clear_leftovers(tmp_path)
        assert [*tmp_path.iterdir()] == [temporary]  # it is still being written
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert [*tmp_path.iterdir()] == [temporary]
    clear_leftovers(tmp_path)
    assert not [*tmp_path.iterdir()]


def test_other_files_stay(tmp_path: Path) -> None:
    names = [".hidden", "a.tmp", ".a.tmp", ".a.png.x.tmp", "a.png.12.tmp"]
    for name in names:
        (tmp_path / name).touch()
    clear_leftovers(tmp_path)
    clear_leftovers(tmp_path / "absent")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_an_existing_file_is_replaced_only_if_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, lambda file: file.write(b"one"), replace=False)
    with pytest.raises(FileExistsError, match="another process has written this file"):
        write_atomically(path, lambda file: file.write(b"two"), replace=False)
    assert path.read_bytes() == b"one"
    write_atomically(path, lambda file: file.write(b"two"))
    assert path.read_bytes() == b"two"
    assert [*tmp_path.iterdir()] == [path]


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    test_an_existing_file_is_replaced_only_if_allowed(tmp_path)
