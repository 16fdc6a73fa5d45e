"""Geometry of the default detector: circles around bodies, and pictures cut along them."""

import numpy as np
import pytest

from hashtag2action.vision.anchors import Found
from hashtag2action.vision.blazepose import body_boxes, body_picture, part_scores


def _bodies(*circles: tuple[float, float, float]) -> Found:
    points = np.array([[[x, y], [x, y - r], [x, y], [x, y]] for x, y, r in circles], np.float32)
    boxes = np.zeros((len(circles), 4), np.float32)
    return Found(boxes, points, np.full(len(circles), 0.5, np.float32))


def _parts(*parts: tuple[float, float, float]) -> Found:
    boxes = np.array([[x - 1, y - 1, x + 1, y + 1] for x, y, _ in parts], np.float32)
    scores = np.array([score for _, _, score in parts], np.float32)
    return Found(boxes.reshape(-1, 4), np.zeros((len(parts), 7, 2), np.float32), scores)


def test_a_body_box_surrounds_the_circle_around_the_hips() -> None:
    assert body_boxes(_bodies((50, 60, 20))).tolist() == [[30, 40, 70, 80]]


def test_a_body_gains_from_the_best_part_on_it_and_from_no_other() -> None:
    bodies = _bodies((50, 50, 20), (200, 50, 20))
    parts = _parts((50, 40, 0.4), (60, 60, 0.6), (100, 50, 0.9))
    assert part_scores(bodies, parts) == pytest.approx([0.6, 0])
    assert part_scores(bodies, _parts()).tolist() == [0, 0]


def test_a_lying_body_is_turned_upright() -> None:
    frame = np.zeros((200, 200, 3), np.uint8)
    frame[95:105, 40:60] = 255  # the head, to the left of hips at (100, 100)
    points = np.array([[100, 100], [50, 100], [0, 0], [0, 0]], np.float32)
    upright = body_picture(frame, points, side=100)
    y, x = np.argwhere(upright[:, :, 0] > 128).mean(axis=0)
    assert (x, y) == pytest.approx((50, 10), abs=1.5)


def test_outside_the_frame_a_body_picture_is_black() -> None:
    frame = np.full((50, 50, 3), 200, np.uint8)
    points = np.array([[0, 0], [0, -100], [0, 0], [0, 0]], np.float32)
    picture = body_picture(frame, points, side=64)
    assert picture[:30].max() == 0
    assert picture[34:40, 34:40].min() == 200
