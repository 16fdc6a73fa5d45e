"""Persons in frames: what is found, and what a detector is. Which there are: `person_detectors`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Persons:
    """What may be persons in one frame, best first.

    `boxes` is float32 (n, 4) of x0, y0, x1, y1 in pixels inside the frame; `scores` is float32
    (n,) in [0, 1]. Weak candidates are included, so that thresholds can be moved later: whoever
    counts persons counts those that reach the detector's `min_score`. `face` and `hand` are the
    scores, in [0, 1], of the surest face and hand anywhere in the frame, on a body or not; None
    where nobody looked for them. `is_doubtful` says that looking more closely may change the
    answer; `is_inferred`, that nobody looked at this frame, but at those beside it.
    """

    boxes: np.ndarray
    scores: np.ndarray
    face: float | None = None
    hand: float | None = None
    is_doubtful: bool = False
    is_inferred: bool = False
    notes: Any = None
    """What the detector itself wants back on a closer look; nobody else's business."""

    @property
    def best_score(self) -> float:
        """The surest candidate's score; 0 without a candidate."""
        return float(self.scores.max(initial=0.0))

    def count(self, min_score: float) -> int:
        """Return how many candidates reach a score."""
        return int(np.count_nonzero(self.scores >= min_score))


NOBODY = Persons(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class PersonDetector(Protocol):
    """Finds persons. A frame's answer does not depend on the frames beside it."""

    def detect(
        self,
        frames: Sequence[np.ndarray],
        *,
        closely: bool = True,
        parts: bool = True,
        glances: Sequence[Persons] = (),
    ) -> list[Persons]:
        """Look at RGB frames, each uint8 (H, W, 3) of any size; one answer a frame, in order.

        Args:
            frames: The frames.
            closely: False lets a detector that works in steps stop after the first and say which
                answers are doubtful; others ignore it.
            parts: False lets a detector that looks for faces and hands by themselves leave it;
                others ignore it.
            glances: The detector's own answers to the same frames with `closely` off, if there are
                any: they spare it the first step.
        """
        ...
