"""Cutting hands out of a picture, and telling them from what only looks like a palm."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hashtag2action.errors import WeightsError
from hashtag2action.vision.hands import GROWTH, SIDE_PX, HandFinder, palm_picture


@pytest.mark.parametrize("turn_deg", [0, 90, 200])
def test_a_hand_is_cut_out_with_its_fingers_up(turn_deg: int) -> None:
    angle = np.deg2rad(turn_deg)
    up = np.array([np.sin(angle), -np.cos(angle)])
    center = np.array([150.0, 150.0])
    frame = np.zeros((300, 300, 3), np.uint8)
    tip = center + up * 40
    cv2.circle(frame, (round(tip[0]), round(tip[1])), 4, (255, 255, 255), -1)
    box = np.array([130, 130, 170, 170], np.float32)
    points = np.tile(center, (7, 1))
    points[0], points[2] = center - up * 15, center + up * 15
    picture = palm_picture(frame, box, points)
    row, column = np.argwhere(picture[..., 0] > 128).mean(axis=0)
    assert picture.shape == (SIDE_PX, SIDE_PX, 3)
    # The point is 40 px from the palm's center, the square's center half a palm (20 px).
    assert row == pytest.approx(SIDE_PX / 2 - 20 * SIDE_PX / (GROWTH * 40), abs=2)
    assert column == pytest.approx(SIDE_PX / 2, abs=2)


def test_an_empty_picture_has_no_hand(shared: Callable[[str], Path]) -> None:
    try:
        hands = HandFinder(num_threads=1)
    except WeightsError as error:
        pytest.skip(str(error))
    assert hands(np.full((640, 360, 3), 127, np.uint8)) == 0
    photograph = cv2.imread(str(shared("data/samples/person1.jpg")))
    assert photograph is not None
    assert 0 <= hands(photograph[:, :, ::-1].copy()) <= 1
