"""Fuse two cameras, network streams, files or pipes while they run, to a window or a video."""

import argparse
import os
import sys
import time
from collections.abc import Generator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from apps.realtime.streams import Stream, next_frames
from apps.realtime.teacher import InputError

TITLE = "fused"
USUAL_RATE = 25  # frames per second, of a stream that states none
LAST = 30  # frames whose mean speed is shown
QUIT = (ord("q"), 27)  # and Escape


def check_flags(args: argparse.Namespace) -> None:
    """Refuse flags that do not go with `--camera`; call it in `modules_of`.

    Raises:
        InputError: see above.
    """
    if not (args.window or args.output):
        raise InputError("--camera needs --window, or --output with a video to write")
    if args.camera[0] == args.camera[1]:
        raise InputError(f"--camera {args.camera[0]} is there twice; give two sources")
    if args.register != "none":
        raise InputError(
            "--camera takes a transform that is known: find it from a recording with "
            "--register_rig and --register_to, and give it with --register_from"
        )
    for flag in ("vis", "ir", "images", "pairs", "start", "shard"):
        if getattr(args, flag, None):
            raise InputError(f"--camera and --{flag} do not go together")
    if args.output:
        _check_output(args)
    if args.window:
        _check_display()


def _check_output(args: argparse.Namespace) -> None:
    """Refuse an `--output` that is no video, exists, or cannot be written here."""
    from utils.common.video_paths import WRITTEN
    from utils.common.video_read import VideoError
    from utils.common.video_write import check_can_write

    if args.output.suffix.lower() not in WRITTEN:
        raise InputError(f"--output {args.output} must end in one of {' '.join(WRITTEN)}")
    if args.output.exists() and not args.overwrite:
        raise InputError(f"{args.output} exists; --overwrite replaces it")
    try:
        check_can_write(args.output)
    except VideoError as error:
        raise InputError(str(error)) from error


def _check_display() -> None:
    """Refuse a window where there can be none; without this check, Qt ends the process."""
    remedy = "leave --window out and write a video with --output"
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise InputError(f"no display for --window: DISPLAY is not set; {remedy}")
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise InputError(f"OpenCV cannot open a --window here ({error.err}); {remedy}") from error


def fuse_cameras(fusion: Any, args: argparse.Namespace, reader: Any) -> int:
    """Fuse until a stream ends, `--frames` pairs are done, or the window is closed.

    Args:
        fusion: A `StudentFusion`.
        args: Parsed flags of `fuse.py`, which `check_flags` has found sound.
        reader: Reads the sources of a frame, see `Reader`.

    Returns:
        The exit status.

    Raises:
        InputError: a stream that cannot be opened, stalls or has no frame, or sources that do not
            go together.
    """
    from utils.common.files import new_file
    from utils.common.video import write_frames

    infrared, visible = map(Stream, args.camera)
    streams = [visible, infrared]
    fused = fuse_streams(streams, fusion, args, reader)
    try:
        if args.output:
            args.output.parent.mkdir(parents=True, exist_ok=True)
            first = next(fused, None)
            if first is not None:
                rate = rate_of(streams)
                with new_file(args.output, args.overwrite, args.output.suffix) as file:
                    write_frames(chain([first], fused), args.output, Path(file.name), rate)
                print(f"Output path: {args.output}")
        else:
            for _ in fused:
                pass
    finally:
        fused.close()
        for stream in streams:
            stream.stop()
        if args.window:
            cv2.destroyAllWindows()
    if not min(stream.count for stream in streams):
        empty = next(stream.name for stream in streams if not stream.count)
        raise InputError(f"{empty} ended without a frame")
    return 0


def rate_of(streams: Sequence[Stream]) -> Fraction:
    """Return the frame rate that a stream states, the slower of two."""
    stated = [stream.rate for stream in streams if 0 < stream.rate < 1000]
    return Fraction(min(stated, default=USUAL_RATE)).limit_denominator(1001)


def fuse_streams(
    streams: Sequence[Stream], fusion: Any, args: argparse.Namespace, reader: Any
) -> Generator[Any, None, None]:
    """Yield fused frames, show them if a window is wanted, and say why they end."""
    from utils.common.pairs import FusionJob
    from utils.common.sources import Notices
    from utils.common.video_read import GRAY
    from utils.common.video_sources import Frames, Smoothed

    paths = tuple(Path(stream.name) for stream in streams)
    job = FusionJob(paths, args.output or Path(TITLE), "pair")
    notices = Notices(args.verbose)
    inputs = steady = None
    times = [time.perf_counter()]
    bar = tqdm(total=args.frames, unit="frame")
    try:
        while args.frames is None or bar.n < args.frames:
            found = next_frames(streams, args.patience, lambda text: bar.write(f"note: {text}"))
            if found is None:
                _report_end(streams, bar)
                return
            if inputs is None:
                inputs, steady = Frames(rate_of(streams)), Smoothed(rate_of(streams))
            pixels = [
                frame[..., 0].copy()
                if stream.pixel_format in GRAY
                else cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                for stream, frame in zip(streams, found, strict=True)
            ]
            inputs.present = dict(zip(paths, pixels, strict=True))
            fused = fusion.fuse(reader(job, args, notices, inputs), steady=steady)
            bar.update()
            times = [*times[-LAST:], time.perf_counter()]
            if args.window and not show(fused, bar.n, (len(times) - 1) / (times[-1] - times[0])):
                return
            yield fused
    except KeyboardInterrupt:
        bar.write("note: stopped")
    finally:
        bar.close()
        notices.close()


def _report_end(streams: Sequence[Stream], bar: Any) -> None:
    """Print which stream has ended, and after how many frames."""
    for stream in streams:
        if stream.ended:
            bar.write(f"note: {stream.name} ended after {stream.count} frames")
    bar.write(f"note: {bar.n} pairs were fused")


def show(fused: Any, count: int, rate: float) -> bool:
    """Show a frame with its number and the speed; return False if the window is to close."""
    shown = cv2.cvtColor(fused, cv2.COLOR_RGB2BGR if fused.ndim == 3 else cv2.COLOR_GRAY2BGR)
    text = f"{count}  {rate:.1f} per second"
    cv2.putText(shown, text, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    cv2.imshow(TITLE, shown)
    pressed = cv2.waitKey(1) & 0xFF
    return pressed not in QUIT and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1
