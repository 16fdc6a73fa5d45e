"""All pictures of a video, once, in order: what the analysis measures while they go by.

The pictures are for signals only: they are decoded without the loop filter (see `container`), and
what is cheap to have is had from the decoder's own memory, without a copy.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter

from hashtag2action.errors import VideoError
from hashtag2action.video.container import Clock, frames_of, open_video, rotation_of
from hashtag2action.video.decode import scaled_size, to_rgb
from hashtag2action.video.probe import VideoInfo, describe

_PLANAR_YUV = re.compile(r"yuvj?4\d\dp(10le|12le)?")


@dataclass(frozen=True)
class TimedFrame:
    """One picture of a walk; as long as it is kept, so is the decoder's memory for it."""

    time_s: float
    picture: av.VideoFrame
    scaler: VideoReformatter = field(default_factory=VideoReformatter)
    """Of the walk: set up for its first picture, it need not be for the next."""

    def luma(self, step: int = 1) -> np.ndarray:
        """Return every n-th pixel of every n-th row of the luma, uint8 (H, W), not rotated.

        A view of the decoder's memory where the depth is 8 bits.
        """
        return plane_of(self.picture, 0, step)

    def planes(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return luma, and both chroma planes on a grid half as fine, uint8, not rotated.

        Args:
            step: Distance of the points of the luma grid, in pixels of the luma.
        """
        # Asked for once: making the list takes longer than all that is read of it.
        luma, blue, red = self.picture.planes[:3]
        ratio = luma.width / blue.width
        chroma_step = max(1, round(2 * step / ratio))
        bits = _bits(self.picture.format.name)
        return (
            _samples(luma, bits[0], step),
            _samples(blue, bits[1], chroma_step),
            _samples(red, bits[2], chroma_step),
        )

    def rgb(self, long_side_px: int) -> np.ndarray:
        """Return the upright picture, uint8 (H, W, 3), scaled down to a longer side if larger."""
        width, height = self.picture.width, self.picture.height
        scale = min(1.0, long_side_px / max(width, height))
        size = scaled_size(width, height, round(min(width, height) * scale))
        return to_rgb(self.picture, size, self.scaler)

    def small(self, long_side_px: int) -> av.VideoFrame:
        """Return the picture in planes of 8 bits, scaled down to a longer side if larger.

        It may be kept, and takes a third of the time of colors: `to_rgb` makes them of the few that
        are looked at.
        """
        width, height = self.picture.width, self.picture.height
        scale = min(1.0, long_side_px / max(width, height))
        size = scaled_size(width, height, round(min(width, height) * scale))
        is_twice = (width, height) == (2 * size[0], 2 * size[1])
        if is_twice and self.picture.format.name == "yuv420p" and not self.picture.rotation:
            return _halved(self.picture)
        # One thread: its own choice takes cores that other work of the pool has.
        return self.scaler.reformat(self.picture, *size, "yuv420p", interpolation="AREA", threads=1)

    def squeezed(self, width: int, height: int) -> np.ndarray:
        """Return the upright picture, uint8 (height, width, 3), squeezed into a size."""
        is_upright = rotation_of(self.picture) % 180 == 0
        return to_rgb(self.picture, (width, height) if is_upright else (height, width))


class Walk:
    """The pictures of one open video; iterate once, to the end.

    A change of size or pixel format in the middle is ironed out: every picture has the size of the
    first and planar YUV.
    """

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._frames = frames_of(container)
        first = next(self._frames, None)
        if first is None:
            raise VideoError(_how_far(0, container.streams.video[0].frames))
        self._first: av.VideoFrame | None = first
        self.info: VideoInfo = describe(container, first)
        self.num_frames_seen: int = 0
        self.end_s: float = 0.0
        """End of the last picture met so far."""

    def __iter__(self) -> Iterator[TimedFrame]:
        """Yield the pictures in the order of showing."""
        scaler = VideoReformatter()
        clock = Clock(self._container.streams.video[0])
        step_s = float(1 / self.info.frame_rate)
        assert self._first is not None, "a walk is walked once"
        frame: av.VideoFrame | None = self._first
        width, height = frame.width, frame.height
        self._first = None
        while frame is not None:
            time_s = clock.time_s(frame)
            self.num_frames_seen += 1
            self.end_s = time_s + step_s
            if (frame.width, frame.height) != (width, height) or not _is_planar(frame.format.name):
                frame = frame.reformat(width, height, format="yuv420p", threads=1)
            yield TimedFrame(time_s, frame, scaler)
            frame = next(self._frames, None)

    def check_complete(self, min_fraction: float) -> None:
        """Compare the pictures seen with those the container promised.

        Containers that do not count pictures may state how long they last.

        Raises:
            VideoError: Fewer than a fraction of the promised pictures, or of the time, came.
        """
        promised, stated_s = self.info.num_frames_promised, self.info.stated_s
        if promised and self.num_frames_seen < min_fraction * promised:
            raise VideoError(_how_far(self.num_frames_seen, promised))
        if not promised and stated_s and self.end_s < min_fraction * stated_s:
            raise VideoError(f"truncated, {self.end_s:.1f} of {stated_s:.1f} s")


@contextmanager
def walk_video(path: Path) -> Iterator[Walk]:
    """Open a video for one walk over all its pictures.

    Raises:
        VideoError: As `video.container.open_video`, or there is not one picture.
    """
    with open_video(path, is_for_signals=True) as container:
        yield Walk(container)


class Scratch:
    """Memory into which one plane after the other is copied before it is worked on.

    What a decoder left is in no cache. Read in order, all at once, it comes twice as fast as while
    it is scaled; memory asked for anew each time would cost what that spares.
    """

    def __init__(self) -> None:
        self._memory = np.empty((0, 0), np.uint8)

    def copy_of(self, plane: np.ndarray) -> np.ndarray:
        """Copy a plane or rows of it, uint8 (h, w); the copy is valid until the next."""
        if self._memory.shape != plane.shape:
            self._memory = np.empty(plane.shape, np.uint8)
        np.copyto(self._memory, plane)
        return self._memory


def upright(picture: np.ndarray, rotation_deg: int) -> np.ndarray:
    """Turn a plane or picture counterclockwise by a multiple of 90 degrees; a view."""
    return np.rot90(picture, rotation_deg // 90) if rotation_deg else picture


def _how_far(seen: int, promised: int) -> str:
    if promised:
        return f"truncated, {seen} of {promised} frames"
    return "no frames"


def _halved(frame: av.VideoFrame) -> av.VideoFrame:
    """Scale an upright yuv420p picture to a half over areas, in half of the scaler's time."""
    made = av.VideoFrame(frame.width // 2, frame.height // 2, frame.format.name)
    made.colorspace, made.color_range = frame.colorspace, frame.color_range
    for index, plane in enumerate(made.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # pyright: ignore
        size = plane.width, plane.height
        half = cv2.resize(plane_of(frame, index), size, interpolation=cv2.INTER_AREA)
        rows[: plane.height, : plane.width] = half
    return made


@cache
def _is_planar(pixel_format: str) -> bool:
    return _PLANAR_YUV.fullmatch(pixel_format) is not None


@cache
def _bits(pixel_format: str) -> tuple[int, ...]:
    """Return the depth of each component."""
    return tuple(component.bits for component in av.VideoFormat(pixel_format).components)


def plane_of(frame: av.VideoFrame, index: int, step: int = 1) -> np.ndarray:
    """Return every n-th pixel of every n-th row of a plane, uint8 (h, w).

    A view of the picture's memory where the depth is 8 bits.
    """
    return _samples(frame.planes[index], _bits(frame.format.name)[index], step)


def _samples(plane: VideoPlane, bits: int, step: int) -> np.ndarray:
    size = -(-plane.height // step), -(-plane.width // step)
    row = step * plane.line_size
    if bits == 8:
        return np.ndarray(size, np.uint8, plane, strides=(row, step))  # pyright: ignore
    deep = np.ndarray(size, np.uint16, plane, strides=(row, 2 * step))  # pyright: ignore
    return (deep >> (bits - 8)).astype(np.uint8)
