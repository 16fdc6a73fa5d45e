"""The meter that looks for persons, a few pictures a second, several at a time."""

from itertools import groupby
from typing import Any

import numpy as np

from hashtag2action.curate.watch import FIRST_SAMPLE_S, Meter, Pace, Sight, Span
from hashtag2action.vision.attention import look_over
from hashtag2action.vision.evidence import Look, person_evidence
from hashtag2action.vision.persons import PersonDetector

_MOST_WAITING = 16


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
        self._take = 0
        self._waiting: list[tuple[int, float, np.ndarray]] = []
        self._looks: list[Look] = []

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        self._take += sight.is_abrupt
        if not self._pace.is_due(sight.time_s, is_abrupt=sight.is_abrupt):
            return
        picture = sight.frame.rgb(self._long_side_px)
        self._waiting.append((self._take, sight.time_s, picture))
        if len(self._waiting) == _MOST_WAITING:
            self.finish()

    def finish(self) -> None:
        """Look at what still waits."""
        for _, group in groupby(self._waiting, key=lambda sample: sample[0]):
            samples = list(group)
            pictures = [picture for _, _, picture in samples]
            found = look_over(self._detector, pictures, self._min_score)
            for (_, time_s, picture), persons in zip(samples, found, strict=True):
                height, width = picture.shape[:2]
                self._looks.append(Look(time_s, persons, width, height))
        self._waiting = []

    def between(self, span: Span) -> dict[str, Any]:
        """Return the persons of one scene."""
        looks = [look for look in self._looks if span.holds(look.time_s)]
        evidence = person_evidence(looks, self._min_score)
        return {
            "num_sampled_frames": len(looks),
            "person_fraction": evidence.fraction,
            "max_persons": evidence.max_persons,
            "person_score": evidence.mean_score,
            "person_height_fraction": evidence.height_fraction,
            "face_fraction": evidence.face_fraction,
            "hand_fraction": evidence.hand_fraction,
            "person_track_times_s": list(evidence.track_times_s),
            "person_track_boxes": [list(box) for box in evidence.track_boxes],
        }
