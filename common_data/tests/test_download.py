import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from public_sets.catalog import Archive, DataError
from public_sets.download import download, sha256_of

BODY = bytes(range(256)) * 4000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves BODY at /set.zip with ranges; /cut.zip breaks off once; the rest is 404."""

    asked: list[str | None]
    cut = True
    ranges = True

    def do_GET(self) -> None:
        kind = type(self)
        kind.asked.append(self.headers.get("Range"))
        if self.path not in ("/set.zip", "/cut.zip"):
            self.send_error(404)
            return
        wanted = self.headers.get("Range") if kind.ranges else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(BODY):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(BODY)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(BODY) - start))
        self.end_headers()
        body = BODY[start:]
        if self.path == "/cut.zip" and kind.cut:
            kind.cut, body = False, body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@pytest.fixture
def server() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Fresh", (Handler,), {"asked": [], "cut": True, "ranges": True})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{host.server_port}", handler
        host.shutdown()
        thread.join()


def test_known_checksum_and_second_call_without_network(
    server: tuple[str, type[Handler]], tmp_path: Path
) -> None:
    url, handler = server
    archive = Archive(f"{url}/set.zip", 1, hashlib.sha256(BODY).hexdigest())
    path = download(archive, tmp_path)
    assert path.read_bytes() == BODY
    assert not list(tmp_path.glob("*.part"))
    download(archive, tmp_path)
    assert handler.asked == [None]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_cut_download_goes_on(
    server: tuple[str, type[Handler]], tmp_path: Path, ranges: bool
) -> None:
    url, handler = server
    handler.ranges = ranges
    with pytest.raises(DataError, match=r"cut\.zip\.part is kept \(0\.5 MiB\): run again to go on"):
        download(Archive(f"{url}/cut.zip", 1), tmp_path)
    assert (tmp_path / "cut.zip.part").stat().st_size == len(BODY) // 2
    assert download(Archive(f"{url}/cut.zip", 1), tmp_path).read_bytes() == BODY
    assert handler.asked == [None, f"bytes={len(BODY) // 2}-"]


def test_a_part_that_is_too_long_is_dropped(
    server: tuple[str, type[Handler]], tmp_path: Path
) -> None:
    (tmp_path / "set.zip.part").write_bytes(BODY + b"x")
    with pytest.raises(DataError, match="416"):
        download(Archive(f"{server[0]}/set.zip", 1), tmp_path)
    assert download(Archive(f"{server[0]}/set.zip", 1), tmp_path).read_bytes() == BODY


def test_a_part_that_was_complete_is_taken(
    server: tuple[str, type[Handler]], tmp_path: Path
) -> None:
    (tmp_path / "set.zip.part").write_bytes(BODY)  # as a run leaves it that is killed at the end
    path = download(Archive(f"{server[0]}/set.zip", 1), tmp_path)
    assert path.read_bytes() == BODY
    assert server[1].asked == [f"bytes={len(BODY)}-"]


def test_wrong_checksum_removes_the_file(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="stated by its publisher"):
        download(Archive(f"{server[0]}/set.zip", 1, "0" * 64), tmp_path)
    assert not (tmp_path / "set.zip").exists()


def test_unknown_checksum_is_recorded_and_compared(
    server: tuple[str, type[Handler]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = Archive(f"{server[0]}/set.zip", 1)
    path = download(archive, tmp_path)
    record = tmp_path / "set.zip.sha256"
    assert record.read_text().split()[0] == sha256_of(path)
    assert "no published checksum" in capsys.readouterr().out
    path.unlink()
    record.write_text(f"{'1' * 64}  set.zip\n")
    with pytest.raises(DataError, match="recorded in"):
        download(archive, tmp_path)


def test_not_found_names_the_way_out(server: tuple[str, type[Handler]], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"404.*--source"):
        download(Archive(f"{server[0]}/gone.zip", 1), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_without_a_server_nothing_is_said_to_be_kept(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"refused; nothing was loaded; .* with --source"):
        download(Archive("http://127.0.0.1:9/set.zip", 1), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_without_a_server_an_earlier_part_is_kept(tmp_path: Path) -> None:
    part = tmp_path / "set.zip.part"
    part.write_bytes(BODY)
    with pytest.raises(DataError, match=r"refused; .*set\.zip\.part is kept \(1\.0 MiB\)"):
        download(Archive("http://127.0.0.1:9/set.zip", 1), tmp_path)
    assert part.read_bytes() == BODY


def test_archives_of_repositories_get_telling_names() -> None:
    archive = Archive("https://github.com/owner/Project/archive/refs/heads/main.zip", 1)
    assert archive.name == "Project-main.zip"
