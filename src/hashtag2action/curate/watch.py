"""Looking at one video while it goes by: pictures to meters, and in the end a row per scene.

A measure is a `Meter`: it sees every picture once, decides then what to keep of it, and answers in
the end for any span. Memory must not grow with the pictures but by a few numbers each. To add one,
write a meter and list it in `AnalyzeVideos`; nothing here changes.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from hashtag2action.video.walk import TimedFrame, Walk
from hashtag2action.vision.scenes import SMALL_SIDE_PX, SceneFinder, SceneSignals, Transition

# After an abrupt change pictures are sampled anew, so that short scenes are seen and copies of a
# scene are sampled at the same moments of it, wherever it stands in its video.
FIRST_SAMPLE_S = 0.1
_LEAST_PACE_S = 0.3  # from one new beginning to the next: a flicker is not one at every frame
_MOST_HELD_PX = 6 * 2**20  # chosen: ten pictures of 576x1024, three of 1080x1920, one of 4K
_MOST_HELD = 16  # chosen: more spare next to nothing more


@dataclass(frozen=True)
class Sight:
    """One picture as the meters get it, valid until the next."""

    time_s: float
    frame: TimedFrame
    """The whole picture: ask it for more only when that is due, it costs."""
    luma: np.ndarray
    """Small luma, uint8 (h, w), contiguous, not rotated; may be kept."""
    chroma: tuple[np.ndarray, np.ndarray]
    """Both small chroma planes on half the grid, uint8; views, to be copied if kept."""
    mean: float
    """Mean of the small luma."""
    spread: float
    """Standard deviation of the small luma."""
    is_abrupt: bool
    """Whether this picture may open a scene: a guess before its future is known."""


@dataclass(frozen=True)
class Span:
    """One scene: its pictures and its times, both half open."""

    frames: slice
    """Which pictures, counted from 0 in the order of showing."""
    start_s: float
    end_s: float

    def holds(self, time_s: float) -> bool:
        """Whether a time lies in the span."""
        return self.start_s <= time_s < self.end_s


class Meter(ABC):
    """One measure of the pictures of one video."""

    @abstractmethod
    def add(self, sight: Sight) -> None:
        """Take the next picture."""

    def finish(self) -> None:
        """Take note that the last picture has come."""
        return

    @abstractmethod
    def between(self, span: Span) -> dict[str, Any]:
        """Return the columns of `records.CLIP` that this meter answers for, for one scene."""


class Pace:
    """Says which pictures are due: at even steps, begun anew shortly after an abrupt change."""

    def __init__(self, step_s: float, first_s: tuple[float, ...] = (FIRST_SAMPLE_S,)) -> None:
        self._step_s = step_s
        self._first_s = first_s
        self._restart_s = float("-inf")
        self._due_s: list[float] = []

    def is_due(self, time_s: float, *, is_abrupt: bool) -> bool:
        """Whether to look at the picture of this time; ask once per picture, in order."""
        if is_abrupt and time_s - self._restart_s >= _LEAST_PACE_S:
            self._restart_s = time_s
            self._due_s = [time_s + wait_s for wait_s in self._first_s]
        # Half a millisecond of slack: 0.1 s is five frames of 50 only up to rounding.
        if time_s < self._due_s[0] - 5e-4:
            return False
        due_s = self._due_s.pop(0)
        if not self._due_s:
            self._due_s.append(max(due_s + self._step_s, time_s + self._step_s / 2))
        return True


class Watch:
    """Shows the pictures of one walk to the meters, and sums up the scenes in the end."""

    def __init__(self, walk: Walk, meters: Sequence[Meter], scenes: SceneFinder) -> None:
        self._walk = walk
        self._scenes = scenes
        self._meters = meters
        self._step = max(1, min(walk.info.width_px, walk.info.height_px) // SMALL_SIDE_PX)
        num_px = walk.info.width_px * walk.info.height_px
        self._num_held = min(_MOST_HELD, max(1, _MOST_HELD_PX // num_px))
        self._times_s: list[float] = []
        self._signals = SceneSignals(scenes.least_jump)

    def run(self) -> None:
        """Look at every picture, to the end.

        Several in a row: between decodes, with all caches cold, each would take longer.
        """
        held: list[TimedFrame] = []
        for frame in self._walk:
            held.append(frame)
            if len(held) == self._num_held:
                self._show(held)
        self._show(held)
        for meter in self._meters:
            meter.finish()

    def _show(self, held: list[TimedFrame]) -> None:
        for frame in held:
            self._add(frame)
        held.clear()

    def _add(self, frame: TimedFrame) -> None:
        luma, *chroma = frame.planes(self._step)
        luma = np.ascontiguousarray(luma)
        mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(luma))
        both = chroma[0], chroma[1]
        self._times_s.append(frame.time_s)
        self._signals.add(luma, both, spread)
        self._scenes.add(frame)
        is_abrupt = len(self._times_s) == 1 or self._signals.is_abrupt()
        sight = Sight(frame.time_s, frame, luma, both, mean, spread, is_abrupt)
        for meter in self._meters:
            meter.add(sight)

    def clips(self, video_id: str) -> list[dict[str, Any]]:
        """Return one row per scene."""
        times = np.array(self._times_s)
        starts = self._scenes.find(self._signals, times)
        spans = self._spans(starts)
        longest = int(np.argmax([span.end_s - span.start_s for span in spans]))
        rows = []
        for index, (start, span) in enumerate(zip(starts, spans, strict=True)):
            row = self._video_columns() | {
                "clip_id": f"{video_id}-{index:03d}",
                "scene_index": index,
                "num_scenes": len(starts),
                "start_s": span.start_s,
                "end_s": span.end_s,
                "num_frames": span.frames.stop - span.frames.start,
                "is_longest_scene": index == longest,
                "opening_transition": start.kind,
                "cut_score": start.score,
            }
            for meter in self._meters:
                row |= meter.between(span)
            rows.append(row)
        return rows

    def _spans(self, starts: list[Transition]) -> list[Span]:
        bounds = [*(start.frame for start in starts), len(self._times_s)]
        times_s = [*self._times_s, self._walk.end_s]
        return [
            Span(slice(first, last), times_s[first], times_s[last])
            for first, last in pairwise(bounds)
        ]

    def _video_columns(self) -> dict[str, Any]:
        info = self._walk.info
        span_s = self._times_s[-1] - self._times_s[0]
        rate = (len(self._times_s) - 1) / span_s if span_s > 0 else float(info.frame_rate)
        return {
            "frame_rate": rate,
            "width_px": info.width_px,
            "height_px": info.height_px,
            "codec": info.codec,
            "num_frames_promised": info.num_frames_promised,
            "num_frames_seen": self._walk.num_frames_seen,
        }
