import cv2
import numpy as np
import pytest
from tests.vision.copied_films import SIZE, film, picture, print_of

from hashtag2action.video.walk import Scratch
from hashtag2action.vision.fingerprint import (
    MIRROR_SIGNS,
    NUM_WAVES,
    Crop,
    Fingerprint,
    crop_map,
    reduced,
    waves_of,
)


def test_signs_turn_waves_into_those_of_the_mirror_image():
    frame = picture(1, 30)
    mirrored = waves_of(np.ascontiguousarray(frame[:, ::-1]))
    np.testing.assert_allclose(waves_of(frame) * MIRROR_SIGNS, mirrored, atol=0.3)


def test_the_waves_of_a_crop_follow_from_those_of_the_whole():
    frame = cv2.GaussianBlur(picture(1, 30), (0, 0), 12)
    crop = Crop(0.9, 0.85, 0.05, 0.1)
    height, width = SIZE
    rows = slice(round(0.05 * height), round(0.95 * height))
    columns = slice(round(0.1 * width), round(0.95 * width))
    expected = waves_of(np.ascontiguousarray(frame[rows, columns]))
    found = waves_of(frame) @ crop_map(crop)
    slow = 30  # The finest are those of the whole's waves that are not kept.
    assert np.abs(found - expected)[:slow].max() < 0.05 * np.abs(expected).max()


def test_the_sum_of_squares_is_the_variance_of_a_slow_picture():
    frame = cv2.GaussianBlur(picture(1, 30), (0, 0), 20)
    assert np.sum(waves_of(frame) ** 2) == pytest.approx(frame.var(), rel=0.05)


def test_bytes_come_back_and_keep_small_movement_beside_large_contrast():
    waves = np.full((40, NUM_WAVES), 60.0, np.float32)
    waves += 0.1 * np.random.default_rng(0).standard_normal(waves.shape)
    original = Fingerprint(waves, np.arange(40) / 8)
    back = Fingerprint.from_bytes(original.to_bytes(), original.times_s)
    assert back.to_bytes() == original.to_bytes()
    assert np.abs(np.diff(back.waves, axis=0) - np.diff(waves, axis=0)).max() < 0.01
    np.testing.assert_allclose(back.waves, waves, rtol=0.002)


def test_an_empty_fingerprint_is_no_bytes():
    nothing = Fingerprint.from_bytes(b"", np.zeros(0))
    assert nothing.waves.shape == (0, NUM_WAVES)
    assert nothing.to_bytes() == b""


def test_black_bars_are_no_part_of_a_picture():
    frame = picture(1, 30)
    barred = cv2.copyMakeBorder(frame, 60, 60, 0, 0, cv2.BORDER_CONSTANT, value=16)
    np.testing.assert_allclose(waves_of(barred), waves_of(frame), atol=1.5)
    assert np.abs(waves_of(np.full(SIZE, 16, np.uint8))).max() < 1e-3


def test_ten_seconds_take_less_than_8_kilobytes():
    assert len(print_of(film(1, length_s=10)).to_bytes()) < 8000


def test_a_picture_is_reduced_alike_by_way_of_a_scratch():
    scratch = Scratch()
    for side in (1.0, 0.5, 0.25):
        frame = cv2.resize(picture(1, 30), None, fx=4 * side, fy=4 * side)
        for view in (frame, np.rot90(frame), frame[: len(frame) // 2]):
            np.testing.assert_array_equal(reduced(view, scratch), reduced(view))
