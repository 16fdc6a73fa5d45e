"""Where one scene ends and the next begins: scores from small frames, then decisions.

`SceneSignals` takes the frames of one video as they go by and keeps a few numbers and one tiny
picture of each. `SceneDetector` turns these into transitions; nothing in it opens a video, so a
threshold can be studied on signals alone.

A cut is a change between two neighboring frames that is large against the motion around it and
does not come undone within a quarter of a second, as a flash does. A dissolve is a stretch in which
every frame lies on the straight line between its two ends, and the ends show different things.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from hashtag2action.config import Config

SMALL_SIDE_PX = 36
"""Shorter side of the small luma grid, at least; chosen: 24 to 64 make no difference."""
NUM_LAGS = 6
"""Frames a change is followed for; a flash is shorter. Chosen: a quarter of a second at 25/s."""
_TINY_PX = 16
_NORMAL_CONTRAST, _LEAST_CONTRAST = 40.0, 15.0  # gray levels; chosen: a common and a dark picture
_HALF_WINDOWS_S = (0.16, 0.24, 0.32, 0.44, 0.60)  # chosen: dissolves of shorts last 0.3 to 1.2 s
_ABRUPT_CHANGE = 12.0  # chosen: half the detector's threshold; a wrong guess costs little
_MAX_UNEVENNESS = 0.15  # chosen: 0.1 to 0.2 make no difference

Kind = Literal["start", "cut", "dissolve"]


@dataclass(frozen=True)
class Transition:
    """How a scene begins."""

    frame: int
    """Index of the scene's first frame."""
    kind: Kind
    score: float
    """Strength, in the units of the detector's threshold for this kind; 0 at the start."""


@dataclass
class SceneSignals:
    """What scene detection keeps of each frame of one video."""

    changes: list[list[float]] = field(default_factory=list)
    """Mean absolute change from the frames 1, 2, ... before: luma, and a quarter of each chroma."""
    contrasts: list[float] = field(default_factory=list)
    """Standard deviation of luma."""
    tiny: list[np.ndarray] = field(default_factory=list)
    """Luma averaged to 16 x 16, uint8."""
    _recent: deque[np.ndarray] = field(default_factory=lambda: deque(maxlen=NUM_LAGS))

    def add(self, luma: np.ndarray, chroma: tuple[np.ndarray, np.ndarray], contrast: float) -> None:
        """Take the next frame.

        Args:
            luma: uint8 (h, w), contiguous, about `SMALL_SIDE_PX` on its shorter side.
            chroma: Two uint8 arrays on about half the grid, so that they weigh a quarter each.
            contrast: Standard deviation of luma.
        """
        small = np.concatenate([luma.ravel(), chroma[0].ravel(), chroma[1].ravel()])
        scale = 1 / luma.size
        row = [cv2.norm(small, past, cv2.NORM_L1) * scale for past in self._recent]
        self.changes.append(row + [np.inf] * (NUM_LAGS - len(row)))
        self._recent.appendleft(small)
        self.contrasts.append(contrast)
        self.tiny.append(cv2.resize(luma, (_TINY_PX, _TINY_PX), interpolation=cv2.INTER_AREA))

    def is_abrupt(self) -> bool:
        """Whether the last frame added may open a scene: a guess before its future is known."""
        if len(self.changes) < 2:
            return False
        jump, before = self.changes[-1][0], self.changes[-2][0]
        return jump >= _ABRUPT_CHANGE and (not np.isfinite(before) or jump >= 3 * before)


