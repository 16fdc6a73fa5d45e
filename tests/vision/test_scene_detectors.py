"""One contract for all scene detectors, on one rendered film with known cuts and a dissolve."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from tests.video.films import film

from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.video.walk import TimedFrame, walk_video
from hashtag2action.vision.scene_detectors import (
    AnySceneDetector,
    ContentCuts,
    RollingCuts,
    TransNet,
)
from hashtag2action.vision.scenes import AdaptiveScenes, SceneFinder, SceneSignals, Transition
from hashtag2action.vision.transnet import blocks_over

RATE = 25
CUTS, DISSOLVE = (35, 65), (95, 113)
DETECTORS = {
    "adaptive": AdaptiveScenes(),
    "pyscenedetect_content": ContentCuts(),
    "pyscenedetect_adaptive": RollingCuts(),
    "transnetv2": TransNet(over="everything"),
    "transnetv2 where in doubt": TransNet(),
}
NewFinder = Callable[[], SceneFinder]


def scene(seed: int, count: int) -> list[np.ndarray]:
    """Somewhere in color, with something dark that walks through."""
    rng = np.random.default_rng(seed)
    noise = rng.random((9, 6, 3)).astype(np.float32)
    wall = cv2.resize(noise, (108, 192), interpolation=cv2.INTER_CUBIC).clip(0, 1) * 200 + 20
    frames = []
    for number in range(count):
        frame = wall.astype(np.uint8)
        left = 10 + number // 2
        frame[60:150, left : left + 20] = 25
        frames.append(frame)
    return frames


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first, second, third, last = (scene(seed, 100) for seed in range(4))
    length = DISSOLVE[1] - DISSOLVE[0]
    shares = [(k + 1) / (length + 1) for k in range(length)]
    mix = [
        cv2.addWeighted(a, 1 - share, b, share, 0)
        for a, b, share in zip(third[30 : 30 + length], last, shares, strict=False)
    ]
    frames = first[:35] + second[:30] + third[:30] + mix + last[length : length + 32]
    return film(tmp_path_factory.mktemp("films") / "a.mp4", frames, options={"crf": "18"})


@pytest.fixture(scope="module", params=DETECTORS)
def finders(request: pytest.FixtureRequest) -> NewFinder:
    return DETECTORS[request.param].open()


def watch(path: Path, new_finder: NewFinder, speed: float = 1.0) -> list[Transition]:
    finder, signals, times = new_finder(), SceneSignals(), []
    for frame in slowed(path, speed):
        luma, blue, red = (np.ascontiguousarray(plane) for plane in frame.planes(3))
        signals.add(luma, (blue, red), float(luma.std()))
        finder.add(frame)
        times.append(frame.time_s)
    return finder.find(signals, np.array(times))


def slowed(path: Path, speed: float) -> Iterator[TimedFrame]:
    with walk_video(path) as walk:
        for frame in walk:
            yield replace(frame, time_s=frame.time_s / speed)


@pytest.fixture(scope="module")
def found(path: Path, finders: NewFinder) -> list[Transition]:
    return watch(path, finders)


def test_cuts_are_found_to_the_frame_and_in_order(found: list[Transition]) -> None:
    assert found[0] == Transition(0, "start", 0.0)
    frames = [one.frame for one in found]
    assert frames == sorted(set(frames))
    assert [one.frame for one in found if one.kind == "cut"] == list(CUTS)
    assert all(one.score > 0 for one in found[1:])


def test_the_same_frames_give_the_same_scenes(
    path: Path, finders: NewFinder, found: list[Transition]
) -> None:
    assert watch(path, finders) == found


def test_a_dissolve_is_found_once_near_its_middle(
    found: list[Transition], request: pytest.FixtureRequest
) -> None:
    soft = [one for one in found if one.kind == "dissolve"]
    if "pyscenedetect" in request.node.callspec.params["finders"]:
        assert not soft  # These detectors know cuts only.
        return
    assert len(soft) == 1
    assert abs(soft[0].frame - sum(DISSOLVE) / 2) <= 5


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_videos_are_one_scene(tmp_path: Path, finders: NewFinder, count: int) -> None:
    short = film(tmp_path / "short.mp4", scene(1, count))
    assert watch(short, finders) == [Transition(0, "start", 0.0)]


def test_what_the_first_detector_just_misses_the_network_finds(path: Path) -> None:
    found = watch(path, AdaptiveScenes().open())
    weakest = min(one.score for one in found if one.kind == "cut")
    blind = AdaptiveScenes(cut_threshold=1.1 * weakest, max_mix_doubt=0.01)
    assert len(watch(path, blind.open())) < len(found)
    helped = watch(path, TransNet(first=blind).open())
    assert [one.kind for one in helped] == ["start", "cut", "cut", "dissolve"]
    assert [one.frame for one in helped[1:3]] == list(CUTS)


def test_where_nothing_is_doubtful_the_network_is_not_asked(tmp_path: Path) -> None:
    still = film(tmp_path / "still.mp4", scene(1, 1) * 120)
    finder = TransNet().open()
    asked: list[object] = []
    made = finder()
    net = made._net  # pyright: ignore
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(net._net, "predict_raw", asked.append)
        assert watch(still, lambda: made) == [Transition(0, "start", 0.0)]
    assert not asked


def test_blocks_are_scored_as_the_port_scores_a_whole_video() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra [transnet]")
    from hashtag2action.vision.transnet import TransNetV2

    pictures = np.random.default_rng(0).integers(0, 256, (70, 27, 48, 3), np.uint8)
    net = TransNetV2("cpu", 1)
    with torch.inference_mode():
        expected = net._net.predict_frames(torch.from_numpy(pictures), quiet=True)
    for scores, told in zip(net.scores(list(pictures), [0, 50]), expected, strict=True):
        np.testing.assert_allclose(scores, told.numpy(), atol=1e-5)
    only = net.scores(list(pictures), [50])[0]
    np.testing.assert_allclose(only[50:], expected[0][50:].numpy(), atol=1e-5)
    assert not only[:50].any()


def test_blocks_hold_all_that_is_asked_for() -> None:
    asked = np.zeros(400, bool)
    asked[[3, 40, 52, 53, 54, 390]] = True
    assert blocks_over(asked) == [3, 53, 390]
    assert blocks_over(np.ones(120, bool)) == [0, 50, 100]
    assert blocks_over(np.zeros(120, bool)) == []


def test_loading_the_network_leaves_the_process_as_it_was() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra [transnet]")

    def state() -> list[object]:
        return [
            random.getstate(),
            np.random.get_state()[1].tolist(),  # pyright: ignore  # noqa: NPY002
            torch.get_rng_state().tolist(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_num_threads(),
        ]

    before = state()
    TransNet().open()
    assert state() == before


def test_the_shortest_scene_is_in_seconds_at_any_rate(path: Path) -> None:
    settings = RollingCuts(min_scene_s=1.3)
    slow, fast = (watch(path, settings.open(), speed) for speed in (0.5, 1.0))
    assert [one.frame for one in slow] == [0, *CUTS]
    assert [one.frame for one in fast] == [0, CUTS[0]]


def test_recipes_that_name_no_kind_mean_the_default() -> None:
    adapter = TypeAdapter(AnySceneDetector)
    assert adapter.validate_python({"cut_threshold": 18}) == AdaptiveScenes(cut_threshold=18)
    assert adapter.validate_python({"kind": "transnetv2"}) == TransNet()
    assert isinstance(AnalyzeVideos(persons=None).scenes, AdaptiveScenes)
    with pytest.raises(ValidationError, match="pyscenedetect_content"):
        adapter.validate_python({"kind": "histogram"})
