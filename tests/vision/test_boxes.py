"""Fitting pictures into squares, and overlapping boxes."""

import numpy as np
import pytest

from hashtag2action.vision.boxes import clip_to_frame, groups_of_one_thing, letterbox, overlaps


@pytest.mark.parametrize("size", [(640, 360), (100, 700), (1, 1), (31, 64), (64, 64)])
@pytest.mark.parametrize("centered", [True, False])
def test_points_of_the_square_map_back_to_the_frames_corners(
    size: tuple[int, int], centered: bool
) -> None:
    height, width = size
    fitted = letterbox(np.full((height, width, 3), 9, np.uint8), 64, centered=centered)
    assert fitted.picture.shape == (64, 64, 3)
    inside = np.argwhere(fitted.picture[:, :, 0] == 9)[:, ::-1]
    assert fitted.to_frame(inside.min(axis=0)) == pytest.approx([0, 0], abs=1e-4)
    assert fitted.to_frame(inside.max(axis=0) + 1) == pytest.approx([width, height], rel=1e-5)


def test_the_rest_of_the_square_is_filled() -> None:
    fitted = letterbox(np.zeros((10, 20, 3), np.uint8), 40, fill=114, centered=False)
    assert np.all(fitted.picture[20:] == 114)


def test_overlap_is_intersection_over_union() -> None:
    box = np.array([0.0, 0.0, 10.0, 10.0])
    others = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30], [3, 3, 3, 3]], float)
    assert overlaps(box, others) == pytest.approx([1, 1 / 3, 0, 0])


def test_boxes_of_one_thing_are_grouped_behind_the_best() -> None:
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60], [1, 0, 11, 10]], float)
    groups = groups_of_one_thing(boxes, np.array([0.5, 0.6, 0.9]), max_overlap=0.3)
    assert [group.tolist() for group in groups] == [[2, 0], [1]]


def test_boxes_are_cut_at_the_border() -> None:
    cut = clip_to_frame(np.array([[-5.0, 3.0, 50.0, 99.0]]), height=20, width=30)
    assert cut.tolist() == [[0, 3, 30, 20]]
