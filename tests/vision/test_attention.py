"""Which pictures are looked at, and how closely, told from what a detector was asked."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hashtag2action.vision.attention import look_over
from hashtag2action.vision.persons import Persons

Frames = Sequence[np.ndarray]


class Marks:
    """A detector of gray squares: the red of a picture's corner is its score at a glance, the green
    its score on a closer look."""

    def __init__(self, hand: float = 0.0) -> None:
        self.hand = hand
        self.glances: list[int] = []
        self.closer: list[int] = []

    def detect(
        self,
        frames: Frames,
        *,
        closely: bool = True,
        parts: bool = True,
        glances: Sequence[Persons] = (),
    ) -> list[Persons]:
        found = []
        for frame in frames:
            number, glance, close = frame[0, 0, 2], frame[0, 0, 0] / 255, frame[0, 0, 1] / 255
            (self.closer if closely else self.glances).append(int(number))
            some = int((close if closely else glance) > 0)
            box = np.array([[10, 10, 30, 50]] * some, np.float32).reshape(-1, 4)
            score = np.array([close if closely else glance] * some, np.float32)
            hand = self.hand if closely and parts else None
            found.append(Persons(box, score, hand=hand, is_doubtful=not closely and glance < 0.8))
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
    assert detector.glances == [1, 5]
    assert detector.closer == []
    assert [persons.count(0.5) for persons in found] == [1] * 7
    assert [place for place, one in enumerate(found) if not one.is_inferred] == [1, 5]


def test_a_long_take_is_looked_at_every_two_seconds() -> None:
    detector = Marks()
    look_over(detector, _take(*[(0.9, 0.9)] * 16), 0.5)
    assert detector.glances == [2, 6, 10, 14]


def test_between_pictures_that_do_not_settle_it_another_is_glanced_at() -> None:
    detector = Marks()
    look_over(detector, _take(*[(0.9, 1)] * 6, *[(0.1, 0.1)] * 2), 0.5)
    assert detector.glances == [2, 6, 4]
    assert detector.closer == []


def test_one_sure_glance_asks_for_a_second_opinion() -> None:
    detector = Marks()
    look_over(detector, _take((0.9, 1), (0.9, 1), (0.1, 1), (0.1, 1)), 0.5)
    assert detector.glances == [1, 3]
    assert detector.closer == [3]


def test_closer_looks_end_where_the_first_few_find_nobody() -> None:
    detector = Marks()
    found = look_over(detector, _take(*[(0.1, 0.1)] * 12), 0.5)
    assert len(detector.glances) == 5
    assert len(detector.closer) == 2
    assert not any(persons.count(0.5) for persons in found)


def test_the_likeliest_picture_is_looked_at_first() -> None:
    detector = Marks()
    look_over(detector, _take(*[(0.1, 0.1)] * 4, (0.2, 0.1), (0.1, 0.1)), 0.5)
    assert detector.glances == [1, 4]
    assert detector.closer == [4]


def test_closer_looks_go_on_where_they_find_somebody_until_there_are_enough() -> None:
    detector = Marks()
    found = look_over(detector, _take(*[(0.1, 0.9)] * 6), 0.5)
    assert sorted(detector.glances) == list(range(6))
    assert len(detector.closer) == 3
    assert sum(persons.count(0.5) for persons in found) == 3
    detector = Marks()
    look_over(detector, _take(*[(0.1, 0.9), (0.1, 0.3), (0.1, 0.3)] * 3), 0.5)
    assert 0 < len(detector.closer) <= 6


def test_near_misses_are_worth_more_closer_looks() -> None:
    detector = Marks()
    look_over(detector, _take(*[(0.1, 0.4)] * 9), 0.5)
    assert sorted(detector.glances) == list(range(9))
    assert len(detector.closer) == 6


def test_hands_are_looked_for_until_a_picture_shows_none() -> None:
    take = _take(*[(0.1, 0.4)] * 9)
    idle, busy = (look_over(Marks(hand), take, 0.5) for hand in (0.2, 0.9))
    assert [one.hand for one in idle if one.hand is not None] == [0.2]
    assert [one.hand for one in busy if one.hand is not None] == [0.9] * 6


def test_a_detector_without_doubts_looks_at_every_picture_where_it_sees_nobody() -> None:
    class Sure(Marks):
        def detect(
            self,
            frames: Frames,
            *,
            closely: bool = True,
            parts: bool = True,
            glances: Sequence[Persons] = (),
        ) -> list[Persons]:
            found = super().detect(frames, closely=closely, parts=parts, glances=glances)
            return [replace(persons, is_doubtful=False) for persons in found]

    detector = Sure()
    found = look_over(detector, _take(*[(0.1, 0.1)] * 6, (0.9, 0.9)), 0.5)
    assert sorted(detector.glances) == list(range(7))
    assert detector.closer == []
    assert [persons.count(0.5) for persons in found] == [0] * 6 + [1]


def test_equal_pictures_are_looked_at_once() -> None:
    detector = Marks()
    (frame,) = _take((0.1, 0.1))
    found = look_over(detector, [frame] * 8, 0.5)
    assert detector.glances == [0]
    assert len(found) == 8


def test_no_pictures_are_no_answers() -> None:
    assert look_over(Marks(), [], 0.5) == []
