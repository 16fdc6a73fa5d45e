"""Frames at given times, exact and upright: what training and the report read."""

from collections.abc import Iterator, Sequence

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from hashtag2action.errors import VideoError
from hashtag2action.video.container import (
    Clock,
    VideoSource,
    frames_of,
    open_video,
    rotation_of,
)

# How much before the wanted time to seek: at first not at all; then earlier, where the first
# picture found is already too late (re-ordered pictures, poor indexes); at last from the start.
_STEPS_BACK_S = (0.0, 1.0, 5.0, None)


def decode_at(
    source: VideoSource, times_s: Sequence[float] | np.ndarray, short_side_px: int | None = None
) -> np.ndarray:
    """Return the pictures shown at given times, upright.

    The picture shown at a time is the last one that begins at or before it; times before the first
    picture get the first, times beyond the end the last. One seek, then forward.

    Args:
        source: Video file, or its bytes.
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
    pictures: list[np.ndarray] = []
    size: tuple[int, int] | None = None
    last: av.VideoFrame | None = None
    for frame in shown_at(source, times[order]):
        size = size or scaled_size(frame.width, frame.height, short_side_px)
        pictures.append(pictures[-1] if frame is last else to_rgb(frame, size))
        last = frame
    return np.stack([pictures[place] for place in np.argsort(order, kind="stable")])


def shown_at(source: VideoSource, times: np.ndarray) -> Iterator[av.VideoFrame]:
    """Yield the decoded picture shown at each of some ascending times, as `decode_at` does.

    The same object comes again where a picture lasts; at most two are held.

    Raises:
        VideoError: The file is no video, or not one picture could be decoded.
    """
    for back_s in _STEPS_BACK_S:
        from_start = back_s is None or times[0] - back_s <= 0
        with open_video(source) as container:
            stream = container.streams.video[0]
            clock = Clock(stream)
            if back_s is not None and not from_start:
                try:
                    container.seek(clock.stamp(times[0] - back_s), stream=stream)
                except FFmpegError:
                    continue
            frames = frames_of(container)
            first = next(frames, None)
            if first is None:
                if from_start:
                    break
                continue
            first_s = clock.time_s(first)
            if from_start or (first.pts is not None and first_s <= times[0]):
                yield from _pick(first, frames, clock, times)
                return
    raise VideoError("no frames")


def _pick(
    first: av.VideoFrame, rest: Iterator[av.VideoFrame], clock: Clock, times: np.ndarray
) -> Iterator[av.VideoFrame]:
    shown, next_one = first, next(rest, None)
    next_s = clock.time_s(next_one) if next_one is not None else float("inf")
    for time_s in times:
        while next_one is not None and next_s <= time_s:
            shown, next_one = next_one, next(rest, None)
            next_s = clock.time_s(next_one) if next_one is not None else float("inf")
        yield shown


def to_rgb(
    frame: av.VideoFrame,
    size: tuple[int, int] | None = None,
    scaler: VideoReformatter | None = None,
) -> np.ndarray:
    """Convert a decoded picture to upright RGB.

    Args:
        frame: A picture of any pixel format and depth; its own color space and range are used.
        size: (width, height) before rotation; None keeps the size.
        scaler: Kept for many pictures it spares setting one up for each, a third of the time.

    Returns:
        uint8 (H, W, 3).
    """
    width, height = size or (frame.width, frame.height)
    scaler = scaler or VideoReformatter()
    # One thread: its own choice waits for cores that other work of the pool has.
    rgb = scaler.reformat(frame, width, height, "rgb24", interpolation="AREA", threads=1)
    return np.ascontiguousarray(np.rot90(rgb.to_ndarray(), rotation_of(frame) // 90))


def scaled_size(width: int, height: int, short_side_px: int | None) -> tuple[int, int]:
    """Return (width, height) with the shorter side at a number of pixels, aspect kept."""
    if short_side_px is None:
        return width, height
    scale = short_side_px / min(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
