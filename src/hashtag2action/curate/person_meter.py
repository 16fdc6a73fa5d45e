"""The meter that looks for persons, a few pictures a second, several at a time."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, overload

import av
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from hashtag2action.curate.watch import FIRST_SAMPLE_S, Meter, Pace, Sight, Span
from hashtag2action.video.container import rotation_of
from hashtag2action.video.decode import to_rgb
from hashtag2action.video.walk import plane_of
from hashtag2action.vision.attention import THUMB_PX, look_over
from hashtag2action.vision.evidence import Look, person_evidence
from hashtag2action.vision.persons import PersonDetector

_MOST_WAITING = 16  # pictures; more are looked at before the take has ended, to bound memory


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
        self._waiting: list[tuple[int, float, av.VideoFrame]] = []
        self._looks: list[Look] = []

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        self._take += sight.is_abrupt
        if not self._pace.is_due(sight.time_s, is_abrupt=sight.is_abrupt):
            return
        small = sight.frame.small(self._long_side_px)
        self._waiting.append((self._take, sight.time_s, small))
        if len(self._waiting) >= _MOST_WAITING:
            self._look(is_at_end=False)

    def finish(self) -> None:
        """Look at what still waits."""
        self._look(is_at_end=True)

    def _look(self, *, is_at_end: bool) -> None:
        """Look at the takes that wait, the last one only if it will not go on or is long."""
        waiting, self._waiting = self._waiting, []
        for take, group in groupby(waiting, key=lambda sample: sample[0]):
            samples = list(group)
            if take == self._take and len(samples) < _MOST_WAITING and not is_at_end:
                self._waiting = samples
                return
            pictures = _Pictures([small for _, _, small in samples])
            found = look_over(self._detector, pictures, self._min_score, pictures.thumbs())
            for (_, time_s, small), persons in zip(samples, found, strict=True):
                sides = small.width, small.height
                if not pictures.is_upright:
                    sides = sides[::-1]
                self._looks.append(Look(time_s, persons, *sides))

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


class _Pictures(Sequence[np.ndarray]):
    """Upright RGB pictures, uint8 (H, W, 3), each made when it is first asked for."""

    def __init__(self, kept: Sequence[av.VideoFrame]) -> None:
        self._kept = kept
        self._made: dict[int, np.ndarray] = {}
        self._scaler = VideoReformatter()
        self.is_upright = rotation_of(kept[0]) % 180 == 0

    def thumbs(self) -> list[np.ndarray]:
        """Return what pictures are compared by, uint8 each, all of one size."""
        size = THUMB_PX, THUMB_PX
        return [
            np.asarray(cv2.resize(plane_of(one, 0), size, interpolation=cv2.INTER_LINEAR))
            for one in self._kept
        ]

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if index not in self._made:
            self._made[index] = to_rgb(self._kept[index], None, self._scaler)
        return self._made[index]

    def __len__(self) -> int:
        return len(self._kept)
