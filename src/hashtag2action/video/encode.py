"""Frames into a file: one way to write an mp4, used by everything that makes videos."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from hashtag2action.errors import VideoError

_MBTREE_WIDTH_PX = 128
"""Least width for x264's macroblock tree. Below eight macroblocks a row it reads memory that nobody
wrote, and the bytes of equal pictures differ from run to run (measured: 48 to 112 px differ, 120 px
and more do not)."""


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    frame_rate: Fraction | int,
    *,
    crf: int = 23,
    preset: str = "veryfast",
    gop: int | None = None,
    x264: Mapping[str, int] | None = None,
) -> None:
    """Encode RGB frames as H.264 in an mp4, beside the target first and renamed when complete.

    Args:
        path: Target; ends in .mp4. A file already there is replaced.
        frames: uint8 arrays (height, width, 3), all of one even size; consumed once, in order.
        frame_rate: Frames per second, exact.
        crf: Constant rate factor of libx264, 0 (lossless) to 51.
        preset: Speed of libx264, `ultrafast` to `veryslow`.
        gop: Largest distance between key frames, in frames; None leaves it to libx264.
        x264: Further settings of libx264 by their names in its own list.

    Raises:
        VideoError: There are no frames, or their sizes are odd or differ, or they are not uint8.
    """
    beside = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        _encode(beside, frames, Fraction(frame_rate), _options(crf, preset, gop), x264 or {})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _options(crf: int, preset: str, gop: int | None) -> dict[str, str]:
    options = {"crf": str(crf), "preset": preset, "threads": "1"}
    if gop is not None:
        options["g"] = str(gop)
    return options


def _encode(
    path: Path,
    frames: Iterable[np.ndarray],
    frame_rate: Fraction,
    options: dict[str, str],
    x264: Mapping[str, int],
) -> None:
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise VideoError(f"{path.name}: there are no frames to write")
    _check(first, first.shape)
    if first.shape[1] < _MBTREE_WIDTH_PX:
        x264 = {**x264, "mbtree": 0}
    if x264:
        said = ":".join(f"{name}={value}" for name, value in x264.items())
        options = options | {"x264-params": said}
    # One thread: the bytes do not depend on the number of cores, and pools bring their own cores.
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=frame_rate, options=options)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.thread_count = 1
        stream.codec_context.colorspace = Colorspace.SMPTE170M
        stream.codec_context.color_range = ColorRange.MPEG
        for index, frame in enumerate(_chain(first, iterator)):
            _check(frame, first.shape)
            # OpenCV's conversion (BT.601, limited range) is several times faster than swscale's.
            planes = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8)
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts = index
            picture.time_base = 1 / frame_rate
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def _chain(first: np.ndarray, rest: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    yield first
    yield from rest


def _check(frame: np.ndarray, shape: tuple[int, ...]) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise VideoError(
            f"expected uint8 frames (height, width, 3), found {frame.dtype} {frame.shape}"
        )
    if frame.shape != shape:
        raise VideoError(f"frames of one video have one size, found {shape} and {frame.shape}")
    if frame.shape[0] % 2 or frame.shape[1] % 2:
        raise VideoError(f"H.264 with 4:2:0 color needs an even size, found {frame.shape[:2]}")
