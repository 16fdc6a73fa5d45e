from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from tests.video.films import film, numbered_frames

from hashtag2action.errors import VideoError
from hashtag2action.video.probe import probe_video


def test_a_film_is_described(tmp_path: Path):
    info = probe_video(film(tmp_path / "a.mp4", numbered_frames(30), rate=Fraction(30000, 1001)))
    assert (info.codec, info.pixel_format) == ("h264", "yuv420p")
    assert (info.width_px, info.height_px, info.rotation_deg) == (96, 64, 0)
    assert info.frame_rate == Fraction(30000, 1001)
    assert info.duration_s == pytest.approx(1.001)
    assert info.num_frames_promised == 30


def test_size_is_that_of_the_upright_picture(tmp_path: Path):
    info = probe_video(film(tmp_path / "a.mp4", numbered_frames(3), rotation_deg=90))
    assert (info.width_px, info.height_px, info.rotation_deg) == (64, 96, 90)


def test_unsaid_promises_are_none(tmp_path: Path):
    info = probe_video(film(tmp_path / "a.mkv", numbered_frames(30)))
    assert info.num_frames_promised is None
    assert info.duration_s == pytest.approx(1.2)


def test_metadata_that_is_not_utf8_is_let_pass(tmp_path: Path):
    path = film(tmp_path / "a.avi", numbered_frames(5), codec="mpeg4", metadata={"title": "XYZW"})
    path.write_bytes(path.read_bytes().replace(b"XYZW", b"\xff\xfe\xe9\xe8"))
    assert probe_video(path).codec == "mpeg4"


def test_an_index_without_pictures_is_refused(tmp_path: Path):
    path = film(tmp_path / "a.mp4", numbered_frames(5), options={"g": "1"})
    data = path.read_bytes()
    place = data.index(b"mdat") + 4
    path.write_bytes(data[:place] + bytes(len(data) - place))
    with pytest.raises(VideoError):
        probe_video(path)


def test_real_clip_with_broken_metadata_is_described(shared: Callable[[str], Path]):
    name = "data/samples/hmdb51_Turnk_r_Pippi_Michel_cartwheel_f_cm_np2_le_med_6.avi"
    assert probe_video(shared(name)).num_frames_promised == 84
