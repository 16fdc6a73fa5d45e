"""What the default detector makes of its witnesses."""

import numpy as np
import pytest

from hashtag2action.vision.cascade import hint_features, weighed
from hashtag2action.vision.persons import NOBODY
from hashtag2action.vision.yolox import Things
from hashtag2action.vision.yolox_nano import NUM_FEATURES


def _things(persons: list[float], animals: list[float], features: list[float]) -> Things:
    boxes = np.array([[10.0 * k, 0, 10 * k + 8, 30] for k in range(len(persons))], np.float32)
    return Things(
        boxes.reshape(-1, 4),
        np.array(persons, np.float32),
        np.array(animals, np.float32),
        max(animals, default=0.0),
        np.repeat(np.array(features, np.float32)[:, None], NUM_FEATURES, axis=1),
    )


NOTHING = _things([], [], [])


def test_features_are_those_of_the_best_hint_that_is_no_animal():
    seen = _things([0.2, 0.15, 0.1], [0.5, 0.0, 0.0], [1, 2, 3])
    np.testing.assert_array_equal(hint_features(seen, NOTHING), np.full(NUM_FEATURES, 2))


def test_features_of_both_looks_count_alike():
    far, near = _things([0.2], [0.0], [1]), _things([0.1], [0.0], [4])
    np.testing.assert_array_equal(hint_features(far, near), np.full(NUM_FEATURES, 2.5))


@pytest.mark.parametrize("seen", [NOTHING, _things([0.2], [0.5], [1])])
def test_without_a_hint_there_are_no_features_and_nobody(seen: Things):
    assert not hint_features(seen, NOTHING).any()
    assert not len(weighed(seen, NOTHING, NOBODY, 9.0).scores)


def test_features_speak_for_and_against_a_person_where_an_animal_is_suspected():
    seen = _things([0.2, 0.1], [0.1, 0.0], [1, 1])
    said = [weighed(seen, seen, NOBODY, odds) for odds in (-3.0, 0.0, 3.0)]
    scores = [float(persons.scores[0]) for persons in said]
    assert scores == sorted(scores)
    assert scores[0] < 0.5 < scores[-1]
    assert all(np.all(persons.scores[1:] <= persons.scores[0]) for persons in said)


def test_features_are_not_heard_where_no_animal_is_suspected():
    seen = _things([0.2], [0.0], [1])
    one, other = (weighed(seen, seen, NOBODY, odds) for odds in (-3.0, 3.0))
    np.testing.assert_array_equal(one.scores, other.scores)
