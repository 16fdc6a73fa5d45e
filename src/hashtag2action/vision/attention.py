"""Where to look, and how closely, in successive pictures of one take: most are answered already.

A person surely seen in one place before and after a picture was there in between; where nothing at
all was seen before and after, there was nothing; a picture that is the same as the last needs no
other answer; and where the first closer looks at a take find nobody, more are seldom worth it.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from hashtag2action.vision.boxes import shared_parts
from hashtag2action.vision.persons import PersonDetector, Persons

MIN_SHARED = 0.3
"""Share of the smaller box inside the other from which a person is in the same place. Chosen."""
STRIDE = 4
"""Pictures from one that is looked at in any case to the next. Chosen: two seconds, at two pictures
a second; in between it is looked where the two ends do not settle it."""
EMPTY_STRIDE = 2
"""The same where nothing was seen: one second. Chosen: people come into a picture."""
FEW = 4
"""Pictures per closer look, at least one a take, before the rest is left at a glance. Chosen: a net
that errs on a picture seldom errs on another of the same take in the same way."""
ENOUGH = 0.5
"""Share of doubtful pictures up to which a take is left as it is, and of those without a person
up to which no more are looked at. Chosen: the rest show somebody, more than any rule asks for."""
NEAR = 0.6
"""Share of the least score that counts from which it is worth while to look on. Chosen: as for
finds that tracks carry."""
THUMB_PX = 48
"""Side of the thumbnails that pictures are compared by. Chosen: a cell is 5 px of a short side."""
MAX_CHANGE = 6
"""Largest change of a cell's gray, 0 to 255, between equal pictures. Chosen: above what an encoder
does to a still picture."""


def look_over(
    detector: PersonDetector, frames: Sequence[np.ndarray], min_score: float
) -> list[Persons]:
    """Find persons in successive RGB frames of one take, each uint8 (H, W, 3).

    Args:
        detector: An open detector.
        frames: Pictures in order of time, all of one size.
        min_score: Score from which the detector means a person.
    """
    twin = _twins(frames)
    own = [place for place in range(len(frames)) if twin[place] == place]
    found = _glances(detector, [frames[place] for place in own], min_score)
    _look_closely(detector, [frames[place] for place in own], found, min_score)
    answers = dict(zip(own, found, strict=True))
    return [answers[place] for place in twin]


def _glances(
    detector: PersonDetector, frames: Sequence[np.ndarray], min_score: float
) -> list[Persons]:
    """Glance at every few pictures, and in between where two neighbors do not settle it."""
    found: dict[int, Persons] = {}
    due = sorted({*range(0, len(frames), STRIDE), len(frames) - 1} - {-1})
    spans = list(pairwise(due))
    while due:
        answers = detector.detect([frames[place] for place in due], closely=False)
        found |= dict(zip(due, answers, strict=True))
        due, open_spans = [], []
        for first, last in spans:
            between = _in_between(found[first], found[last], last - first, min_score)
            if between is not None:
                found |= dict.fromkeys(range(first + 1, last), between)
            elif last - first > 1:
                middle = (first + last) // 2
                due.append(middle)
                open_spans += [(first, middle), (middle, last)]
        spans = open_spans
    return [found[place] for place in range(len(frames))]


def _in_between(before: Persons, after: Persons, distance: int, min_score: float) -> Persons | None:
    """Return what pictures between two must show, if the two settle it."""
    if not len(before.scores) and not len(after.scores):
        return replace(before, notes=None) if distance <= EMPTY_STRIDE else None
    for persons in (before, after):
        if persons.is_doubtful or not persons.count(min_score):
            return None
    if shared_parts(before.boxes[:1], after.boxes[:1])[0, 0] < MIN_SHARED:
        return None
    boxes = (before.boxes[:1] + after.boxes[:1]) / 2
    return Persons(boxes, np.minimum(before.scores[:1], after.scores[:1]))


def _look_closely(
    detector: PersonDetector,
    frames: Sequence[np.ndarray],
    found: list[Persons],
    min_score: float,
) -> None:
    """Replace doubtful glances, if they are many; all, unless the first few find hardly anybody."""
    doubtful = [place for place, persons in enumerate(found) if persons.is_doubtful]
    if len(doubtful) <= ENOUGH * len(found):
        return
    num_first = max(1, round(len(doubtful) / FEW))
    step = max(1, len(doubtful) // num_first)
    first = doubtful[step // 2 :: step][:num_first]
    rest = [place for place in doubtful if place not in first]
    # Spread over the take, a few at a time: the sooner there are enough, the fewer are looked at.
    for places in (first, *(rest[start::FEW] for start in range(min(FEW, len(rest))))):
        glances = [found[place] for place in places]
        answers = detector.detect([frames[place] for place in places], glances=glances)
        for place, persons in zip(places, answers, strict=True):
            found[place] = persons
        shown = sum(persons.count(min_score) > 0 for persons in found)
        if shown >= (1 - ENOUGH) * len(found):
            return
        if places is first and not any(one.count(NEAR * min_score) for one in answers):
            return


def _twins(frames: Sequence[np.ndarray]) -> list[int]:
    """Return for each picture the first of the run of equal pictures that it stands in."""
    twin: list[int] = []
    last = np.zeros((0, 0), np.uint8)
    for place, frame in enumerate(frames):
        gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        gray = cv2.resize(gray, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA)
        if place and cv2.norm(gray, last, cv2.NORM_INF) <= MAX_CHANGE:
            twin.append(twin[-1])
        else:
            twin.append(place)
            last = gray
    return twin
