"""One contract every person detector satisfies, and the evidence drawn from what they find."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hashtag2action.errors import WeightsError
from hashtag2action.vision.persons import (
    NOBODY,
    AnyPersonDetector,
    BlazePose,
    PersonDetector,
    Persons,
    Yolox,
    person_evidence,
)

Opened = tuple[PersonDetector, float]
KINDS = ("blazepose", "bodies_only", "second_look", "yolox")


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
            "blazepose": BlazePose,
            "bodies_only": lambda: BlazePose(faces_and_hands=False, min_score=0.5),
            "second_look": lambda: BlazePose(second_look=True),
            "yolox": lambda: Yolox(path=shared("models/yolox_nano_416.onnx")),
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
        assert 0 <= found.face <= 1
        assert 0 <= found.hand <= 1
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


def _persons(*scores: float) -> Persons:
    boxes = np.array([[0, 0, 10, 50 + 10 * index] for index in range(len(scores))], np.float32)
    return Persons(boxes.reshape(-1, 4), np.array(scores, np.float32))


def test_evidence_counts_frames_with_somebody_who_reaches_the_score() -> None:
    found = [_persons(0.9, 0.8), _persons(0.6), NOBODY, _persons(0.75)]
    evidence = person_evidence(found, [100] * 4, min_score=0.7)
    assert evidence.fraction == 0.5
    assert evidence.max_persons == 2
    assert evidence.mean_score == pytest.approx((0.9 + 0.6 + 0.75) / 4)
    assert evidence.height_fraction == pytest.approx(0.55)


def test_faces_and_hands_are_evidence_of_their_own() -> None:
    hands_only = replace(NOBODY, hand=0.8)
    found = [hands_only, replace(NOBODY, face=0.7, hand=0.4), NOBODY, hands_only]
    evidence = person_evidence(found, [100] * 4, min_score=0.7)
    assert (evidence.fraction, evidence.face_fraction, evidence.hand_fraction) == (0, 0.25, 0.5)


def test_the_default_detector_sees_the_face_in_a_photograph(
    portrait: np.ndarray, opened: dict[str, Opened]
) -> None:
    try:
        detector = opened["blazepose"][0] if "blazepose" in opened else BlazePose().open()
    except WeightsError as error:
        pytest.skip(str(error))
    (found,) = detector.detect([portrait])
    assert found.face > 0.5


def test_no_frames_are_no_evidence() -> None:
    assert person_evidence([], [], min_score=0.5).fraction == 0.0


@given(
    st.lists(st.lists(st.floats(0, 1, width=32), max_size=4), min_size=1, max_size=8),
    st.floats(0.1, 0.9),
)
def test_evidence_falls_as_the_score_asked_for_rises(
    scores: list[list[float]], min_score: float
) -> None:
    found = [_persons(*sorted(frame, reverse=True)) for frame in scores]
    low = person_evidence(found, [100] * len(found), min_score)
    high = person_evidence(found, [100] * len(found), min_score + 0.1)
    assert 0 <= high.fraction <= low.fraction <= 1
    assert high.max_persons <= low.max_persons
