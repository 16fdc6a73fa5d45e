from dataclasses import replace

import cv2
import numpy as np
import pytest

from hashtag2action.vision.dissolves import (
    TINY_PX,
    MixLimits,
    dissolve_scores,
    half_windows,
    mix_measures,
)

LIMITS = MixLimits(min_change=10, max_doubt=0.32, likeness_weight=0.4, min_log_odds=6)


def pictures(count: int) -> np.ndarray:
    return np.random.default_rng(3).integers(30, 220, (count, TINY_PX**2)).astype(np.float32)


def mixed(first: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
    shares = np.linspace(0, 1, count)[:, None]
    return ((1 - shares) * first + shares * last).round().astype(np.uint8)


def contrasts(tiny: np.ndarray) -> np.ndarray:
    return tiny.std(axis=1).astype(np.float32)


def test_an_even_mix_has_no_error():
    first, last = pictures(2)
    tiny = mixed(first, last, 9)
    mix = mix_measures(tiny, contrasts(tiny), np.array([0]), 4)
    assert mix.error[0] < 0.02
    assert mix.unevenness[0] < 0.02
    assert mix.change[0] == pytest.approx(np.abs(last - first).mean(), abs=1)
    assert abs(mix.likeness[0]) < 0.2


def test_light_that_changes_leaves_the_edges_alike():
    first = pictures(1)[0]
    tiny = mixed(first, first * 0.5 + 10, 9)
    mix = mix_measures(tiny, contrasts(tiny), np.array([0]), 4)
    assert mix.error[0] < 0.03
    assert mix.likeness[0] > 0.95
    assert mix.contrast_dip[0] == pytest.approx(1, abs=0.02)
    assert mix.edge_dip[0] == pytest.approx(1, abs=0.02)
    assert not dissolve_scores(tiny, contrasts(tiny), 4, LIMITS).any()


def test_a_mix_of_likely_ends_is_told_by_its_dip():
    shared, first, last = pictures(3)
    first, last = 0.5 * shared + 0.5 * first, 0.5 * shared + 0.5 * last
    tiny = mixed(first, last, 9)
    mix = mix_measures(tiny, contrasts(tiny), np.array([0]), 4)
    doubt = mix.error[0] + LIMITS.likeness_weight * mix.likeness[0]
    assert doubt > 0.15, "the ends are alike"
    assert mix.contrast_dip[0] < 0.95
    strict = replace(LIMITS, max_doubt=0.15)
    assert dissolve_scores(tiny, contrasts(tiny), 4, strict).any()
    assert not dissolve_scores(tiny, contrasts(tiny), 4, replace(strict, min_log_odds=99)).any()


def test_a_pan_does_not_dip():
    rng = np.random.default_rng(3)
    wide = cv2.GaussianBlur(rng.uniform(0, 1, (TINY_PX, 40)), (0, 0), 2)
    wide = (20 + 210 * (wide - wide.min()) / np.ptp(wide)).astype(np.uint8)
    tiny = np.stack([wide[:, first : first + TINY_PX].ravel() for first in range(9)])
    mix = mix_measures(tiny, contrasts(tiny), np.array([0]), 4)
    assert mix.log_odds[0] < LIMITS.min_log_odds


def test_the_middle_scores_wherever_blocks_end():
    first, last = pictures(2)
    tiny = np.concatenate(
        [mixed(first, first, 1020), mixed(first, last, 11), mixed(last, last, 1200)]
    )
    scores = dissolve_scores(tiny, contrasts(tiny), 6, LIMITS)
    assert abs(int(np.argmax(scores)) - 1025) <= 1
    assert set(np.flatnonzero(scores)) <= set(range(1015, 1036))


def test_windows_fit_into_the_video():
    assert half_windows(np.zeros(1)) == []
    assert half_windows(np.arange(6) / 25) == []
    assert half_windows(np.arange(8) / 25) == [3]
    assert max(half_windows(np.arange(500) / 60)) == 43
