"""What pictures of one scene say together: tracks, and what they carry."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.vision.evidence import Look, link, person_evidence
from hashtag2action.vision.persons import NOBODY, Persons


def _look(place: int, *finds: tuple[float, float]) -> Look:
    """Make a picture of 100 x 200 px, half a second after the last, with finds of x and score."""
    boxes = [[x, 20, x + 20, 120] for x, _ in finds]
    scores = [score for _, score in finds]
    persons = Persons(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32))
    return Look(place / 2, persons, 100, 200)


def _scene(*scores: float) -> list[Look]:
    return [_look(place, (40 + place, score)) for place, score in enumerate(scores)]


def test_evidence_counts_pictures_with_somebody_who_reaches_the_score() -> None:
    looks = [_look(0, (0, 0.9), (60, 0.8)), _look(1), _look(2), _look(3, (0, 0.75))]
    evidence = person_evidence(looks, min_score=0.7)
    assert evidence.fraction == 0.5
    assert evidence.max_persons == 2
    assert evidence.mean_score == pytest.approx((0.9 + 0.75) / 4)
    assert evidence.height_fraction == pytest.approx(0.5)


def test_weak_finds_count_in_a_track_with_two_strong_ones_only() -> None:
    assert person_evidence(_scene(0.9, 0.4, 0.9, 0.4), 0.5).fraction == 1
    assert person_evidence(_scene(0.9, 0.4, 0.4), 0.5).fraction == pytest.approx(1 / 3)
    assert person_evidence(_scene(0.4, 0.4, 0.4), 0.5).fraction == 0
    assert person_evidence(_scene(0.9, 0.1, 0.9), 0.5).fraction == pytest.approx(2 / 3)


def test_a_single_weak_find_makes_nobody() -> None:
    assert person_evidence(_scene(0.0, 0.6, 0.0), 0.5).fraction == 0
    assert person_evidence(_scene(0.0, 0.8, 0.0), 0.5).fraction == pytest.approx(1 / 3)
    assert person_evidence(_scene(0.0, 0.6, 0.35), 0.5).fraction == pytest.approx(1 / 3)
    assert person_evidence(_scene(0.6), 0.5).fraction == 1


def test_what_is_inferred_from_one_find_supports_no_track() -> None:
    looks = _scene(0.6, 0.6, 0.6)
    for inferred in (1, 2):
        persons = replace(looks[inferred].persons, is_inferred=True)
        looks[inferred] = replace(looks[inferred], persons=persons)
    assert person_evidence(looks, 0.5).fraction == 0
    sure = [
        replace(one, persons=replace(one.persons, scores=one.persons.scores + 0.2)) for one in looks
    ]
    assert person_evidence(sure, 0.5).fraction == 1


def test_boxes_apart_are_different_tracks() -> None:
    looks = [_look(0, (0, 0.9), (70, 0.9)), _look(1, (5, 0.9), (75, 0.9)), _look(2, (8, 0.9))]
    assert sorted(len(track.places) for track in link(looks, 0.5)) == [2, 3]


def test_the_main_track_is_the_person_seen_most() -> None:
    looks = [_look(0, (0, 0.6)), _look(1, (4, 0.6), (70, 0.99)), _look(2, (8, 0.6))]
    evidence = person_evidence(looks, 0.5)
    assert evidence.track_times_s == (0.0, 0.5, 1.0)
    np.testing.assert_allclose([box[0] for box in evidence.track_boxes], [0, 0.04, 0.08], atol=1e-6)
    np.testing.assert_allclose(evidence.track_boxes[0], [0, 0.1, 0.2, 0.6], atol=1e-6)


def test_faces_and_hands_are_evidence_of_their_own() -> None:
    hands = replace(NOBODY, face=0.1, hand=0.8)
    faces = replace(NOBODY, face=0.7, hand=0.4)
    looks = [Look(0, persons, 9, 16) for persons in (hands, faces, NOBODY, hands, hands)]
    evidence = person_evidence(looks, min_score=0.7)
    assert (evidence.fraction, evidence.face_fraction, evidence.hand_fraction) == (0, 0.25, 0.75)
    assert person_evidence(looks[2:3], 0.7).hand_fraction is None


def test_no_pictures_are_no_evidence() -> None:
    assert person_evidence([], min_score=0.5).fraction == 0.0


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=12), st.floats(0.1, 0.8))
def test_evidence_falls_as_the_score_asked_for_rises(scores: list[float], least: float) -> None:
    low, high = (person_evidence(_scene(*scores), score) for score in (least, least + 0.1))
    assert 0 <= high.fraction <= low.fraction <= 1
    assert high.max_persons <= low.max_persons <= 1
