"""Frames at given times, exact and upright: what training and the report read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError

from hashtag2action.errors import VideoError
from hashtag2action.video.container import Clock, frames_of, open_video, rotation_of

# How much before the wanted time to seek: at first not at all; then earlier, where the first
# picture found is already too late (re-ordered pictures, poor indexes); at last from the start.
_STEPS_BACK_S = (0.0, 1.0, 5.0, None)


def decode_at(
    path: Path, times_s: Sequence[float] | np.ndarray, short_side_px: int | None = None
) -> np.ndarray:
    """Return the pictures shown at given times, upright.

    The picture shown at a time is the last one that begins at or before it; times before the first
    picture get the first, times beyond the end the last. One seek, then forward.

    Args:
        path: Video file.
        times_s: Times in seconds, in any order.
        short_side_px: Scale so that the shorter side has this many pixels; None keeps the size.

    Returns:
        uint8 (T, H, W, 3), RGB, all of the size of the first picture.

    Raises:
        VideoError: The file is no video, or not one picture could be decoded.
    """
    times = np.asarray(times_s, np.float64)
    assert times.ndim == 1, f"expected times (T,), found shape {times.shape}"
    assert len(times), "expected at least one time"
    order = np.argsort(times, kind="stable")
    shown = _frames_shown(path, times[order])
    size = scaled_size(shown[0].width, shown[0].height, short_side_px)
    pictures = {id(frame): frame for frame in shown}
    converted = {key: to_rgb(frame, size) for key, frame in pictures.items()}
    return np.stack([converted[id(shown[place])] for place in np.argsort(order, kind="stable")])


def _frames_shown(path: Path, times: np.ndarray) -> list[av.VideoFrame]:
    """Return one frame per ascending time."""
    shown: list[av.VideoFrame] = []
    for back_s in _STEPS_BACK_S:
        from_start = back_s is None or times[0] - back_s <= 0
        with open_video(path) as container:
            stream = container.streams.video[0]
            if back_s is not None and not from_start:
                try:
                    container.seek(Clock(stream).stamp(times[0] - back_s), stream=stream)
                except FFmpegError:
                    continue
            shown, is_exact = _walk_to(frames_of(container), Clock(stream), times)
        if from_start or is_exact:
            break
    if not shown:
        raise VideoError("no frames")
    return shown


def _walk_to(
    frames: Iterator[av.VideoFrame], clock: Clock, times: np.ndarray
) -> tuple[list[av.VideoFrame], bool]:
    """Walk forward and pick; exact if the first picture met is not later than the first time."""
    shown: list[av.VideoFrame] = []
    last: av.VideoFrame | None = None
    is_exact = False
    for frame in frames:
        time_s = clock.time_s(frame)
        if last is None:
            is_exact = frame.pts is not None and time_s <= times[0]
            last = frame
        while len(shown) < len(times) and times[len(shown)] < time_s:
            shown.append(last)
        last = frame
        if len(shown) == len(times):
            break
    if last is None:
        return [], False
    return shown + [last] * (len(times) - len(shown)), is_exact


def to_rgb(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> np.ndarray:
    """Convert a decoded picture to upright RGB.

    Args:
        frame: A picture of any pixel format and depth; its own color space and range are used.
        size: (width, height) before rotation; None keeps the size.

    Returns:
        uint8 (H, W, 3).
    """
    width, height = size or (frame.width, frame.height)
    rgb = frame.reformat(width, height, format="rgb24", interpolation="AREA").to_ndarray()
    return np.ascontiguousarray(np.rot90(rgb, rotation_of(frame) // 90))


def scaled_size(width: int, height: int, short_side_px: int | None) -> tuple[int, int]:
    """Return (width, height) with the shorter side at a number of pixels, aspect kept."""
    if short_side_px is None:
        return width, height
    scale = short_side_px / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
