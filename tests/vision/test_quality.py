import cv2
import numpy as np
import pytest
from tests.vision.pictures import wall, written

from hashtag2action.vision.quality import clip_quality, clipped_fractions, sharpness


def test_light_is_summed_up():
    light = clip_quality(np.array([16.0, 100.0, 140.0]), np.array([2.0, 30.0, 50.0]))
    assert light.black_fraction == pytest.approx(1 / 3)
    assert light.brightness == pytest.approx(256 / 3)


def test_clipped_places_are_counted():
    picture = np.full((10, 10), 128, np.uint8)
    picture[:2], picture[-1] = 16, 240
    assert clipped_fractions(picture) == (0.2, 0.1)


def fine(side_px: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (side_px * 2, side_px), dtype=np.uint8)


def test_a_blurred_picture_is_less_sharp():
    picture = wall(1, 640, 360)
    assert sharpness(cv2.GaussianBlur(picture, (0, 0), 3)) < sharpness(picture) / 2


def test_a_picture_scaled_up_gains_no_sharpness():
    small = cv2.GaussianBlur(fine(360), (0, 0), 0.7)
    large = cv2.resize(small, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    assert sharpness(small) / 2 < sharpness(large) < sharpness(small)


def test_a_caption_does_not_make_a_blur_sharp():
    blur = cv2.GaussianBlur(wall(1, 640, 360), (0, 0), 5)
    words = written(blur, "wait for it", (40, 560), 40)
    assert sharpness(words) == pytest.approx(sharpness(blur), rel=0.3)


@pytest.mark.parametrize("shape", [(3, 3), (1, 50), (17, 2000)])
def test_any_shape_has_a_sharpness(shape: tuple[int, int]):
    assert sharpness(np.zeros(shape, np.uint8)) == 0
