"""Frames of clips: decoded when asked, or decoded once and kept in memory.

A small training set visited a hundred times is decoded once: at a dozen frames a second and a
hundred pixels high it fits into memory, and a step costs crops alone.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip, FrameFiles, ShardMember
from hashtag2action.data.shards import read_member
from hashtag2action.errors import VideoError
from hashtag2action.video.folder import read_picture
from hashtag2action.video.moments import Moments, RgbReader, open_moments

Picture = UInt8[np.ndarray, "h w 3"]


class OnProgress(Protocol):
    """Told what is done, how many of how many, and perhaps a note."""

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        """Show it."""
        ...


class DecodeOnDemand(Config):
    """Decode the frames of every sample anew: any size of data set."""

    kind: Literal["on_demand"] = "on_demand"
    short_side_px: Annotated[int, Field(gt=0)] | None = None
    """Scale frames while decoding so that the shorter side has this many pixels; None keeps the
    file's size. Crops are taken from the scaled frames."""


class KeepInMemory(Config):
    """Decode every clip once, reduced, and keep it as bytes in memory: small sets."""

    kind: Literal["memory"] = "memory"
    short_side_px: Annotated[int, Field(gt=0)] = 96
    """Shorter side of the kept frames in pixels. Chosen: a third more than crops of 72."""
    frames_per_s: Annotated[float, Field(gt=0)] = 12.5
    """Kept frames per second; finer times than this are rounded down. Chosen: every second
    frame of 25."""


Decoding = Annotated[DecodeOnDemand | KeepInMemory, Field(discriminator="kind")]
"""Where frames come from while training."""


class OpenClip(Protocol):
    """A clip whose pictures can be had."""

    @property
    def span_s(self) -> tuple[float, float]:
        """Start and end within its video, seconds."""
        ...

    def pictures(self, times_s: np.ndarray) -> Iterator[tuple[range, Picture]]:
        """Yield the picture shown at each of some ascending times within the video.

        Yields:
            Places of the times at which a picture is shown, and the picture; valid until the next
            is asked for.

        Raises:
            VideoError: The video cannot be read.
        """
        ...


