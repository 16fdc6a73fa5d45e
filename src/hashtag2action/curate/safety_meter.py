"""The meter that asks of sampled pictures whether they are safe."""

from typing import Any

from hashtag2action.curate.watch import FIRST_SAMPLE_S, Meter, Pace, Sight, Span
from hashtag2action.vision.safety import PICTURE_SIDE_PX, SafetyDetector


class SafetyMeter(Meter):
    """Safety scores of sampled pictures.

    Args:
        detector: An open detector.
        samples_per_s: Pictures per second; the first of a scene comes at once.
    """

    def __init__(self, detector: SafetyDetector, samples_per_s: float) -> None:
        self._detector = detector
        self._pace = Pace(1 / samples_per_s, (FIRST_SAMPLE_S,))
        self._scores: list[tuple[float, float]] = []

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        if not self._pace.is_due(sight.time_s, is_abrupt=sight.is_abrupt):
            return
        height, width = sight.luma.shape
        long_side_px = round(PICTURE_SIDE_PX * max(height, width) / min(height, width))
        score = self._detector.score(sight.frame.rgb(long_side_px))
        self._scores.append((sight.time_s, score))

    def between(self, span: Span) -> dict[str, Any]:
        """Return the scores of one scene; nothing where no picture was looked at."""
        scores = [score for time_s, score in self._scores if span.holds(time_s)]
        if not scores:
            return {}
        return {"unsafe_score": max(scores), "unsafe_mean_score": sum(scores) / len(scores)}
