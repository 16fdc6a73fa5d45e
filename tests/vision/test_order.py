"""Tests of values by their rank."""

import numpy as np
import pytest

from hashtag2action.vision.order import median, quantile


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("num", [1, 2, 9, 100])
def test_it_is_the_quantile_of_numpy(num: int, share: float) -> None:
    rng = np.random.default_rng(num)
    for values in (rng.normal(size=(num, 3)), rng.integers(0, 256, num).astype(np.uint8)):
        assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)))


@pytest.mark.parametrize("num", [1, 2, 9, 100])
def test_it_is_the_median_of_numpy_to_the_last_bit(num: int) -> None:
    values = np.random.default_rng(num).normal(size=(50, num))
    assert [median(one) for one in values] == [float(np.median(one)) for one in values]
