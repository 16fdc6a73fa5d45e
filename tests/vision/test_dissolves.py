import numpy as np
import pytest

from hashtag2action.vision.dissolves import TINY_PX, dissolve_scores, half_windows, mix_measures


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(30, 220, (count, TINY_PX**2)).astype(np.float32)


def mixed(first: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
    shares = np.linspace(0, 1, count)[:, None]
    return ((1 - shares) * first + shares * last).round().astype(np.uint8)


def test_an_even_mix_has_no_error():
    first, last = pictures(2)
    mix = mix_measures(mixed(first, last, 9), np.array([0]), 4)
    assert mix.error[0] < 0.02
    assert mix.unevenness[0] < 0.02
    assert mix.change[0] == pytest.approx(np.abs(last - first).mean(), abs=1)
    assert abs(mix.likeness[0]) < 0.2


def test_light_that_changes_leaves_the_edges_alike():
    first = pictures(1)[0]
    mix = mix_measures(mixed(first, first * 0.5 + 10, 9), np.array([0]), 4)
    assert mix.error[0] < 0.03
    assert mix.likeness[0] > 0.95


def test_the_middle_scores_wherever_blocks_end():
    first, last = pictures(2)
    tiny = np.concatenate(
        [mixed(first, first, 1020), mixed(first, last, 11), mixed(last, last, 1200)]
    )
    scores = dissolve_scores(tiny, 6, 10, 0.32, 0.4)
    assert abs(int(np.argmax(scores)) - 1025) <= 1
    assert set(np.flatnonzero(scores)) <= set(range(1015, 1036))


def test_windows_fit_into_the_video():
    assert half_windows(np.zeros(1)) == []
    assert half_windows(np.arange(6) / 25) == []
    assert half_windows(np.arange(8) / 25) == [3]
    assert max(half_windows(np.arange(500) / 60)) == 43
