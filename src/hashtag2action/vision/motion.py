"""How much moves in a clip, at any frame rate: the change over a tenth of a second."""

from dataclasses import dataclass, field

import cv2
import numpy as np

STEP_S = 0.1
"""Time between two pictures compared; chosen: 2 to 6 frames of any usual rate."""
_STILL_CHANGE = 0.5  # gray levels; chosen: the noise an encoder leaves on a still picture


@dataclass
class MotionMeter:
    """Takes the frames of one video as they go by; keeps one number per step."""

    times_s: list[float] = field(default_factory=list)
    """End of each step."""
    changes: list[float] = field(default_factory=list)
    """Mean absolute change of luma over the step, 0 to 255."""
    _last: np.ndarray | None = None
    _last_s: float = 0.0

    def add(self, time_s: float, luma: np.ndarray) -> None:
        """Take the next frame's small luma, uint8 (h, w); it is kept, not copied."""
        if self._last is not None:
            # Half a millisecond of slack: 0.1 s is five frames of 50 only up to rounding.
            if time_s - self._last_s < STEP_S - 5e-4:
                return
            self.times_s.append(time_s)
            self.changes.append(cv2.norm(luma, self._last, cv2.NORM_L1) / luma.size)
        self._last, self._last_s = luma, time_s

    def between(self, start_s: float, end_s: float) -> np.ndarray:
        """Return the changes of the steps that lie inside a span, float64 (N,)."""
        ends = np.array(self.times_s)
        inside = (ends >= start_s + STEP_S) & (ends < end_s)
        return np.array(self.changes)[inside] if len(ends) else np.zeros(0)


def motion_score(changes: np.ndarray) -> float:
    """Return the mean change of a clip, 0 to 255; 0 for a clip of one step."""
    return float(changes.mean()) if len(changes) else 0.0


def still_fraction(changes: np.ndarray) -> float:
    """Return the share of steps in which nothing moves, 0 to 1; 1 for a clip of one step."""
    return float((changes < _STILL_CHANGE).mean()) if len(changes) else 1.0
