"""Reading the output of single-shot detectors."""

import numpy as np
import pytest

from hashtag2action.vision.anchors import anchor_centers, decode


@pytest.mark.parametrize(
    ("side", "strides", "per_stride", "count"),
    [
        (224, (8, 16, 32, 32, 32), 2, 2254),
        (192, (8, 16, 16, 16), 2, 2016),
        (192, (4,), 1, 2304),
    ],
)
def test_nets_have_as_many_anchors_as_outputs(
    side: int, strides: tuple[int, ...], per_stride: int, count: int
) -> None:
    anchors = anchor_centers(side, strides, per_stride)
    assert anchors.shape == (count, 2)
    assert anchors.min() > 0
    assert anchors.max() < side
    assert anchors[0].tolist() == [strides[0] / 2, strides[0] / 2]


def test_boxes_and_points_are_relative_to_their_anchor() -> None:
    anchors = np.array([[10, 20], [100, 100]], np.float32)
    raw = np.array([[1, 2, 4, 6, -3, -4], [0, 0, 9, 9, 0, 0]], np.float32)
    found = decode(raw, np.array([0.0, -9.0], np.float32), anchors, min_score=0.2)
    assert found.scores.tolist() == [0.5]
    assert found.boxes.tolist() == [[9, 19, 13, 25]]
    assert found.points.tolist() == [[[7, 16]]]


def test_anchors_that_speak_of_one_thing_are_averaged_by_score() -> None:
    anchors = np.array([[10, 10], [12, 10], [80, 80]], np.float32)
    raw = np.tile(np.array([0, 0, 10, 10, 0, 0], np.float32), (3, 1))
    logits = np.log(np.array([0.75, 0.25, 0.5]) / np.array([0.25, 0.75, 0.5])).astype(np.float32)
    found = decode(raw, logits, anchors, min_score=0.2)
    assert found.scores == pytest.approx([0.75, 0.5])
    assert found.points[0, 0] == pytest.approx([10.5, 10])


def test_nothing_found_keeps_the_shapes_and_extreme_answers_are_finite() -> None:
    anchors = np.array([[10, 10]], np.float32)
    raw = np.zeros((1, 12), np.float32)
    nothing = decode(raw, np.array([-1e30], np.float32), anchors, min_score=0.2)
    assert (nothing.boxes.shape, nothing.points.shape) == ((0, 4), (0, 4, 2))
    assert decode(raw, np.array([1e30], np.float32), anchors, 0.2).scores == pytest.approx([1])
