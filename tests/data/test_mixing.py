import numpy as np
import pytest
import torch

from hashtag2action.data.mixing import Mix, Mixing

ONES = torch.full((1, 3, 2, 10, 20), 100, dtype=torch.uint8)
TWOS = torch.full((1, 3, 2, 10, 20), 200, dtype=torch.uint8)


def test_blend_is_the_weighted_mean() -> None:
    assert (Mix(0.75).blend(ONES, TWOS) == 125).all()


def test_labels_follow_the_area_that_is_left() -> None:
    mixing = Mixing(mixup_alpha=0, cutmix_alpha=1.0)
    kept = []
    for seed in range(500):
        mix = mixing.draw(10, 20, np.random.default_rng(seed))
        mixed = mix.blend(ONES, TWOS)
        assert float((mixed == 100).float().mean()) == pytest.approx(mix.kept)
        # The same box in all frames and channels, and all of its pixels lie together.
        box = (mixed == 200)[0]
        assert (box == box[:1, :1]).all()
        kept.append(mix.kept)
    # The share is uniform, and boxes lose at the borders, so more than half is kept.
    assert 0.5 < np.mean(kept) < 0.75


def test_boxes_are_those_of_the_official_formula() -> None:
    """Side = sqrt(1 - share) of the picture around a uniform middle, cut at the borders."""
    mixing = Mixing(mixup_alpha=0, cutmix_alpha=1.0)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        share = rng.beta(1.0, 1.0)
        sides = []
        for length in (56, 112):
            size, middle = int(length * np.sqrt(1 - share)), rng.integers(length)
            ends = np.clip([middle - size // 2, middle + size // 2], 0, length)
            sides.append((int(ends[0]), int(ends[1])))
        mix = mixing.draw(56, 112, np.random.default_rng(seed))
        assert mix.box is not None
        assert [(side.start, side.stop) for side in mix.box] == sides


def test_either_way_is_taken_as_often_as_asked() -> None:
    both = Mixing(mixup_alpha=0.8, cutmix_alpha=1.0, cutmix_probability=0.25)
    drawn = [both.draw(8, 8, np.random.default_rng(seed)).box is not None for seed in range(800)]
    assert np.mean(drawn) == pytest.approx(0.25, abs=0.05)
    only = Mixing(mixup_alpha=0.8)
    assert all(only.draw(8, 8, np.random.default_rng(seed)).box is None for seed in range(20))
    shares = [only.draw(8, 8, np.random.default_rng(seed)).kept for seed in range(2000)]
    # Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)).
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.var(shares) == pytest.approx(1 / (4 * 2.6), abs=0.01)
    assert not Mixing(mixup_alpha=0).is_on