class SceneDetector(Config):
    """Thresholds of the scene detector."""

    cut_threshold: float = Field(default=20.0, gt=0)
    """Least adaptive change of a cut, gray levels. Chosen: on composed shorts every value from 15
    to 25 gives the same cuts."""
    motion_weight: float = Field(default=1.5, ge=0)
    """How many times the change around it is taken off a change."""
    motion_window_frames: int = Field(default=5, ge=1)
    """Frames on either side whose mean change counts as motion."""
    dissolves: bool = True
    """Look for dissolves and fades."""
    dissolve_threshold: float = Field(default=20.0, gt=0)
    """Least change between the two ends of a dissolve, in tiny luma, 0 to 255."""
    max_mix_error: float = Field(default=0.25, gt=0, lt=1)
    """Largest distance of a frame from the line between the ends, as a share of their change.
    Chosen: of composed dissolves 0.2 finds 90 % and 0.25 94 %; from 0.3 on motion is taken for
    one."""
    max_end_likeness: float = Field(default=0.6, gt=0, le=1)
    """Largest correlation of the two ends: light that changes in one scene is no dissolve."""
    min_scene_s: float = Field(default=0.2, ge=0)
    """Of two transitions closer than this, the stronger stays."""

    def find(self, signals: SceneSignals, times_s: np.ndarray) -> list[Transition]:
        """Return the scenes' beginnings in order; the first is always the start of the video.

        Args:
            signals: All frames of a video.
            times_s: float64 (N,), time of each frame, ascending.
        """
        changes = np.asarray(signals.changes, np.float32).reshape(-1, NUM_LAGS)
        contrasts = np.asarray(signals.contrasts, np.float32)
        scores = cut_scores(changes, contrasts, self.motion_weight, self.motion_window_frames)
        cuts = [
            Transition(int(frame), "cut", float(scores[frame]))
            for frame in _peaks(scores, self.cut_threshold)
        ]
        found = cuts
        if self.dissolves:
            tiny = np.stack(signals.tiny).reshape(len(times_s), -1)
            found = found + self._find_dissolves(tiny, times_s, [cut.frame for cut in cuts])
        return [Transition(0, "start", 0.0), *self._thin_out(found, times_s)]

    def _find_dissolves(
        self, tiny: np.ndarray, times_s: np.ndarray, cuts: list[int]
    ) -> list[Transition]:
        scores = np.zeros(len(tiny), np.float32)
        for half in _half_windows(times_s):
            mix = mix_measures(tiny, half)
            is_dissolve = (
                (mix.change >= self.dissolve_threshold)
                & (mix.error <= self.max_mix_error)
                & (mix.unevenness <= _MAX_UNEVENNESS)
                & (mix.likeness <= self.max_end_likeness)
            )
            for cut in cuts:  # A window across a cut says nothing about a dissolve.
                is_dissolve[max(0, cut - 2 * half) : cut + 1] = False
            strength = mix.change * (1 - mix.error) * (1 - 2 * mix.unevenness)
            inside = slice(half, len(tiny) - half)
            scores[inside] = np.maximum(scores[inside], np.where(is_dissolve, strength, 0))
        return [
            Transition(int(frame), "dissolve", float(scores[frame]))
            for frame in _peaks(scores, 1e-6)
        ]

    def _thin_out(self, found: list[Transition], times_s: np.ndarray) -> list[Transition]:
        kept: list[Transition] = []
        edges = [times_s[0], times_s[-1] + np.median(np.diff(times_s))] if len(times_s) > 1 else []
        # Cuts before dissolves: their place is known to the frame.
        for one in sorted(found, key=lambda one: (one.kind != "cut", -one.score)):
            others = [times_s[other.frame] for other in kept]
            gaps = np.abs(np.array([*others, *edges]) - times_s[one.frame])
            if len(gaps) and gaps.min() < self.min_scene_s:
                continue
            kept.append(one)
        return sorted(kept, key=lambda one: one.frame)


