"""Where to look, and how closely, in successive pictures of one take: most are answered already.

What a few pictures show holds for those beside them: a person who is surely seen in one place
before and after was there in between, and a picture that is not looked at shows what the nearest
one does. Such answers are marked as inferred. A picture that is the same as the last needs no other
answer, and where the likeliest of a take show nobody on a closer look, the others are left.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from hashtag2action.vision.boxes import shared_parts
from hashtag2action.vision.evidence import MIN_HAND
from hashtag2action.vision.persons import PersonDetector, Persons

MIN_SHARED = 0.3
"""Share of the smaller box inside the other from which a person is in the same place. Chosen."""
GAP = 4
"""Most pictures from one that is glanced at to the next, where one person is surely seen in one
place at both. Chosen: two and a half seconds, at two pictures a second."""
OPEN_GAP = 3
"""The same where the two do not settle it. Chosen: people come into a picture."""
FEW = 6
"""Pictures per closer look, at least one a take, before the rest is left at a glance. Chosen: a net
that errs on a picture seldom errs on another of the same take in the same way."""
ENOUGH = 0.5
"""Share of looks that surely show somebody, at least two, from which no more are taken. Chosen: it
is more than any rule asks for."""
NEAR = 0.6
"""Share of the least score that counts from which it is worth while to look on. Chosen: as for
finds that tracks carry."""
THUMB_PX = 48
"""Side of the thumbnails that pictures are compared by. Chosen: a cell is 5 px of a short side."""
MAX_CHANGE = 6
"""Largest change of a cell's gray, 0 to 255, between equal pictures. Chosen: above what an encoder
does to a still picture."""


def look_over(
    detector: PersonDetector,
    frames: Sequence[np.ndarray],
    min_score: float,
    thumbs: Sequence[np.ndarray] = (),
) -> list[Persons]:
    """Find persons in successive RGB frames of one take, each uint8 (H, W, 3).

    Args:
        detector: An open detector.
        frames: Pictures in order of time, all of one size.
        min_score: Score from which the detector means a person.
        thumbs: Small gray pictures, uint8 each, that tell equal frames; made of the frames if not
            given.
    """
    if not len(frames):
        return []
    twin = _twins(thumbs or [_thumb(frame) for frame in frames])
    take = _Take(detector, frames, sorted(set(twin)), min_score)
    take.glance()
    take.look_closely()
    answers = take.answers()
    return [answers[place] for place in twin]


class _Take:
    """What is known so far of the different pictures of one take."""

    def __init__(
        self,
        detector: PersonDetector,
        frames: Sequence[np.ndarray],
        places: list[int],
        min_score: float,
    ) -> None:
        self._detector = detector
        self._frames = frames
        self._places = places
        self._min_score = min_score
        self._found: dict[int, Persons] = {}
        """By number among the different pictures."""

    def glance(self) -> None:
        """Glance at every few pictures, and in between where two neighbors do not settle it."""
        num = len(self._places)
        num_due = min(num, max(2, -(-num // GAP)))
        # In the middle of equal parts: at its ends a take may still show the one beside it.
        due = [int((k + 0.5) * num / num_due) for k in range(num_due)]
        self._look(due, closely=False)
        middles = [
            (before + after) // 2
            for before, after in pairwise(due)
            if after - before > OPEN_GAP and self._same_person(before, after) is None
        ]
        self._look(middles, closely=False)
        # A detector without doubts looks no closer: where it sees nobody, it looks at all there is.
        if any(not (one.is_doubtful or self._counts(one)) for one in self._found.values()):
            self._look(self._unseen(), closely=False)

    def look_closely(self) -> None:
        """Replace doubtful glances until enough show somebody; few, if they show hardly anybody."""
        num_first = max(1, round(len(self._places) / FEW))
        looked = self._look_at_likeliest(num_first)
        if not any(self._found[one].count(NEAR * self._min_score) for one in looked):
            return
        if not self._shows_enough():
            self._look(self._unseen(), closely=False)
            self._look_at_likeliest(len(self._places) // 2)

    def _look_at_likeliest(self, most: int) -> list[int]:
        """Look at doubtful pictures, the likeliest first, until enough show somebody."""
        middle = (len(self._places) - 1) / 2
        doubtful = [place for place, persons in self._found.items() if persons.is_doubtful]
        # Where nothing tells them apart, from the middle of the take outward.
        doubtful.sort(key=lambda place: (-self._found[place].best_score, abs(place - middle)))
        looked: list[int] = []
        for place in doubtful[:most]:
            if self._shows_enough():
                break
            self._look([place], closely=True, parts=self._may_show_hands())
            looked.append(place)
        return looked

    def _shows_enough(self) -> bool:
        shown = sum(not one.is_doubtful and self._counts(one) for one in self._found.values())
        return shown >= max(ENOUGH * len(self._found), min(2, len(self._found)))

    def _may_show_hands(self) -> bool:
        """Whether every picture in which hands were looked for shows some; one without settles it.

        For hands at work fill a take, or nearly.
        """
        hands = [one.hand for one in self._found.values() if one.hand is not None]
        return all(hand >= MIN_HAND for hand in hands)

    def _unseen(self) -> list[int]:
        return [number for number in range(len(self._places)) if number not in self._found]

    def _counts(self, persons: Persons) -> bool:
        return persons.count(self._min_score) > 0

    def _look(self, numbers: Sequence[int], *, closely: bool, parts: bool = False) -> None:
        frames = [self._frames[self._places[number]] for number in numbers]
        glances = [self._found[number] for number in numbers] if closely else []
        answers = self._detector.detect(frames, closely=closely, parts=parts, glances=glances)
        self._found |= dict(zip(numbers, answers, strict=True))

    def _same_person(self, before: int, after: int) -> Persons | None:
        """Return what pictures between two must show, if one person is surely seen at both."""
        one, other = self._found[before], self._found[after]
        for persons in (one, other):
            if persons.is_doubtful or not self._counts(persons):
                return None
        if shared_parts(one.boxes[:1], other.boxes[:1])[0, 0] < MIN_SHARED:
            return None
        boxes = (one.boxes[:1] + other.boxes[:1]) / 2
        return Persons(boxes, np.minimum(one.scores[:1], other.scores[:1]), is_inferred=True)

    def answers(self) -> dict[int, Persons]:
        """Return the answers to all different pictures, by place among all pictures."""
        known = sorted(self._found)
        answers = dict(self._found)
        for before, after in pairwise(known):
            between = self._same_person(before, after)
            for number in range(before + 1, after):
                nearest = before if number - before <= after - number else after
                answers[number] = between or self._copied(nearest)
        for number in range(known[0]):
            answers[number] = self._copied(known[0])
        for number in range(known[-1] + 1, len(self._places)):
            answers[number] = self._copied(known[-1])
        return {self._places[number]: persons for number, persons in answers.items()}

    def _copied(self, number: int) -> Persons:
        return replace(self._found[number], face=None, hand=None, is_inferred=True)


def _thumb(frame: np.ndarray) -> np.ndarray:
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(gray, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA))


def _twins(thumbs: Sequence[np.ndarray]) -> list[int]:
    """Return for each picture the first of the run of equal pictures that it stands in."""
    twin: list[int] = []
    last = np.zeros((0, 0), np.uint8)
    for place, gray in enumerate(thumbs):
        if place and cv2.norm(gray, last, cv2.NORM_INF) <= MAX_CHANGE:
            twin.append(twin[-1])
        else:
            twin.append(place)
            last = gray
    return twin
