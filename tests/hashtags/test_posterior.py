import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.hashtags.posterior import Share, prior_of

UNIFORM = Share(1.0, 1.0)


def test_the_mean_moves_from_the_prior_to_what_was_seen() -> None:
    share = Share()
    assert share.mean(UNIFORM) == 0.5
    share.add(98, 0)
    assert share.mean(UNIFORM) == pytest.approx(0.99)


def test_old_trials_fade() -> None:
    share = Share(100.0, 0.0)
    share.add(0.0, 10.0, memory=0.1)
    assert share.mean(UNIFORM) == pytest.approx(0.5)


def test_the_interval_holds_the_share_it_promises() -> None:
    low, high = Share(30.0, 10.0).interval(UNIFORM)
    assert low < 0.74 < high
    assert high - low < 0.25


def test_a_prior_is_centered_on_what_its_kind_gave() -> None:
    prior = prior_of([Share(8.0, 0.0), Share(0.0, 2.0)], 5.0, UNIFORM)
    assert prior.hits + prior.misses == pytest.approx(5)
    assert prior.mean(Share()) == pytest.approx(9 / 12)


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.integers(0, 2**32))
def test_draws_are_shares(hits: float, misses: float, seed: int) -> None:
    assert 0 <= Share(hits, misses).draw(UNIFORM, np.random.default_rng(seed)) <= 1
