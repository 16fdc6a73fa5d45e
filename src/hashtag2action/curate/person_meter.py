"""The meter that looks for persons, a few pictures a second, several at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hashtag2action.curate.watch import FIRST_SAMPLE_S, Meter, Pace, Sight, Span
from hashtag2action.vision.persons import PersonDetector, Persons, person_evidence

_DETECTOR_BATCH = 16


@dataclass
class _Look:
    """What the detector found in one picture."""

    time_s: float
    persons: Persons
    height_px: int


class PersonMeter(Meter):
    """Who is seen in sampled pictures.

    Args:
        detector: An open detector.
        min_score: Score from which it means a person.
        samples_per_s: Pictures per second; the first of a scene come faster.
        long_side_px: Longer side of these pictures; larger ones are scaled down.
    """

    def __init__(
        self, detector: PersonDetector, min_score: float, samples_per_s: float, long_side_px: int
    ) -> None:
        self._detector = detector
        self._min_score = min_score
        self._long_side_px = long_side_px
        step_s = 1 / samples_per_s
        first_s = (FIRST_SAMPLE_S, FIRST_SAMPLE_S + step_s / 2, FIRST_SAMPLE_S + step_s)
        self._pace = Pace(step_s, first_s)
        self._waiting: list[tuple[float, np.ndarray]] = []
        self._looks: list[_Look] = []

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        if not self._pace.is_due(sight.time_s, is_abrupt=sight.is_abrupt):
            return
        self._waiting.append((sight.time_s, sight.frame.rgb(self._long_side_px)))
        if len(self._waiting) == _DETECTOR_BATCH:
            self.finish()

    def finish(self) -> None:
        """Look at what still waits."""
        if not self._waiting:
            return
        found = self._detector.detect([picture for _, picture in self._waiting])
        for (time_s, picture), persons in zip(self._waiting, found, strict=True):
            self._looks.append(_Look(time_s, persons, picture.shape[0]))
        self._waiting = []

    def between(self, span: Span) -> dict[str, Any]:
        """Return the persons of one scene."""
        looks = [look for look in self._looks if span.holds(look.time_s)]
        evidence = person_evidence(
            [look.persons for look in looks], [look.height_px for look in looks], self._min_score
        )
        return {
            "num_sampled_frames": len(looks),
            "person_fraction": evidence.fraction,
            "max_persons": evidence.max_persons,
            "person_score": evidence.mean_score,
            "person_height_fraction": evidence.height_fraction,
        }
