"""Which pictures are looked at, and how closely, told from what a detector was asked."""

from collections.abc import Sequence

import numpy as np

from hashtag2action.vision.attention import look_over
from hashtag2action.vision.persons import Persons

Frames = Sequence[np.ndarray]


class Marks:
    """A detector of gray squares: the red of a picture's corner is its score at a glance, the green
    its score on a closer look."""

    def __init__(self) -> None:
        self.glances: list[int] = []
        self.closer: list[int] = []

    def detect(
        self, frames: Frames, *, closely: bool = True, glances: Sequence[Persons] = ()
    ) -> list[Persons]:
        found = []
        for frame in frames:
            number, glance, close = frame[0, 0, 2], frame[0, 0, 0] / 255, frame[0, 0, 1] / 255
            (self.closer if closely else self.glances).append(int(number))
            some = int((close if closely else glance) > 0)
            box = np.array([[10, 10, 30, 50]] * some, np.float32).reshape(-1, 4)
            score = np.array([close if closely else glance] * some, np.float32)
            found.append(Persons(box, score, is_doubtful=not closely and glance < 0.8))
        return found


def _take(*scores: tuple[float, float]) -> list[np.ndarray]:
    frames = []
    for number, (glance, close) in enumerate(scores):
        frame = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        frame[0, 0] = round(255 * glance), round(255 * close), number
        frames.append(frame)
    return frames


def test_a_person_surely_seen_before_and_after_was_there_in_between() -> None:
    detector = Marks()
    found = look_over(detector, _take(*[(0.9, 0.9)] * 7), 0.5)
    assert detector.glances == [0, 4, 6]
    assert detector.closer == []
    assert [persons.count(0.5) for persons in found] == [1] * 7


def test_a_picture_beside_a_doubtful_one_is_looked_at() -> None:
    detector = Marks()
    look_over(detector, _take((0.9, 1), (0.9, 1), (0.9, 1), (0.9, 1), (0.1, 1)), 0.5)
    assert sorted(detector.glances) == [0, 2, 3, 4]
    assert detector.closer == []


def test_a_take_that_mostly_shows_somebody_needs_no_closer_look() -> None:
    detector = Marks()
    look_over(detector, _take((0.9, 1), (0.1, 1), (0.1, 1)), 0.5)
    assert detector.closer == [2]
    detector = Marks()
    look_over(detector, _take((0.9, 1), (0.9, 1), (0.1, 1), (0.1, 1)), 0.5)
    assert detector.closer == []


def test_closer_looks_end_where_the_first_few_find_nobody() -> None:
    detector = Marks()
    found = look_over(detector, _take(*[(0.1, 0.1)] * 9), 0.5)
    assert len(detector.glances) == 9
    assert len(detector.closer) == 2
    assert not any(persons.count(0.5) for persons in found)


def test_closer_looks_go_on_where_they_find_somebody_until_half_show_one() -> None:
    detector = Marks()
    found = look_over(detector, _take(*[(0.1, 0.9)] * 9), 0.5)
    assert sorted(detector.closer) == [0, 1, 2, 5, 6, 7]
    assert sum(persons.count(0.5) for persons in found) == 6
    detector = Marks()
    look_over(detector, _take(*[(0.1, 0.9), (0.1, 0.3), (0.1, 0.3)] * 3), 0.5)
    assert sorted(detector.closer) == list(range(9))


def test_where_nothing_is_seen_every_second_picture_is_glanced_at() -> None:
    detector = Marks()
    found = look_over(detector, _take(*[(0.0, 0.0)] * 9), 0.5)
    assert sorted(detector.glances) == [0, 2, 4, 6, 8]
    assert len(detector.closer) == 2
    assert len(found) == 9


def test_near_misses_are_worth_more_closer_looks() -> None:
    detector = Marks()
    look_over(detector, _take(*[(0.1, 0.4)] * 9), 0.5)
    assert sorted(detector.closer) == list(range(9))


def test_equal_pictures_are_looked_at_once() -> None:
    detector = Marks()
    (frame,) = _take((0.1, 0.1))
    found = look_over(detector, [frame] * 8, 0.5)
    assert detector.glances == [0]
    assert len(found) == 8


def test_no_pictures_are_no_answers() -> None:
    assert look_over(Marks(), [], 0.5) == []
