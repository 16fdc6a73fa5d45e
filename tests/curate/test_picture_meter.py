from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from tests.video.films import film
from tests.vision.pictures import seen, wall, written

from hashtag2action.curate.analyze_videos import AnalyzeVideos

SIZE = (180, 320)


def analyze(path: Path) -> list[dict[str, float]]:
    given = pa.table({"video_id": [path.stem], "video_path": [path.as_posix()]})
    return AnalyzeVideos(persons=None).open(Path("unused"))(given).to_pylist()


def colored(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture[:, :, None], 3, axis=2)


def pan(seed: int, count: int, step_px: float, inner_px: int = 320) -> list[np.ndarray]:
    """A camera that pans along a wall, in a picture that has black bars above and below."""
    world = wall(seed, 400, 600)
    top = (SIZE[1] - inner_px) // 2
    frames = []
    for number in range(count):
        canvas = np.full(SIZE[::-1], 16, np.uint8)
        inner = seen(world, (SIZE[0], inner_px), (step_px * number, 0.0))
        canvas[top : top + inner_px] = inner
        frames.append(colored(canvas))
    return frames


def walk(frames: list[np.ndarray], step_px: int) -> list[np.ndarray]:
    """Somebody walks through."""
    somebody = colored(wall(9, 120, 40))
    for number, frame in enumerate(frames):
        left = 10 + step_px * number % 120
        frame[100:220, left : left + 40] = somebody
    return frames


def test_a_camera_and_a_subject_are_told_apart(tmp_path: Path):
    (still,) = analyze(film(tmp_path / "a.mp4", walk(pan(1, 60, 0.0), 2)))
    (panned,) = analyze(film(tmp_path / "b.mp4", pan(1, 60, 1.8)))
    assert still["camera_motion"] < 0.03
    assert still["subject_motion"] > 0.1
    # 1.8 of 180 pixels, 25 times a second.
    assert panned["camera_motion"] == pytest.approx(0.25, rel=0.15)
    assert panned["subject_motion"] < 0.1


def test_a_panned_photograph_is_one_and_a_walk_is_none(tmp_path: Path):
    (photo,) = analyze(film(tmp_path / "a.mp4", pan(2, 60, 0.3)))
    (walked,) = analyze(film(tmp_path / "b.mp4", walk(pan(2, 60, 0.3), 2)))
    assert photo["photo_fraction"] == 1
    assert photo["still_fraction"] < 0.5
    assert walked["photo_fraction"] == 0


def test_bars_are_measured_upright(tmp_path: Path):
    frames = walk(pan(3, 50, 0.0, inner_px=200), 2)
    (upright,) = analyze(film(tmp_path / "a.mp4", frames))
    turned = [np.ascontiguousarray(np.rot90(frame, -1)) for frame in frames]
    (rotated,) = analyze(film(tmp_path / "b.mp4", turned, rotation_deg=90))
    for row in (upright, rotated):
        assert row["crop_top"] == pytest.approx(60 / 320, abs=0.01)
        assert row["crop_bottom"] == pytest.approx(60 / 320, abs=0.01)
        assert row["crop_left"] == row["crop_right"] == 0
        # Black bars are not the picture's darkness.
        assert row["dark_fraction"] < 0.1


def test_a_caption_is_overlay_and_a_cut_starts_anew(tmp_path: Path):
    plain = walk(pan(4, 50, 1.0), 2)
    said = [
        colored(written(np.ascontiguousarray(frame[:, :, 0]), "wait for it", (20, 270), 22))
        for frame in walk(pan(5, 50, 1.0), 2)
    ]
    first, second = analyze(film(tmp_path / "a.mp4", plain + said))
    assert first["overlay_fraction"] < 0.005
    assert second["overlay_fraction"] == pytest.approx(0.05, abs=0.02)


def test_drawn_and_soft_pictures_say_so(tmp_path: Path):
    card = colored(written(np.full((320, 180), 120, np.uint8), "DAY 12", (40, 160), 30))
    (drawn,) = analyze(film(tmp_path / "a.mp4", [card] * 40))
    sharp_frames = walk(pan(6, 40, 0.0), 2)
    soft_frames = [cv2.GaussianBlur(frame, (0, 0), 4) for frame in sharp_frames]
    (sharp,) = analyze(film(tmp_path / "b.mp4", sharp_frames))
    (soft,) = analyze(film(tmp_path / "c.mp4", soft_frames))
    assert drawn["drawn_score"] > 0.85
    assert sharp["drawn_score"] < 0.3
    assert soft["sharpness"] < sharp["sharpness"] / 2


def test_a_video_too_short_to_tell_is_not_judged(tmp_path: Path):
    (row,) = analyze(film(tmp_path / "a.mp4", pan(7, 5, 0.0)))
    assert row["overlay_fraction"] is row["photo_fraction"] is row["crop_top"] is None


def test_a_sliver_of_a_picture_is_not_judged(tmp_path: Path):
    sliver = [np.full((2, 1200, 3), 40, np.uint8)] * 40
    (row,) = analyze(film(tmp_path / "a.mp4", sliver))
    assert row["camera_motion"] is row["sharpness"] is None


def test_waiting_for_company_alters_no_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frames = walk(pan(1, 60, 1.8, inner_px=240), 2) + pan(2, 75, 0.3)
    # Encoded once: the encoder need not write equal frames in equal bytes.
    path = film(tmp_path / "a.mp4", frames)
    together = analyze(path)
    monkeypatch.setattr("hashtag2action.curate.picture_meter._MOST_HELD_BYTES", 1)
    one_by_one = analyze(path)
    assert len(together) == 2
    assert one_by_one == together
