"""PySceneDetect's detectors (BSD-3-Clause), fed from the walk instead of a decode of their own.

They get what their own scene manager would give them, pictures scaled down, and each picture's
exact time instead of its number, so that a variable rate is no trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from hashtag2action.errors import MissingExtraError
from hashtag2action.video.walk import TimedFrame
from hashtag2action.vision.scenes import SceneFinder, SceneSignals, Transition, in_order

if TYPE_CHECKING:
    from scenedetect import ContentDetector

LONG_SIDE_PX = 256
"""Source: PySceneDetect scales pictures down to a width of 256 or a little more."""
_TICKS_PER_S = 90_000  # chosen: the clock of MPEG; no two pictures fall on one tick


def content_finders(threshold: float, min_scene_s: float) -> Callable[[], SceneFinder]:
    """Return what makes a finder of `ContentDetector` for each video.

    Raises:
        MissingExtraError: scenedetect is not installed.
    """
    library = _library()
    ticks = round(min_scene_s * _TICKS_PER_S)
    return lambda: _Finder(library, library.ContentDetector(threshold, ticks))


def rolling_finders(
    threshold: float, min_change: float, window: int, min_scene_s: float
) -> Callable[[], SceneFinder]:
    """Return what makes a finder of `AdaptiveDetector` for each video.

    Raises:
        MissingExtraError: scenedetect is not installed.
    """
    library = _library()
    ticks = round(min_scene_s * _TICKS_PER_S)
    return lambda: _Finder(library, library.AdaptiveDetector(threshold, ticks, window, min_change))


class _Finder(SceneFinder):
    def __init__(self, library: Any, detector: ContentDetector) -> None:
        self._library = library
        self._detector = detector
        self._rate = Fraction(_TICKS_PER_S)
        self._first_s: float | None = None
        self._ticks: list[int] = []
        self._changes: list[float] = []
        self._cuts: list[int] = []

    def add(self, frame: TimedFrame) -> None:
        """Show the detector the next picture."""
        if self._first_s is None:
            self._first_s = frame.time_s
        ticks = round((frame.time_s - self._first_s) * _TICKS_PER_S)
        picture = cv2.cvtColor(frame.rgb(LONG_SIDE_PX), cv2.COLOR_RGB2BGR)
        time = self._library.FrameTimecode(ticks, self._rate)
        self._cuts += [cut.frame_num for cut in self._detector.process_frame(time, picture)]
        self._ticks.append(ticks)
        # The detector tells its measure of change only to a statistics file.
        self._changes.append(float(self._detector._frame_score or 0))

    def find(self, signals: SceneSignals, times_s: np.ndarray) -> list[Transition]:
        """Return the start and what the detector has found."""
        frames = np.searchsorted(self._ticks, self._cuts)
        # Its own shortest scene has been applied; the start is no cut.
        cuts = [Transition(int(k), "cut", self._changes[k]) for k in frames if k > 0]
        return in_order(cuts, times_s, 0)


def _library() -> Any:
    try:
        import scenedetect
    except ImportError as error:
        raise MissingExtraError("scenedetect-headless", "scenes") from error
    return scenedetect
