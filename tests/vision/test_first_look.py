import numpy as np

from hashtag2action.vision.fingerprint import COLUMN_ORDERS, NUM_WAVES, ROW_ORDERS
from hashtag2action.vision.first_look import disagreeing


def pictures(seed: int, count: int = 200) -> np.ndarray:
    """Waves of pictures whose fineness is that of natural ones."""
    levels = 40 / np.hypot(ROW_ORDERS, COLUMN_ORDERS)
    made = np.random.default_rng(seed).standard_normal((count, NUM_WAVES)) * levels
    return made.astype(np.float32)


def test_one_picture_in_another_light_agrees():
    assert disagreeing(pictures(0), 1.3 * pictures(0)).max() < 0.05


def test_pictures_of_something_else_disagree():
    shares = disagreeing(pictures(0), pictures(1))
    assert np.mean(shares > 0.42) > 0.9


def test_a_share_of_one_film_in_a_mix_is_judged_pair_by_pair():
    one, other = pictures(2), pictures(3)
    mixed = np.where(np.arange(len(one))[:, None] % 2 == 0, one, other)
    alone = np.concatenate([disagreeing(one[k : k + 1], mixed[k : k + 1]) for k in range(20)])
    np.testing.assert_allclose(disagreeing(one, mixed)[:20], alone)
