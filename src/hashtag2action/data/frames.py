"""Frames of clips: decoded when asked, or decoded once and kept in memory.

A small training set visited a hundred times is decoded once: at a dozen frames a second and a
hundred pixels high it fits into memory, and a step costs crops alone.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip, FrameFiles, ShardMember
from hashtag2action.data.shards import read_member
from hashtag2action.errors import VideoError
from hashtag2action.video.container import VideoSource
from hashtag2action.video.decode import decode_at
from hashtag2action.video.folder import read_pictures
from hashtag2action.video.probe import probe_video


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


class FrameReader:
    """Give the frames of clips at times.

    Args:
        decoding: On demand, or from memory.
    """

    def __init__(self, decoding: Decoding) -> None:
        self.decoding = decoding
        self._kept: dict[str, UInt8[np.ndarray, "t h w 3"]] = {}
        self._spans: dict[str, tuple[float, float]] = {}

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
        return sum(frames.nbytes for frames in self._kept.values())

    def span_s(self, clip: Clip) -> tuple[float, float]:
        """Return start and end of a clip in its file, seconds.

        Raises:
            VideoError: The end is not given, and the file does not tell.
        """
        if clip.clip_id not in self._spans:
            end_s = clip.end_s
            if isinstance(clip.part, FrameFiles):
                whole_s = clip.part.num_frames / clip.part.frames_per_s
                end_s = whole_s if end_s is None else min(end_s, whole_s)
            elif end_s is None:
                info = probe_video(_source(clip))
                promised = info.num_frames_promised or 0
                end_s = info.duration_s or promised / float(info.frame_rate)
            if end_s <= clip.start_s:
                raise VideoError(f"ends at {end_s} s, before or at its start, {clip.start_s} s")
            self._spans[clip.clip_id] = (clip.start_s, end_s)
        return self._spans[clip.clip_id]

    def at(self, clip: Clip, times_s: np.ndarray) -> UInt8[np.ndarray, "t h w 3"]:
        """Return the frames shown at times, in seconds within the file.

        Raises:
            VideoError: The file cannot be read.
        """
        if isinstance(self.decoding, DecodeOnDemand):
            return _decode(clip, times_s, self.decoding.short_side_px)
        if clip.clip_id not in self._kept:
            self._keep(clip, self.decoding)
        kept, start_s = self._kept[clip.clip_id], self._spans[clip.clip_id][0]
        # A thousandth of a frame: times on the grid must not fall before it by rounding.
        places = np.floor((times_s - start_s) * self.decoding.frames_per_s + 1e-3).astype(int)
        return kept[places.clip(0, len(kept) - 1)]

    def _keep(self, clip: Clip, decoding: KeepInMemory) -> None:
        start_s, end_s = self.span_s(clip)
        num_frames = max(1, int((end_s - start_s) * decoding.frames_per_s + 1e-3))
        times = start_s + np.arange(num_frames) / decoding.frames_per_s
        self._kept[clip.clip_id] = _decode(clip, times, decoding.short_side_px)


def _decode(
    clip: Clip, times_s: np.ndarray, short_side_px: int | None
) -> UInt8[np.ndarray, "t h w 3"]:
    part = clip.part
    if not isinstance(part, FrameFiles):
        return decode_at(_source(clip), times_s, short_side_px)
    # A thousandth of a picture: times on the grid must not fall before it by rounding.
    places = np.floor(times_s * part.frames_per_s + 1e-3).astype(int)
    numbers = part.first + places.clip(0, part.num_frames - 1)
    return read_pictures(clip.path, part.template, numbers.tolist(), short_side_px)


def _source(clip: Clip) -> VideoSource:
    return read_member(clip.part) if isinstance(clip.part, ShardMember) else clip.path
