"""Where one scene ends and the next begins: scores from small frames, then decisions.

`SceneSignals` takes the frames of one video as they go by and keeps a few numbers and one tiny
picture of each. `AdaptiveScenes` turns these into transitions; nothing in it opens a video, so a
threshold can be studied on signals alone. Other detectors want pictures of their own: see
`SceneFinder` and `vision.scene_detectors`.

A cut is a change between two neighboring frames that is large against the motion around it and
does not come undone within a quarter of a second, as a flash does. For dissolves and fades see
`vision.dissolves`.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.video.walk import TimedFrame
from hashtag2action.vision.dissolves import TINY_PX, MixLimits, dissolve_scores, half_windows

SMALL_SIDE_PX = 36
"""Shorter side of the small luma grid, at least; chosen: 24 to 64 make no difference."""
NUM_LAGS = 6
"""Frames a change is followed for; a flash is shorter. Chosen: a quarter of a second at 25/s."""
_NORMAL_CONTRAST, _LEAST_CONTRAST = 40.0, 15.0  # gray levels; chosen: a common and a dark picture
_ABRUPT_CHANGE = 12.0  # chosen: half the detector's threshold; a wrong guess costs little

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

    least_jump: float = 0.0
    """Changes from one frame to the next below this are not followed any further; see
    `SceneFinder.least_jump`."""
    changes: list[list[float]] = field(default_factory=list)
    """Mean absolute change from the frames 1, 2, ... before: luma, and a quarter of each chroma;
    infinite where no such frame is or nobody asks."""
    contrasts: list[float] = field(default_factory=list)
    """Standard deviation of luma."""
    tiny: list[np.ndarray] = field(default_factory=list)
    """Luma averaged to 16 x 16, uint8."""
    _followed: int = 0
    """Frames for which the last jump is still to be followed."""
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
        row = [np.inf] * NUM_LAGS
        for lag, past in enumerate(self._recent):
            row[lag] = cv2.norm(small, past, cv2.NORM_L1) * scale
            if lag == 0:
                self._followed = NUM_LAGS if row[0] >= self.least_jump else self._followed - 1
            if self._followed <= 0:
                break
        self.changes.append(row)
        self._recent.appendleft(small)
        self.contrasts.append(contrast)
        self.tiny.append(cv2.resize(luma, (TINY_PX, TINY_PX), interpolation=cv2.INTER_AREA))

    def is_abrupt(self) -> bool:
        """Whether the last frame added may open a scene: a guess before its future is known."""
        if len(self.changes) < 2:
            return False
        jump, before = self.changes[-1][0], self.changes[-2][0]
        return jump >= _ABRUPT_CHANGE and (not np.isfinite(before) or jump >= 3 * before)


class SceneFinder(ABC):
    """Finds the scenes of one video while its pictures go by."""

    least_jump: float = 0.0
    """Least change between neighbors, gray levels, that could be a cut: six lags cost six times
    one, and next to no frame needs them."""

    def add(self, frame: TimedFrame) -> None:
        """Take the next picture, if the signals all detectors share are not enough."""
        return

    @abstractmethod
    def find(self, signals: SceneSignals, times_s: np.ndarray) -> list[Transition]:
        """Return the scenes' beginnings in order; the first is always the start of the video.

        Args:
            signals: All frames of a video.
            times_s: float64 (N,), time of each frame, ascending.
        """


class AdaptiveScenes(Config):
    """The default: change against the motion around it, and windows that look like a mix."""

    kind: Literal["adaptive"] = "adaptive"
    cut_threshold: float = Field(default=20.0, gt=0)
    """Least adaptive change of a cut, gray levels. Chosen: on composed shorts every value from 15
    to 25 gives the same cuts."""
    motion_weight: float = Field(default=1.5, ge=0)
    """How many times the change around it is taken off a change."""
    motion_window_frames: int = Field(default=5, ge=1)
    """Frames on either side whose mean change counts as motion."""
    dissolves: bool = True
    """Look for dissolves and fades."""
    dissolve_threshold: float = Field(default=8.0, gt=0)
    """Least change between the two ends of a dissolve, in tiny luma, 0 to 255. Chosen: of rendered
    dissolves 12 finds one in thirty less."""
    max_mix_doubt: float = Field(default=0.28, gt=0, lt=1)
    """Largest distance of a frame from the line between the ends, as a share of their change, plus
    `likeness_weight` times the likeness of the ends' edges. Chosen: the
    largest at which 394 real takes of one scene show no false one; rendered ones are found up to
    0.4, real ones 59 % here and 79 % at 0.34."""
    likeness_weight: float = Field(default=0.4, ge=0)
    """What likeness weighs: light that changes in one scene is no dissolve."""
    min_dip_log_odds: float = Field(default=6.0)
    """Least log odds of a dissolve whose mix is paler than its ends, whatever their likeness.
    Chosen: the smallest at which the takes the odds were fitted on show no more than one false."""
    min_scene_s: float = Field(default=0.2, ge=0)
    """Of two transitions closer than this, the stronger stays."""

    def open(self) -> Callable[[], SceneFinder]:
        """Return what makes a finder for each video."""
        return lambda: _AdaptiveFinder(self)

    def find(self, signals: SceneSignals, times_s: np.ndarray) -> list[Transition]:
        """Find scenes as `SceneFinder.find` has it."""
        changes = np.asarray(signals.changes, np.float32).reshape(-1, NUM_LAGS)
        contrasts = np.asarray(signals.contrasts, np.float32)
        scores = cut_scores(changes, contrasts, self.motion_weight, self.motion_window_frames)
        cuts = [
            Transition(int(frame), "cut", float(scores[frame]))
            for frame in peaks(scores, self.cut_threshold)
        ]
        found = cuts
        if self.dissolves:
            tiny = np.stack(signals.tiny).reshape(len(times_s), -1)
            found = found + self._find_dissolves(
                tiny, contrasts, times_s, [cut.frame for cut in cuts]
            )
        return in_order(found, times_s, self.min_scene_s)

    def _find_dissolves(
        self, tiny: np.ndarray, contrasts: np.ndarray, times_s: np.ndarray, cuts: list[int]
    ) -> list[Transition]:
        limits = MixLimits(
            self.dissolve_threshold,
            self.max_mix_doubt,
            self.likeness_weight,
            self.min_dip_log_odds,
        )
        scores = np.zeros(len(tiny), np.float32)
        reach = np.zeros(len(tiny), np.int64)
        for half in half_windows(times_s):
            here = dissolve_scores(tiny, contrasts, half, limits)
            for cut in cuts:  # A window across a cut says nothing about a dissolve.
                here[max(0, cut - half) : cut + half + 1] = 0
            reach = np.where(here > scores, half, reach)
            scores = np.maximum(scores, here)
        found: list[Transition] = []
        tops = peaks(scores, 1e-6)
        for frame in tops[np.argsort(-scores[tops], kind="stable")]:
            # A long dissolve fits more than one window: the strongest stands for all it covers.
            if all(abs(one.frame - frame) > reach[one.frame] for one in found):
                found.append(Transition(int(frame), "dissolve", float(scores[frame])))
        return found


class _AdaptiveFinder(SceneFinder):
    def __init__(self, settings: AdaptiveScenes) -> None:
        self._settings = settings
        # A jump counts by at most as much more in the darkest picture.
        self.least_jump = settings.cut_threshold * _LEAST_CONTRAST / _NORMAL_CONTRAST

    def find(self, signals: SceneSignals, times_s: np.ndarray) -> list[Transition]:
        return self._settings.find(signals, times_s)


def in_order(found: list[Transition], times_s: np.ndarray, min_scene_s: float) -> list[Transition]:
    """Put the start before transitions and drop the weaker of two that are too close.

    Args:
        found: Transitions in any order.
        times_s: float64 (N,), time of each frame, ascending.
        min_scene_s: Shortest scene; transitions nearer to either end of the video go as well.
    """
    kept: list[Transition] = []
    edges = [times_s[0], times_s[-1] + np.median(np.diff(times_s))] if len(times_s) > 1 else []
    # Cuts before dissolves: their place is known to the frame.
    for one in sorted(found, key=lambda one: (one.kind != "cut", -one.score)):
        others = [times_s[other.frame] for other in kept]
        gaps = np.abs(np.array([*others, *edges]) - times_s[one.frame])
        if len(gaps) and gaps.min() < min_scene_s:
            continue
        kept.append(one)
    return [Transition(0, "start", 0.0), *sorted(kept, key=lambda one: one.frame)]


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


def _mean_before(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of up to `window` values before each one; 0 where there is none."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    ends = np.arange(len(values))
    starts = np.maximum(0, ends - window)
    return ((sums[ends] - sums[starts]) / np.maximum(1, ends - starts)).astype(np.float32)


def peaks(scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the index of the largest score of each run of scores at or above a threshold."""
    above = np.flatnonzero(scores >= threshold)
    if not len(above):
        return above
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    return np.array([run[np.argmax(scores[run])] for run in runs])