def cut_scores(
    changes: np.ndarray, contrasts: np.ndarray, motion_weight: float, window: int
) -> np.ndarray:
    """Score each frame as the first of a new scene.

    The change that lasts, less the motion around it, on the scale of a picture of normal contrast:
    a cut between two dark rooms changes few gray levels.

    Args:
        changes: float32 (N, lags), change from the frame k + 1 before; infinite where none is.
        contrasts: float32 (N,), standard deviation of luma.
        motion_weight: Times the motion is taken off.
        window: Frames on either side that count as motion.

    Returns:
        float32 (N,); 0 for the first frame.
    """
    num = len(changes)
    scores = np.zeros(num, np.float32)
    if num < 2:
        return scores
    jump = changes[:, 0].copy()
    jump[0] = 0
    lasting = jump.copy()
    for lag in range(1, changes.shape[1]):
        # Against the frames before the last one, and from the last one to the frames to come.
        lasting = np.minimum(lasting, changes[:, lag])
        lasting[:-lag] = np.minimum(lasting[:-lag], changes[lag:, lag])
    before, after = _mean_before(jump, window), _mean_before(jump[::-1], window)[::-1]
    motion = np.maximum(before, after)
    contrast = np.maximum(contrasts[:-1], contrasts[1:])
    scores[1:] = (lasting - motion_weight * motion)[1:] * (
        _NORMAL_CONTRAST / np.clip(contrast, _LEAST_CONTRAST, _NORMAL_CONTRAST)
    )
    return np.maximum(scores, 0)


@dataclass(frozen=True)
class MixMeasures:
    """How much the frames around each center look like a mix of the window's two ends."""

    change: np.ndarray
    """Mean absolute difference of the ends, 0 to 255."""
    error: np.ndarray
    """Largest mean distance from the line between the ends, as a share of their change."""
    unevenness: np.ndarray
    """Largest distance of a mixing share from an even ramp, 0 to 1."""
    likeness: np.ndarray
    """Correlation of the ends, -1 to 1; 0 where an end is flat, as in a fade."""


def mix_measures(tiny: np.ndarray, half: int) -> MixMeasures:
    """Measure every window of 2 * half + 1 frames; each array is float32 (N - 2 * half,).

    Args:
        tiny: uint8 (N, P), tiny luma pictures.
        half: Frames from the center to either end.
    """
    num = max(0, len(tiny) - 2 * half)
    pictures = tiny.astype(np.float32)
    first, last = pictures[:num], pictures[2 * half :][:num]
    line = last - first
    length = np.einsum("np,np->n", line, line) + 1e-6
    change = np.abs(line).mean(1)
    error = np.zeros(num, np.float32)
    unevenness = np.zeros(num, np.float32)
    for share in (0.25, 0.5, 0.75):
        place = round(2 * half * share)
        way = pictures[place : place + num] - first
        along = np.einsum("np,np->n", way, line) / length
        # Absolute, not squared: somebody who walks through a dissolve is a small part of it.
        across = np.abs(way - along[:, None] * line).mean(1)
        error = np.maximum(error, across / np.maximum(change, 1e-6))
        unevenness = np.maximum(unevenness, np.abs(along - place / (2 * half)))
    return MixMeasures(change, error, unevenness, _correlation(first, last))


def _correlation(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    # The constant, five gray levels of spread, lets flat pictures correlate with nothing.
    flat = 25.0 * first.shape[1]
    first = first - first.mean(1, keepdims=True)
    last = last - last.mean(1, keepdims=True)
    squares = np.einsum("np,np->n", first, first) + flat, np.einsum("np,np->n", last, last) + flat
    norms = np.sqrt(squares[0] * squares[1])
    return np.einsum("np,np->n", first, last) / norms


def _half_windows(times_s: np.ndarray) -> list[int]:
    if len(times_s) < 2:
        return []
    step_s = float(np.median(np.diff(times_s)))
    halves = {max(2, round(half_s / step_s)) for half_s in _HALF_WINDOWS_S}
    return sorted(half for half in halves if 2 * half < len(times_s))


def _mean_before(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of up to `window` values before each one; 0 where there is none."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(len(values))
    starts = np.maximum(0, ends - window)
    return ((sums[ends] - sums[starts]) / np.maximum(1, ends - starts)).astype(np.float32)


def _peaks(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the index of the largest score of each run of scores at or above a threshold."""
    above = np.flatnonzero(scores >= threshold)
    if not len(above):
        return above
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    return np.array([run[np.argmax(scores[run])] for run in runs])
