"""A span of a video into a small file of its own."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from hashtag2action.errors import VideoError
from hashtag2action.video.decode import scaled_size, shown_at, to_rgb
from hashtag2action.video.encode import write_video
from hashtag2action.video.probe import probe_video

_MAX_FRAME_RATE = Fraction(60)
_MAX_DENOMINATOR = 1001  # 30000/1001 and its kin stay exact

Edit = Callable[[Callable[[], Iterator[np.ndarray]], float], Iterator[np.ndarray]]
"""Given what shows a clip's pictures from the first, as often as it is called, and their rate."""


def cut_clip(
    source: Path,
    target: Path,
    start_s: float,
    end_s: float,
    *,
    short_side_px: int,
    crf: int,
    preset: str,
    gop: int,
    x264: Mapping[str, int] | None = None,
    edit: Edit | None = None,
) -> int:
    """Encode a span as an upright H.264 mp4 of even size and constant rate, without sound.

    The target is written beside its place and renamed. Frames are exact: the first is the one
    shown at `start_s`, none is of `end_s` or later.

    Args:
        source: Video to cut from.
        target: File to write; its folder exists.
        start_s: First moment, seconds in the source.
        end_s: End, half open.
        short_side_px: Shorter side of the clip; a smaller source keeps its size.
        crf: Constant rate factor of libx264.
        preset: Speed of libx264.
        gop: Largest distance of key frames, in frames.
        x264: Further settings of libx264 by their names in its own list.
        edit: Changes the pictures on their way; None writes them as they are.

    Returns:
        Number of frames written.

    Raises:
        VideoError: The source cannot be read.
    """
    assert end_s > start_s, f"expected a span, found {start_s} to {end_s} s"
    rate = min(probe_video(source).frame_rate, _MAX_FRAME_RATE).limit_denominator(_MAX_DENOMINATOR)
    if rate <= 0:
        raise VideoError(f"its frame rate is {rate}")
    num_frames = max(1, round((end_s - start_s) * rate))
    # A quarter of a frame late: time stamps are rounded to the container's clock.
    times = start_s + (np.arange(num_frames) + 0.25) / float(rate)

    def pictures() -> Iterator[np.ndarray]:
        return _pictures(shown_at(source, times), short_side_px)

    frames = edit(pictures, float(rate)) if edit else pictures()
    write_video(target, frames, rate, crf=crf, preset=preset, gop=gop, x264=x264)
    return num_frames


def _pictures(frames: Iterator[av.VideoFrame], short_side_px: int) -> Iterator[np.ndarray]:
    size: tuple[int, int] | None = None
    for frame in frames:
        if size is None:
            short_side = min(short_side_px, frame.width, frame.height)
            size = scaled_size(frame.width, frame.height, short_side)
        picture = to_rgb(frame, size)
        height, width = (side - side % 2 for side in picture.shape[:2])
        if min(height, width) == 0:
            # H.264 cannot hold one pixel: the smallest picture is two by two.
            picture = cv2.resize(picture, (max(2, width), max(2, height)))
        yield np.ascontiguousarray(picture[: max(2, height), : max(2, width)])
