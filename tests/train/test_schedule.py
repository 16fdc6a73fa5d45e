import math

import pytest
from benchmarks.training_exactness import TOLERANCE, schedule_difference

from hashtag2action.train.schedule import Schedule, scaled_lr


def test_base_rate_is_for_256_clips() -> None:
    # ViT-g in pre-training: 6e-4 for 256, 64 GPUs of 32 clips. Its peak is published as 4.8e-3.
    assert scaled_lr(6e-4, 64 * 32) == pytest.approx(4.8e-3)


def test_first_epochs_match_the_released_log_of_ucf101() -> None:
    """Mean rate per epoch: N steps, 5 epochs of warm-up; epoch 2 has half of the peak."""
    steps, peak = 127, 2.5e-4
    schedule = Schedule(30 * steps, 5 * steps, peak, 1e-6)
    means = [sum(map(schedule.at, range(e * steps, (e + 1) * steps))) / steps for e in range(3)]
    assert means[2] == pytest.approx(peak / 2, rel=1e-12)
    assert 1 / (1 - 2 * means[0] / (means[1] - means[0])) == pytest.approx(steps)


def test_rate_falls_from_peak_to_final_after_warm_up() -> None:
    schedule = Schedule(100, 10, 1.0, 0.1)
    assert schedule.at(0) == 0
    assert schedule.at(9) == schedule.at(10) == 1.0
    assert schedule.at(55) == pytest.approx(0.55)
    assert schedule.at(99) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 89 / 90)))
    assert schedule.at(1000) == pytest.approx(0.1)


def test_every_rate_is_that_of_the_closed_form() -> None:
    assert schedule_difference() <= TOLERANCE


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert Schedule(10, 0, 0.5, 0.0).at(0) == 0.5
