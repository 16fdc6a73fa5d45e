from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tests.video.films import film, number_of, numbered_frames

from hashtag2action.errors import VideoError
from hashtag2action.video.decode import decode_at


def test_the_frame_shown_is_the_last_that_began(tmp_path: Path):
    path = film(tmp_path / "a.mp4", numbered_frames(50), options={"g": "12", "bf": "3"})
    times = [0.0, 0.039, 0.041, 1.0, 1.239, 1.95]
    found = [round(number_of(frame)) for frame in decode_at(path, times)]
    assert found == [0, 0, 1, 25, 30, 48]


def test_seeking_finds_the_same_frames_as_walking(tmp_path: Path):
    path = film(tmp_path / "a.mp4", numbered_frames(50), options={"g": "12", "bf": "3"})
    for number in range(50):
        frame = decode_at(path, [number / 25 + 0.01])[0]
        assert round(number_of(frame)) == number


def test_times_outside_repeat_the_first_and_the_last_frame(tmp_path: Path):
    path = film(tmp_path / "a.mp4", numbered_frames(20))
    frames = decode_at(path, [-1.0, 0.5, 9.0, 99.0])
    assert [round(number_of(frame)) for frame in frames] == [0, 12, 19, 19]


def test_times_may_come_in_any_order_and_repeat(tmp_path: Path):
    path = film(tmp_path / "a.mp4", numbered_frames(20))
    frames = decode_at(path, [0.41, 0.01, 0.41, 0.21])
    assert [round(number_of(frame)) for frame in frames] == [10, 0, 10, 5]


def test_variable_rate_goes_by_the_clock(tmp_path: Path):
    stamps = [0, 10, 100, 110, 300]
    path = film(
        tmp_path / "a.mp4", numbered_frames(5), stamps=stamps, time_base=Fraction(1, 1000), rate=100
    )
    frames = decode_at(path, [0.05, 0.1, 0.2, 0.31])
    assert [round(number_of(frame)) for frame in frames] == [1, 2, 3, 4]


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_pictures_are_upright(tmp_path: Path, rotation: int):
    upright = numbered_frames(5)
    stored = [np.rot90(frame, -rotation // 90) for frame in upright]
    path = film(tmp_path / "a.mp4", stored, rotation_deg=rotation)
    frame = decode_at(path, [0.0])[0]
    assert frame.shape == upright[0].shape
    assert np.abs(frame.astype(int) - upright[0]).mean() < 6


def test_scaling_keeps_the_aspect(tmp_path: Path):
    path = film(tmp_path / "a.mp4", numbered_frames(5, 64, 96))
    assert decode_at(path, [0.0, 0.1], short_side_px=32).shape == (2, 32, 48, 3)
    assert decode_at(path, [0.0]).dtype == np.uint8


@pytest.mark.parametrize(
    ("codec", "pixel_format", "name"),
    [("libx265", "yuv420p10le", "a.mp4"), ("libvpx-vp9", "yuv420p", "a.webm"),
     ("mpeg4", "yuv420p", "a.avi"), ("libsvtav1", "yuv420p", "a.mkv")],
)  # fmt: skip
def test_every_codec_gives_the_same_pictures(
    tmp_path: Path, codec: str, pixel_format: str, name: str
):
    path = film(tmp_path / name, numbered_frames(30), codec=codec, pixel_format=pixel_format)
    start_s = 0.04 if name.endswith("avi") else 0.0
    for number in (0, 7, 20, 29):
        frame = decode_at(path, [start_s + number / 25 + 0.01])[0]
        assert number_of(frame) == pytest.approx(number, abs=1.0)


def test_a_truncated_film_gives_what_it_has(tmp_path: Path):
    path = film(tmp_path / "a.mkv", numbered_frames(50), options={"g": "5"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    first, last = decode_at(path, [0.0, 100.0])
    assert round(number_of(first)) == 0
    assert 5 < number_of(last) < 45


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"<html><body>403 Forbidden</body></html>", "web page"),
        (b"\x00\x00\x00\x20ftypisom" + bytes(100), "truncated"),
        (b"just some words", "not a video"),
    ],
)
def test_what_is_no_video_says_why(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=words):
        decode_at(path, [0.0])


def test_a_missing_file_says_so(tmp_path: Path):
    with pytest.raises(VideoError, match="No such file"):
        decode_at(tmp_path / "a.mp4", [0.0])


def test_sound_alone_is_no_video(tmp_path: Path):
    path = tmp_path / "a.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), "fltp", "mono")
        silence.sample_rate = 16000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    with pytest.raises(VideoError, match="only audio"):
        decode_at(path, [0.0])


def test_real_odd_files_all_decode(shared: Callable[[str], Path]):
    for path in sorted(shared("data/odd").iterdir()):
        frames = decode_at(path, [0.0, 0.7], short_side_px=64)
        assert frames.shape[0] == 2
        assert min(frames.shape[1:3]) == 64
