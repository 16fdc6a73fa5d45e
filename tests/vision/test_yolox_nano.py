"""The eight-bit network against the floats it was made of."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from hashtag2action.vision.boxes import overlaps
from hashtag2action.vision.weights import YOLOX_NANO, shipped
from hashtag2action.vision.yolox import STRIDES, YoloxNet, cells_of, things_of
from hashtag2action.vision.yolox_nano import NUM_FEATURES, NanoNet


@pytest.fixture(scope="module")
def net() -> NanoNet:
    return NanoNet(1)


@pytest.fixture
def portrait(shared: Callable[[str], object]) -> np.ndarray:
    """A photograph of one person: RGB, uint8 (640, 480, 3)."""
    picture = cv2.imread(str(shared("data/samples/person1.jpg")), cv2.IMREAD_COLOR_RGB)
    assert picture is not None
    return picture


@pytest.mark.parametrize("long_side_px", [320, 384, 512])
def test_it_sees_what_the_floats_see(net: NanoNet, portrait: np.ndarray, long_side_px: int):
    floats = YoloxNet(shipped(YOLOX_NANO), 1, "cpu")
    (mine,), (theirs,) = net.look([portrait], long_side_px), floats.look([portrait], long_side_px)
    assert mine.persons[0] == pytest.approx(theirs.persons[0], abs=0.1)
    assert mine.animal == pytest.approx(theirs.animal, abs=0.1)
    assert overlaps(mine.boxes[0], theirs.boxes[:1])[0] > 0.85


def test_an_answer_does_not_depend_on_the_shape_seen_before(net: NanoNet, portrait: np.ndarray):
    (alone,) = net.look([portrait], 384)
    wide = np.ascontiguousarray(np.rot90(portrait))
    _, again, _ = net.look([wide, portrait, portrait[:300]], 384)
    np.testing.assert_array_equal(again.boxes, alone.boxes)
    np.testing.assert_array_equal(again.persons, alone.persons)


def test_a_wall_is_nobody(net: NanoNet):
    (found,) = net.look([np.full((128, 72, 3), 200, np.uint8)], 384)
    assert found.persons.max(initial=0) < 0.1


def test_an_animal_counts_where_nobody_is():
    cells = cells_of(64, 64, STRIDES[0])
    raw = np.zeros((len(cells), 4), np.float32)
    animals = np.linspace(0, 0.7, len(cells), dtype=np.float32)
    features = np.arange(2 * len(cells), dtype=np.float32).reshape(-1, 2)
    for best, num in ((0.0, 0), (0.4, 1)):
        persons = np.zeros(len(cells), np.float32)
        persons[10] = best
        scale = np.ones(2, np.float32)
        things = things_of(raw, persons, animals, features, cells, scale, (64, 64))
        assert things.boxes.shape == (num, 4)
        assert len(things.persons) == len(things.animals) == num
        assert things.animal == pytest.approx(0.7)
        np.testing.assert_array_equal(things.features, features[10 : 10 + num])
        kinds = {one.dtype for one in (things.boxes, things.persons, things.animals)}
        assert kinds == {np.dtype(np.float32)}


def test_features_are_what_the_score_is_made_of(net: NanoNet, portrait: np.ndarray):
    """The last layers of the floats, one set a grid, make the same score of them."""
    onnx = pytest.importorskip("onnx")
    weights = {
        one.name: onnx.numpy_helper.to_array(one)
        for one in onnx.load(str(shipped(YOLOX_NANO))).graph.initializer
    }
    (found,) = net.look([portrait], 384)
    assert found.features.shape == (len(found.boxes), NUM_FEATURES)
    of_classes, of_boxes = np.split(found.features[0], 2)

    def chance(head: str, features: np.ndarray) -> float:
        kernel, bias = weights[f"head.{head}.weight"], weights[f"head.{head}.bias"]
        return 1 / (1 + np.exp(-(kernel[0, :, 0, 0] @ features + bias[0])))

    scores = [
        chance(f"cls_preds.{grid}", of_classes) * chance(f"obj_preds.{grid}", of_boxes)
        for grid in range(3)
    ]
    assert min(abs(score - found.persons[0]) for score in scores) < 0.02
