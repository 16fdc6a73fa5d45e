"""Two detectors, each correcting the other: a person is what both see in one place."""

from collections.abc import Sequence

import numpy as np

from hashtag2action.vision.boxes import shared_parts
from hashtag2action.vision.persons import PersonDetector, Persons

MIN_SHARED = 0.5
"""Share of the smaller box inside the other from which two boxes are one person. Chosen: detectors
draw a body's box differently, tight or as a square, so their union says little."""


class AgreeingDetector:
    """Persons on whom two detectors agree.

    Args:
        first: An open detector and the score from which it means a person; its boxes are given.
        second: The other.
    """

    def __init__(
        self, first: tuple[PersonDetector, float], second: tuple[PersonDetector, float]
    ) -> None:
        self._first, self._second = first, second

    def detect(
        self,
        frames: Sequence[np.ndarray],
        *,
        closely: bool = True,
        parts: bool = True,
        glances: Sequence[Persons] = (),
    ) -> list[Persons]:
        """Find persons in RGB frames, each uint8 (H, W, 3) of any size."""
        ones = self._first[0].detect(frames, closely=closely, parts=parts)
        others = self._second[0].detect(frames, closely=closely, parts=parts)
        return [self._agree(one, other) for one, other in zip(ones, others, strict=True)]

    def _agree(self, one: Persons, other: Persons) -> Persons:
        scores = leveled(one.scores, self._first[1])
        theirs = leveled(other.scores, self._second[1])
        same = shared_parts(one.boxes, other.boxes) >= MIN_SHARED
        best = np.where(same, theirs[None], 0).max(axis=1, initial=0)
        scores = np.minimum(scores, best).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        return Persons(
            one.boxes[order],
            scores[order],
            face=_surer(one.face, other.face),
            hand=_surer(one.hand, other.hand),
            is_doubtful=one.is_doubtful or other.is_doubtful,
        )


def leveled(scores: np.ndarray, min_score: float) -> np.ndarray:
    """Stretch scores in [0, 1] so that `min_score` comes to lie at 0.5."""
    low = 0.5 * scores / min_score
    high = 1 - 0.5 * (1 - scores) / max(1 - min_score, 1e-6)
    return np.where(scores < min_score, low, high)


def _surer(one: float | None, other: float | None) -> float | None:
    return max((score for score in (one, other) if score is not None), default=None)
