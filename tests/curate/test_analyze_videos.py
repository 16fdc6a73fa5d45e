from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import pytest
from tests.video.films import film

from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.stage import split
from hashtag2action.vision.fingerprint import Fingerprint
from hashtag2action.vision.person_detectors import Yolox


def place(seed: int, count: int, height: int = 96, width: int = 64) -> list[np.ndarray]:
    noise = np.random.default_rng(seed).random((6, 4, 3)).astype(np.float32)
    wall = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    frames = []
    for number in range(count):
        frame = (60 + 140 * wall).astype(np.uint8)
        x = number * 2 % (width - 10)
        frame[height // 3 : -height // 3, x : x + 8] = 20
        frames.append(frame)
    return frames


def analyze(paths: list[Path], stage: AnalyzeVideos | None = None) -> pa.Table:
    stage = stage or AnalyzeVideos(persons=None)
    given = pa.table(
        {
            "video_id": [path.stem for path in paths],
            "video_path": [path.as_posix() for path in paths],
            "note": ["kept along"] * len(paths),
        }
    )
    made = stage.open(Path("unused"))(given)
    kept, rejected = split(stage, given, made)
    assert kept.num_rows + rejected.num_rows == made.num_rows
    return made


def test_scenes_are_found_and_measured(tmp_path: Path):
    path = film(tmp_path / "a.mp4", place(1, 50) + place(2, 75))
    first, second = analyze([path]).to_pylist()
    assert (first["clip_id"], second["clip_id"]) == ("a-000", "a-001")
    assert (first["start_s"], first["end_s"], first["num_frames"]) == (0.0, 2.0, 50)
    assert (second["start_s"], second["end_s"], second["num_frames"]) == (2.0, 5.0, 75)
    assert [first["opening_transition"], second["opening_transition"]] == ["start", "cut"]
    assert [first["is_longest_scene"], second["is_longest_scene"]] == [False, True]
    assert (first["width_px"], first["height_px"], first["codec"]) == (64, 96, "h264")
    assert first["num_frames_promised"] == first["num_frames_seen"] == 125
    assert first["motion_score"] > 1
    assert first["black_fraction"] == first["still_fraction"] == 0
    assert first["note"] == "kept along"
    assert len(second["fingerprint_times_s"]) >= 10


def test_a_video_is_measured_the_same_alone_and_among_others(tmp_path: Path):
    paths = [film(tmp_path / f"{k}.mp4", place(k, 30) + place(k + 9, 30)) for k in range(3)]
    together = analyze(paths)
    apart = pa.concat_tables([analyze([path]) for path in paths])
    assert together.equals(apart)


def test_without_a_detector_the_person_columns_are_empty(tmp_path: Path):
    row = analyze([film(tmp_path / "a.mp4", place(1, 20))]).to_pylist()[0]
    assert row["person_fraction"] is None
    assert row["num_sampled_frames"] is None


def broken_files(folder: Path) -> dict[str, Path]:
    """Files that are no videos, and the words that say why."""
    good = film(folder / "good.mp4", place(1, 100), options={"g": "10"}).read_bytes()
    faststart = folder / "faststart.mp4"
    with av.open(str(folder / "good.mp4")) as source:
        stream = source.streams.video[0]
        options = {"movflags": "+faststart"}
        with av.open(str(faststart), "w", options=options) as target:
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    target.mux(packet)
    contents = {
        "empty file": b"",
        "web page": b"<html><body>403 Forbidden</body></html>",
        "not a video": b"words, and nothing but words",
        "its index is missing": good[: len(good) // 2],
        "truncated, ": faststart.read_bytes()[: faststart.stat().st_size // 2],
    }
    files = {}
    for number, (words, data) in enumerate(contents.items()):
        files[words] = folder / f"broken{number}.mp4"
        files[words].write_bytes(data)
    return files


def test_what_cannot_be_read_is_rejected_with_its_reason(tmp_path: Path):
    files = broken_files(tmp_path)
    rows = analyze([tmp_path / "good.mp4", *files.values(), tmp_path / "missing.mp4"]).to_pylist()
    assert rows[0]["reject_reason"] is None
    for words, row in zip(files, rows[1:-1], strict=True):
        assert row["reject_reason"].startswith("unreadable:")
        assert words in row["reject_reason"]
        assert row["clip_id"] is None
    assert "No such file" in rows[-1]["reject_reason"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_video_of_few_frames_is_one_scene(tmp_path: Path, count: int):
    rows = analyze([film(tmp_path / "a.mp4", place(1, count))]).to_pylist()
    assert [row["num_frames"] for row in rows] == [count]
    assert rows[0]["end_s"] == pytest.approx(count / 25)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx265", "yuv420p10le"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mkv", "libsvtav1", "yuv420p"),
        ("a.mp4", "libx264", "yuv444p"),
        ("a.avi", "mpeg4", "yuv420p"),
        ("a.mkv", "ffv1", "bgr0"),
        ("a.mkv", "mjpeg", "yuvj420p"),
    ],
)
def test_every_codec_and_depth_gives_the_same_scenes(
    tmp_path: Path, name: str, codec: str, pixel_format: str
):
    frames = place(1, 30) + place(2, 40)
    path = film(tmp_path / name, frames, codec=codec, pixel_format=pixel_format)
    first, second = analyze([path]).to_pylist()
    assert (first["num_frames"], second["num_frames"]) == (30, 40)
    assert abs(first["brightness"] - 125) < 15


def test_rotated_odd_and_uneven_videos_are_read(tmp_path: Path):
    turned = film(tmp_path / "turned.mp4", place(1, 30, 64, 96), rotation_deg=90)
    odd = film(tmp_path / "odd.webm", place(1, 30, 97, 65), codec="libvpx-vp9")
    stamps = [40 * k + (15 if k % 3 else 0) for k in range(60)]
    frames = place(1, 30) + place(2, 30)
    base = Fraction(1, 1000)
    uneven = film(tmp_path / "uneven.mp4", frames, stamps=stamps, time_base=base, rate=100)
    rows = analyze([turned, odd, uneven]).to_pylist()
    assert [(row["width_px"], row["height_px"]) for row in rows[:2]] == [(64, 96), (65, 97)]
    assert rows[2]["end_s"] == rows[3]["start_s"] == pytest.approx(1.2)
    assert rows[3]["frame_rate"] == pytest.approx(59 / 2.375, rel=0.01)


def test_a_turned_copy_has_the_fingerprint_of_its_upright_original(tmp_path: Path):
    frames = place(1, 30)
    upright = film(tmp_path / "upright.mp4", frames, options={"crf": "5"})
    sideways = [np.rot90(frame, -1) for frame in frames]
    turned = film(tmp_path / "turned.mp4", sideways, rotation_deg=90, options={"crf": "5"})
    one, other = analyze([upright, turned]).to_pylist()
    waves = [
        Fingerprint.from_bytes(row["fingerprints"], np.array(row["fingerprint_times_s"])).waves
        for row in (one, other)
    ]
    assert np.abs(waves[0] - waves[1]).mean() < 0.1
    assert np.abs(waves[0]).mean() > 0.5


def test_short_scenes_are_looked_at_three_times(tmp_path: Path, shared: Callable[[str], Path]):
    pytest.importorskip("onnxruntime")
    frames = place(1, 50) + place(2, 20) + place(3, 50)
    stage = AnalyzeVideos(persons=Yolox(path=shared("models/yolox_nano_416.onnx")))
    rows = analyze([film(tmp_path / "a.mp4", frames)], stage).to_pylist()
    assert len(rows) == 3
    assert min(row["num_sampled_frames"] for row in rows) >= 3
    assert {row["person_fraction"] for row in rows} == {0.0}


def test_no_real_file_is_lost(shared: Callable[[str], Path]):
    paths = [
        path
        for folder in ("data/odd", "data/samples")
        for path in sorted(shared(folder).iterdir())
        if path.suffix
    ]
    rows = analyze(paths).to_pylist()
    assert {row["video_id"] for row in rows} == {path.stem for path in paths}
    assert all(row["reject_reason"] is None for row in rows)
