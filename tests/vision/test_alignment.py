import numpy as np
import pytest
from tests.vision.copied_films import film, print_of

from hashtag2action.vision.agreement import agreement, share_disagreeing
from hashtag2action.vision.alignment import (
    LAG,
    Film,
    Timing,
    at_times,
    correlation,
    finer_timing,
    lagged,
    likely_timings,
)


@pytest.fixture(scope="module")
def clip() -> Film:
    return Film.of(print_of(film(0)))


@pytest.fixture(scope="module")
def late() -> Film:
    """The same take, half a second later, a tenth faster."""
    return Film.of(print_of(film(0, start_s=0.5, length_s=4.0, speed=1.1)))


def test_how_two_clips_lie_on_each_other_is_found(clip: Film, late: Film):
    found = likely_timings(clip.seen(), clip.times_s, late.seen(), late.times_s, 1.0)
    finer = finer_timing(clip.seen(), clip.times_s, late.seen(), late.times_s, found[0])
    assert finer is not None
    assert finer[0].speed == pytest.approx(1 / 1.1, abs=0.01)
    assert finer[0].offset_s == pytest.approx(-0.5 / 1.1, abs=0.03)


def test_scores_are_correlations_of_the_movements_at_shared_moments(clip: Film, late: Film):
    one, other = clip.seen(), late.seen()
    (rough, *_) = likely_timings(one, clip.times_s, other, late.times_s, 1.0)
    wanted = rough.speed * clip.times_s + rough.offset_s
    both = (wanted >= late.times_s[0]) & (wanted <= late.times_s[-1])
    # As a straight line between the two pictures around each moment has it.
    lines = np.stack([np.interp(wanted[both], late.times_s, wave) for wave in other.T], axis=1)
    assert 0.8 < rough.score <= 1
    assert correlation(lagged(one[both]), lagged(lines)) == pytest.approx(rough.score, abs=0.02)
    finer = finer_timing(one, clip.times_s, other, late.times_s, rough)
    assert finer is not None
    at, left, right = finer
    assert len(left) == len(right) > LAG
    assert correlation(lagged(left), lagged(right)) == pytest.approx(at.score, abs=1e-5)
    assert at.score >= rough.score - 0.02


def test_clips_that_share_less_than_a_second_have_no_timing(clip: Film, late: Film):
    far = Timing(1.0, -(clip.times_s[-1] - 0.5))
    assert finer_timing(clip.seen(), clip.times_s, late.seen(), late.times_s, far) is None


def test_moments_at_pictures_are_these_pictures(clip: Film):
    seen = clip.seen()
    np.testing.assert_allclose(at_times(seen, clip.times_s, clip.times_s), seen, atol=1e-3)


@pytest.mark.parametrize("place", [0, 1])
def test_what_disagrees_is_the_same_asked_for_alone(clip: Film, place: int):
    one, other = clip.seen(), Film.of(print_of(film(place, take=3))).seen()
    whole = agreement(one, other)
    alone = share_disagreeing(one, other)
    assert (whole is None) == (alone is None)
    if whole is not None:
        assert alone == pytest.approx(whole.disagreeing)
