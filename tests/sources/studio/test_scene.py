from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hashtag2action.sources.studio.look import look_of, rng_for
from hashtag2action.sources.studio.motion import ACTIONS
from hashtag2action.sources.studio.scene import Scene, scene_frames
from hashtag2action.vision.person_detectors import Yolox

SIZE = (180, 320)


def frames_of(scene: Scene, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.stack(list(scene_frames(scene, size)))


@pytest.mark.parametrize("kind", ["person", "landscape", "product", "title", "hands"])
@pytest.mark.parametrize("bars", ["", "blurred", "black"])
def test_a_scene_has_the_frames_it_says_and_always_the_same(kind: str, bars: str) -> None:
    scene = Scene("k", kind, 4, action="squats", person=3, outfit=4, place=5, bars=bars)
    frames = frames_of(scene)
    assert frames.shape == (4, 320, 180, 3)
    assert frames.dtype == np.uint8
    assert np.array_equal(frames, frames_of(scene))
    assert frames.std() > 5


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_moves(action: str) -> None:
    frames = frames_of(Scene("moves", "person", 26, action=action)).astype(np.int16)
    moved = (np.abs(frames[25] - frames[0]).max(axis=-1) > 25).mean()
    assert moved > 0.005


def test_bars_are_where_the_picture_is_not() -> None:
    frames = frames_of(Scene("k", "person", 2, bars="black"))
    dark = frames.max(axis=(0, 3)) == 0
    assert dark.all(axis=1)[0] or dark.all(axis=0)[0]
    assert not dark[160, 90]


def test_a_person_looks_the_same_in_any_outfit_of_the_same_pool() -> None:
    one, two, other = look_of("a", 1, 1), look_of("a", 1, 2), look_of("b", 1, 1)
    assert np.array_equal(one.skin, two.skin)
    assert not np.array_equal(one.shirt, two.shirt)
    assert not np.array_equal(one.shirt, other.shirt)


def test_generators_depend_on_their_parts_alone() -> None:
    assert rng_for("a", 1).integers(1 << 30) == rng_for("a", 1).integers(1 << 30)
    assert rng_for("a", 12).integers(1 << 30) != rng_for("a1", 2).integers(1 << 30)


def test_a_real_detector_finds_the_people_and_only_them(shared: Callable[[str], Path]) -> None:
    detector = Yolox(path=shared("models/yolox_nano_416.onnx")).open()

    def best(kind: str, action: str, number: int) -> float:
        scene = Scene(f"d{number}", kind, 2, action=action, person=number, outfit=number)
        scores = detector.detect([frames_of(scene, (360, 640))[1]])[0].scores
        return float(scores.max(initial=0))

    found = [best("person", action, k) for action in ACTIONS for k in range(2)]
    assert np.mean(np.array(found) >= 0.5) >= 0.9
    assert (
        max(best(kind, "", k) for kind in ("landscape", "product", "title") for k in range(4)) < 0.3
    )
