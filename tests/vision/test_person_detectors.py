"""One contract every person detector satisfies, and the evidence drawn from what they find."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from hashtag2action.errors import WeightsError
from hashtag2action.vision.person_detectors import (
    Agreement,
    AnyPersonDetector,
    BlazePose,
    Cascade,
    Yolox,
)
from hashtag2action.vision.persons import PersonDetector
from hashtag2action.vision.weights import YOLOX_NANO, shipped

Opened = tuple[PersonDetector, float]
KINDS = ("cascade", "blazepose", "bodies_only", "second_look", "yolox", "agreement")


@pytest.fixture(scope="module")
def opened() -> dict[str, Opened]:
    """Keep detectors between tests: opening one takes longer than asking it."""
    return {}


@pytest.fixture(params=KINDS)
def detector(
    request: pytest.FixtureRequest, shared: Callable[[str], Path], opened: dict[str, Opened]
) -> Opened:
    """Open each detector; skip one whose file is not here and cannot be fetched."""
    kind: str = request.param
    if kind not in opened:
        configs = {
            "cascade": Cascade,
            "blazepose": BlazePose,
            "bodies_only": lambda: BlazePose(faces_and_hands=False, min_score=0.5),
            "second_look": lambda: BlazePose(second_look=True),
            "yolox": lambda: Yolox(path=shared("models/yolox_nano_416.onnx")),
            "agreement": lambda: Agreement(
                first=Yolox(path=shipped(YOLOX_NANO)), second=BlazePose()
            ),
        }
        config = configs[kind]()
        try:
            opened[kind] = (config.open(), config.min_score)
        except WeightsError as error:
            pytest.skip(str(error))
    return opened[kind]


@pytest.fixture
def portrait(shared: Callable[[str], Path]) -> np.ndarray:
    """A photograph of one person: RGB, uint8 (640, 480, 3)."""
    picture = cv2.imread(str(shared("data/samples/person1.jpg")))
    assert picture is not None
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def _odd_frames() -> list[np.ndarray]:
    return [
        _noise(1, 1),
        _noise(2, 3),
        _noise(37, 501),
        _noise(501, 37),
        np.zeros((360, 202, 3), np.uint8),
        np.full((64, 64, 3), 255, np.uint8),
        np.repeat(_noise(99, 101)[:, :, :1], 3, axis=2),
        _noise(1080, 607),
    ]


def test_a_detector_finds_the_person_in_a_photograph(
    detector: Opened, portrait: np.ndarray
) -> None:
    detect, min_score = detector
    (found,) = detect.detect([portrait])
    assert found.count(min_score) == 1
    assert detect.detect([portrait], closely=False)[0].count(min_score) == 1
    x0, y0, x1, y1 = found.boxes[0]
    assert x0 < 195 < x1
    assert y0 < 260 < y1
    assert y1 - y0 > 300


def test_a_detector_finds_nobody_in_empty_pictures(detector: Opened) -> None:
    detect, min_score = detector
    for shade in (0, 127, 255):
        (found,) = detect.detect([np.full((640, 360, 3), shade, np.uint8)])
        assert found.count(min_score) == 0


def test_no_frames_give_no_answers(detector: Opened) -> None:
    assert detector[0].detect([]) == []


def test_a_frames_answer_does_not_depend_on_the_frames_beside_it(
    detector: Opened, portrait: np.ndarray
) -> None:
    frames = [portrait, _noise(120, 90), portrait[:, ::-1], np.zeros((50, 70, 3), np.uint8)]
    together = detector[0].detect(frames)
    alone = [detector[0].detect([frame])[0] for frame in reversed(frames)][::-1]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.scores, other.scores)


def test_answers_to_any_picture_have_the_promised_form(
    detector: Opened, portrait: np.ndarray
) -> None:
    frames = [*_odd_frames(), portrait, portrait[100:400, 100:300]]
    for frame, found in zip(frames, detector[0].detect(frames), strict=True):
        height, width = frame.shape[:2]
        assert found.boxes.dtype == found.scores.dtype == np.float32
        assert found.boxes.shape == (len(found.scores), 4)
        assert np.all((found.scores >= 0) & (found.scores <= 1))
        assert np.all(np.diff(found.scores) <= 0)
        for part in (found.face, found.hand):
            assert part is None or 0 <= part <= 1
        assert np.all(found.boxes >= 0)
        assert np.all(found.boxes[:, 2:] <= [width, height])
        assert np.all(found.boxes[:, :2] <= found.boxes[:, 2:])


def test_a_detector_leaves_its_input_alone(detector: Opened, portrait: np.ndarray) -> None:
    frame = portrait.copy()
    frame.setflags(write=False)
    detector[0].detect([frame])
    np.testing.assert_array_equal(frame, portrait)


def test_the_detector_is_chosen_by_its_kind_in_a_recipe() -> None:
    adapter = TypeAdapter(AnyPersonDetector)
    assert adapter.validate_python({"kind": "blazepose"}) == BlazePose()
    chosen = adapter.validate_python({"kind": "yolox", "path": "nets/yolox_s.onnx"})
    assert chosen == Yolox(path=Path("nets/yolox_s.onnx"))
    with pytest.raises(ValidationError):
        adapter.validate_python({"kind": "blazepose", "path": "x"})


def test_threads_change_no_key() -> None:
    assert BlazePose(num_threads=2).key_fields() == BlazePose().key_fields()


def test_a_missing_or_wrong_yolox_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"absent\.onnx: no such file"):
        Yolox(path=tmp_path / "absent.onnx").open()
    for name, content in {"page": b"<html>", "empty": b"", "zeros": bytes(1000)}.items():
        (tmp_path / f"{name}.onnx").write_bytes(content)
        with pytest.raises(WeightsError, match=rf"{name}\.onnx: is not an ONNX"):
            Yolox(path=tmp_path / f"{name}.onnx").open()


def test_blazepose_sees_the_face_in_a_photograph(
    portrait: np.ndarray, opened: dict[str, Opened]
) -> None:
    try:
        detector = opened["blazepose"][0] if "blazepose" in opened else BlazePose().open()
    except WeightsError as error:
        pytest.skip(str(error))
    (found,) = detector.detect([portrait])
    assert found.face is not None
    assert found.face > 0.5


def test_a_free_network_gives_what_a_fixed_one_does(
    shared: Callable[[str], Path], portrait: np.ndarray
) -> None:
    square = cv2.resize(portrait, (416, 416))
    fixed = Yolox(path=shared("models/yolox_nano_416.onnx")).open().detect([square])[0]
    free = Yolox(path=shipped(YOLOX_NANO)).open().detect([square])[0]
    np.testing.assert_allclose(free.boxes, fixed.boxes, atol=1e-3)
    np.testing.assert_allclose(free.scores, fixed.scores, atol=1e-5)


def test_frames_of_many_shapes_may_come_together(portrait: np.ndarray) -> None:
    detector = Yolox(path=shipped(YOLOX_NANO)).open()
    frames = [portrait, portrait, portrait[:200], portrait, portrait[:, :200]] * 3
    together = detector.detect(frames)
    alone = [detector.detect([frame])[0] for frame in frames[:5]]
    for one, other in zip(together, alone * 3, strict=True):
        np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


def test_a_device_that_is_not_there_is_an_error() -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the device")
    with pytest.raises(WeightsError, match="cuda"):
        Yolox(path=shipped(YOLOX_NANO), device="cuda").open()


def test_agreement_keeps_only_what_both_detectors_see(portrait: np.ndarray) -> None:
    try:
        both = Agreement(first=Yolox(path=shipped(YOLOX_NANO)), second=BlazePose())
        detector = both.open()
    except WeightsError as error:
        pytest.skip(str(error))
    (found,) = detector.detect([portrait])
    assert found.count(0.5) == 1
    strict = Agreement(first=both.first, second=BlazePose(min_score=0.999)).open()
    assert strict.detect([portrait])[0].count(0.5) == 0
