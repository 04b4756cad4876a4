# From common_code/base/tests/common/test_video_files.py; edit it there, then tools/sync.py.
"""Videos are read and written frame by frame, without loss where the format has none."""

import sys
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.clips import get_clip, get_lossless, moving, put_clip, put_lossless, rate_of
from tests.helpers import picture
from utils.common.video_read import VideoError, open_video
from utils.common.video_write import check_can_write, open_writer
from utils.utils import InputError

DEPTHS = [(channels, dtype) for channels in (1, 3) for dtype in (np.uint8, np.uint16)]


def write(path: Path, frames: list[np.ndarray], rate: Fraction = Fraction(25)) -> str:
    """Write frames and return the codec."""
    with closing(open_writer(path, rate, frames[0])) as writer:
        for frame in frames:
            writer.write(frame)
        writer.finish()
    assert writer.count == len(frames)
    return writer.codec


@pytest.mark.parametrize(("channels", "dtype"), DEPTHS)
def test_lossless_video_is_read_as_it_was_written(
    tmp_path: Path, channels: int, dtype: type
) -> None:
    frames = moving(0, channels=channels, dtype=dtype)
    video = open_video(put_lossless(tmp_path / "a.mkv", frames, Fraction(30000, 1001)))
    assert (video.rate, video.count()) == (Fraction(30000, 1001), 8)
    for found, frame in zip(video.frames(), frames, strict=True):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, frame)
    np.testing.assert_array_equal(next(video.frames(5)), frames[5])
    assert list(video.frames(8)) == []


@pytest.mark.parametrize(("channels", "dtype"), DEPTHS)
@pytest.mark.parametrize("size", [(48, 64), (33, 47)])
def test_lossless_video_is_written_as_it_is(
    tmp_path: Path, channels: int, dtype: type, size: tuple[int, int]
) -> None:
    pytest.importorskip("av", reason="pip install av")
    frames = [picture(seed, *size, channels, dtype) for seed in range(8)]
    path = tmp_path / "a.mkv"
    write(path, frames, Fraction(30000, 1001))
    np.testing.assert_array_equal(get_lossless(path), frames)
    assert rate_of(path) == pytest.approx(30000 / 1001)


@pytest.mark.parametrize("bits", [10, 12])
def test_ten_and_twelve_bits_fill_sixteen(tmp_path: Path, bits: int) -> None:
    most = 2**bits - 1
    frame = np.linspace(0, most, 48 * 64).reshape(48, 64).round().astype(np.uint16)
    path = put_lossless(tmp_path / "a.mkv", [frame] * 3, form=f"gray{bits}le")
    [first, *others] = open_video(path).frames()
    assert len(others) == 2
    assert (first.dtype, first.min(), first.max()) == (np.uint16, 0, 65535)
    np.testing.assert_array_equal(first, np.rint(frame / most * 65535))


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_video_of_a_camera(tmp_path: Path, suffix: str) -> None:
    path = put_clip(tmp_path / f"a{suffix}", moving(0, channels=3))
    video = open_video(path)
    assert (video.rate, video.stated, video.count()) == (25, 8, 8)
    np.testing.assert_array_equal(list(video.frames()), get_clip(path))
    np.testing.assert_array_equal(list(video.frames(3)), get_clip(path)[3:])


@pytest.mark.parametrize("without_av", [False, True])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".avi"])
@pytest.mark.parametrize("channels", [1, 3])
def test_usual_video_is_written_with_little_loss(
    tmp_path: Path,
    suffix: str,
    channels: int,
    without_av: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if without_av:
        monkeypatch.setitem(sys.modules, "av", None)
    path, frames = tmp_path / f"a{suffix}", moving(0, channels=channels)
    codec = write(path, frames, Fraction(24000, 1001))
    assert not (without_av and codec == "H.264")
    found = get_clip(path)
    assert len(found) == 8
    for pixels, frame in zip(found, frames, strict=True):
        assert np.abs(pixels - np.atleast_3d(frame).astype(float)).mean() < 8
    assert rate_of(path) == pytest.approx(24000 / 1001, abs=1e-3)


def test_what_a_container_cannot_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with pytest.raises(InputError, match=r"8 bits a channel and the result 16; .* in \.mkv"):
        check_can_write(path, picture(0, 48, 64, dtype=np.uint16))
    with pytest.raises(InputError, match=r"even width and height and the result is 47x48"):
        check_can_write(path, picture(0, 48, 47))


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "a.avi", Fraction(25), picture(0, 48, 64))
    writer.write(picture(0, 48, 64))
    with pytest.raises(InputError, match="all frames of a video must be alike"):
        writer.write(picture(0, 48, 62))
    writer.close()


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file become larger than 10,000 bytes, as on a disk that is nearly full."""
    resource = pytest.importorskip("resource", reason="Windows has no such limit")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.avi"])
def test_a_full_disk_is_an_error(tmp_path: Path, name: str) -> None:
    if name == "a.mkv":
        pytest.importorskip("av", reason="pip install av")
    noise = np.random.default_rng(0).integers(0, 256, (30, 48, 64, 3), np.uint8)
    with pytest.raises(OSError, match=r"File too large|of 30 frames could be written"):
        write(tmp_path / name, list(noise))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = put_lossless(tmp_path / "deep.mkv", moving(0, dtype=np.uint16))
    plain = put_lossless(tmp_path / "plain.mkv", moving(0))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(VideoError, match=r"deep\.mkv holds more than 8 bits .*: pip install av"):
        next(open_video(deep).frames())
    with pytest.raises(VideoError, match=r"fused\.mkv is written without loss.*: pip install av"):
        check_can_write(tmp_path / "fused.mkv")
    np.testing.assert_array_equal(list(open_video(plain).frames()), moving(0))


def test_what_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"no such file: .*a\.mp4"):
        open_video(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(b"no video at all" * 100)
    with pytest.raises(VideoError, match=r"a\.mp4 is not a video that can be decoded"):
        open_video(tmp_path / "a.mp4")
