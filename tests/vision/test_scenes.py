import cv2
import numpy as np
import pytest

from hashtag2action.vision.scenes import AdaptiveScenes, SceneSignals, Transition

RATE = 25


def place(seed: int) -> np.ndarray:
    """A smooth picture of some place, 64 x 36, gray levels 40 to 200."""
    noise = np.random.default_rng(seed).random((9, 5)).astype(np.float32)
    return 40 + 160 * cv2.resize(noise, (36, 64), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def scene(seed: int, count: int, drift_px: float = 0.0, walker_px: float = 0.3) -> list[np.ndarray]:
    """A place seen by a drifting camera, with somebody walking through."""
    wide = np.pad(place(seed), ((0, 0), (200, 200)), mode="reflect")
    frames = []
    for number in range(count):
        left = 200 + int(drift_px * number)
        frame = wide[:, left : left + 36].copy()
        x = int(5 + walker_px * number) % 31
        frame[25:45, x : x + 5] = 20
        frames.append(frame)
    return frames


def find(
    frames: list[np.ndarray], detector: AdaptiveScenes | None = None, least_jump: float = 0.0
) -> list[Transition]:
    rng = np.random.default_rng(0)
    signals = SceneSignals(least_jump)
    for frame in frames:
        luma = (frame + rng.normal(0, 2, frame.shape)).clip(0, 255).astype(np.uint8)
        gray = np.full((32, 18), 128, np.uint8)
        signals.add(luma, (gray, gray), float(luma.std()))
    times_s = np.arange(len(frames)) / RATE
    return (detector or AdaptiveScenes()).find(signals, times_s)


def starts(found: list[Transition]) -> list[tuple[int, str]]:
    return [(one.frame, one.kind) for one in found]


def test_cuts_are_found_to_the_frame():
    frames = scene(1, 40) + scene(2, 30) + scene(3, 50)
    assert starts(find(frames)) == [(0, "start"), (40, "cut"), (70, "cut")]


def test_a_cut_between_dark_rooms_is_found():
    frames = [20 + frame * 0.3 for frame in scene(1, 40) + scene(2, 40)]
    assert starts(find(frames)) == [(0, "start"), (40, "cut")]


@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_flash_is_no_cut(length: int):
    frames = scene(1, 80)
    for number in range(40, 40 + length):
        frames[number] = frames[number] * 0.3 + 180
    assert starts(find(frames)) == [(0, "start")]


def test_fast_motion_and_a_drifting_camera_are_no_cuts():
    assert starts(find(scene(1, 100, drift_px=1.5, walker_px=7))) == [(0, "start")]


def test_a_caption_that_pops_up_is_no_cut():
    frames = scene(1, 80)
    for frame in frames[30:]:
        frame[48:54, 4:32] = 250
    assert starts(find(frames)) == [(0, "start")]


@pytest.mark.parametrize("length", [8, 14, 24])
def test_a_dissolve_is_found_near_its_middle(length: int):
    one, other = scene(1, 60), scene(2, 60)
    shares = (np.arange(length) + 1) / (length + 1)
    mix = [
        a * (1 - share) + b * share
        for a, b, share in zip(one[-length:], other[:length], shares, strict=True)
    ]
    frames = one[:-length] + mix + other[length:]
    found = find(frames)
    assert [begin.kind for begin in found] == ["start", "dissolve"]
    assert abs(found[1].frame - (60 - length / 2)) <= 3


def test_light_that_fades_within_a_scene_is_no_dissolve():
    lights = np.linspace(1, 0.5, 80)
    frames = [frame * light for frame, light in zip(scene(1, 80), lights, strict=True)]
    assert starts(find(frames)) == [(0, "start")]


def test_of_two_cuts_too_close_the_stronger_stays():
    frames = scene(1, 40) + scene(2, 2) + scene(3, 40)
    assert len(find(frames)) == 2
    assert len(find(frames, AdaptiveScenes(min_scene_s=0.0))) >= 2


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_videos_are_one_scene(count: int):
    assert starts(find(scene(1, count))) == [(0, "start")]


def test_changes_that_are_not_followed_alter_nothing():
    detector = AdaptiveScenes()
    least_jump = detector.open()().least_jump
    frames = scene(1, 40, drift_px=1.0) + scene(2, 30) + scene(3, 12) + scene(4, 30, drift_px=1.0)
    for number in range(50, 53):
        frames[number] = frames[number] * 0.3 + 180
    dark = [20 + frame * 0.3 for frame in frames]
    for some in (frames, dark):
        every = find(some, detector)
        assert len(every) >= 3
        assert find(some, detector, least_jump) == every


def test_next_to_no_frame_of_a_scene_is_followed():
    signals = SceneSignals(AdaptiveScenes().open()().least_jump)
    gray = np.full((32, 18), 128, np.uint8)
    for frame in scene(1, 40) + scene(2, 40):
        luma = frame.clip(0, 255).astype(np.uint8)
        signals.add(luma, (gray, gray), float(luma.std()))
    followed = [number for number, row in enumerate(signals.changes) if np.isfinite(row[1])]
    assert followed == list(range(40, 46))