class FrameReader:
    """Give the frames of clips at times.

    Args:
        decoding: On demand, or from memory.
    """

    def __init__(self, decoding: Decoding) -> None:
        self.decoding = decoding
        self._kept: dict[str, _KeptClip] = {}

    def keep(
        self, clips: Sequence[Clip], on_progress: OnProgress | None = None
    ) -> dict[str, VideoError]:
        """Decode clips into memory, if that is how they are read.

        Returns:
            The clips that cannot be read, by id, with their errors.
        """
        if not isinstance(self.decoding, KeepInMemory):
            return {}
        broken: dict[str, VideoError] = {}
        for number, clip in enumerate(clips, start=1):
            try:
                self._keep(clip, self.decoding)
            except VideoError as error:
                broken[clip.clip_id] = error
            if on_progress is not None:
                on_progress("decode", number, len(clips))
        return broken

    @property
    def size_bytes(self) -> int:
        """Memory the kept frames take."""
        return sum(kept.frames.nbytes for kept in self._kept.values())

    @contextmanager
    def open(self, clip: Clip) -> Iterator[OpenClip]:
        """Open a clip: its file is opened once, whatever is asked of it.

        Raises:
            VideoError: The file cannot be read, or the clip is not within it.
        """
        if isinstance(self.decoding, KeepInMemory):
            if clip.clip_id not in self._kept:
                self._keep(clip, self.decoding)
            yield self._kept[clip.clip_id]
        else:
            with _open(clip, self.decoding.short_side_px) as opened:
                yield opened

    def span_s(self, clip: Clip) -> tuple[float, float]:
        """Return start and end of a clip in its video, seconds.

        Raises:
            VideoError: The end is not given, and the file does not tell.
        """
        with self.open(clip) as opened:
            return opened.span_s

    def at(self, clip: Clip, times_s: np.ndarray) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames shown at times, in seconds within the video and in any order.

        Raises:
            VideoError: The video cannot be read.
        """
        with self.open(clip) as opened:
            return frames_at(opened, times_s)

    def _keep(self, clip: Clip, decoding: KeepInMemory) -> None:
        with _open(clip, decoding.short_side_px) as opened:
            start_s, end_s = opened.span_s
            num_frames = max(1, int((end_s - start_s) * decoding.frames_per_s + 1e-3))
            times = start_s + np.arange(num_frames) / decoding.frames_per_s
            frames = frames_at(opened, times)
        self._kept[clip.clip_id] = _KeptClip((start_s, end_s), frames, decoding.frames_per_s)


def frames_at(opened: OpenClip, times_s: np.ndarray) -> UInt8[np.ndarray, "t h w 3"]:
    """Return the frames of an open clip at times in any order, all at once.

    Raises:
        VideoError: The video cannot be read.
    """
    order = np.argsort(times_s, kind="stable")
    frames: np.ndarray | None = None
    for places, picture in opened.pictures(times_s[order]):
        if frames is None:
            frames = np.empty((len(times_s), *picture.shape), np.uint8)
        frames[order[places.start : places.stop]] = picture
    assert frames is not None, "a clip that opens shows a picture at any time"
    return frames


@dataclass(frozen=True)
class _KeptClip:
    span_s: tuple[float, float]
    frames: UInt8[np.ndarray, "t h w 3"]
    frames_per_s: float

    def pictures(self, times_s: np.ndarray) -> Iterator[tuple[range, Picture]]:
        numbers = _numbers(times_s - self.span_s[0], self.frames_per_s, len(self.frames))
        for places, number in _runs(numbers):
            yield places, self.frames[number]


@dataclass(frozen=True)
class _PictureFolder:
    span_s: tuple[float, float]
    folder: Path
    part: FrameFiles
    short_side_px: int | None

    def pictures(self, times_s: np.ndarray) -> Iterator[tuple[range, Picture]]:
        numbers = _numbers(times_s, self.part.frames_per_s, self.part.num_frames)
        shape = None
        for places, number in _runs(numbers):
            file = self.folder / self.part.template.format(self.part.first + number)
            picture = read_picture(file, self.short_side_px)
            shape = shape or picture.shape
            if picture.shape != shape:
                raise VideoError(f"{file.name} has another size than those before")
            yield places, picture


@dataclass(frozen=True)
class _OpenVideo:
    span_s: tuple[float, float]
    moments: Moments
    short_side_px: int | None

    def pictures(self, times_s: np.ndarray) -> Iterator[tuple[range, Picture]]:
        rgb = RgbReader(self.short_side_px)
        for places, picture in self.moments.pictures(times_s):
            yield places, rgb.read(picture)


@contextmanager
def _open(clip: Clip, short_side_px: int | None) -> Iterator[OpenClip]:
    part = clip.part
    if isinstance(part, FrameFiles):
        span_s = _span(clip, part.num_frames / part.frames_per_s)
        yield _PictureFolder(span_s, clip.path, part, short_side_px)
        return
    source = read_member(part) if isinstance(part, ShardMember) else clip.path
    with open_moments(source) as moments:
        span_s = _span(clip, None if clip.end_s is not None else moments.end_s())
        yield _OpenVideo(span_s, moments, short_side_px)


def _span(clip: Clip, whole_s: float | None) -> tuple[float, float]:
    ends = [end_s for end_s in (clip.end_s, whole_s) if end_s is not None]
    if min(ends) <= clip.start_s:
        raise VideoError(f"ends at {min(ends)} s, before or at its start, {clip.start_s} s")
    return clip.start_s, min(ends)


def _numbers(times_s: np.ndarray, frames_per_s: float, num_frames: int) -> np.ndarray:
    # A thousandth of a frame: times on the grid must not fall before it by rounding.
    return np.floor(times_s * frames_per_s + 1e-3).astype(int).clip(0, num_frames - 1)


def _runs(numbers: np.ndarray) -> Iterator[tuple[range, int]]:
    """Yield where a number begins and ends in an ascending array, and the number."""
    begins = np.flatnonzero(np.diff(numbers, prepend=-1))
    for begin, end in zip(begins, [*begins[1:], len(numbers)], strict=True):
        yield range(begin, end), int(numbers[begin])
