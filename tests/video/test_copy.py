from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from tests.video.films import film, numbered_frames

from hashtag2action.errors import VideoError
from hashtag2action.video.copy import copy_clip
from hashtag2action.video.decode import decode_at
from hashtag2action.video.probe import probe_video

KINDS = {
    "h264": ("a.mp4", {"codec": "libx264", "options": {"g": "12", "bf": "3"}}),
    "open_gop": ("a.mp4", {"codec": "libx265", "options": {"x265-params": "keyint=12:open-gop=1"}}),
    "vp9": ("a.webm", {"codec": "libvpx-vp9", "options": {"g": "12"}}),
    "vp8": ("a.webm", {"codec": "libvpx", "options": {"g": "12"}}),
    "av1": ("a.mp4", {"codec": "libsvtav1", "options": {"g": "12", "preset": "12"}}),
    "ntsc": ("a.mp4", {"rate": Fraction(30000, 1001), "options": {"g": "12"}}),
    "turned": ("a.mp4", {"rotation_deg": 90, "options": {"g": "12"}}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_pictures_of_the_span_are_the_source_s_own(tmp_path: Path, kind: str):
    name, how = KINDS[kind]
    source = film(tmp_path / name, numbered_frames(60, 64, 96), **how)
    rate = float(how.get("rate", 25))
    for first, last in ((0, 5), (11, 13), (12, 40), (31, 60)):
        target = tmp_path / f"{kind}-{first}.mp4"
        copied = copy_clip(source, target, first / rate, last / rate)
        steps = (np.arange(last - first) + 0.25) / rate
        np.testing.assert_array_equal(
            decode_at(copied.path, copied.start_s + steps), decode_at(source, first / rate + steps)
        )
        assert copied.end_s - copied.start_s == pytest.approx((last - first) / rate, abs=1e-3)
        assert probe_video(copied.path).rotation_deg == probe_video(source).rotation_deg
        # The very first moment counts as inside, in spite of rounding.
        np.testing.assert_array_equal(
            decode_at(copied.path, [copied.start_s])[0],
            decode_at(source, [(first + 0.25) / rate])[0],
        )
    assert not list(tmp_path.glob("*.part.*"))


def test_variable_rates_keep_their_times(tmp_path: Path):
    stamps = [0, 40, 90, 200, 210, 400, 440, 500, 520, 900]
    options = {"g": "3", "bf": "0"}
    source = film(
        tmp_path / "a.mp4",
        numbered_frames(10),
        stamps=stamps,
        time_base=Fraction(1, 1000),
        options=options,
    )
    copied = copy_clip(source, tmp_path / "b.mp4", 0.21, 0.52)
    times = np.array([0.0, 0.19, 0.23, 0.29])
    np.testing.assert_array_equal(
        decode_at(copied.path, copied.start_s + times), decode_at(source, 0.2105 + times)
    )


def test_bytes_are_equal_for_equal_input(tmp_path: Path):
    source = film(tmp_path / "a.mp4", numbered_frames(30), options={"g": "8"})
    one = copy_clip(source, tmp_path / "b.mp4", 0.4, 0.8).path.read_bytes()
    assert copy_clip(source, tmp_path / "c.mp4", 0.4, 0.8).path.read_bytes() == one


def test_a_source_that_is_no_video_says_so(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"<html>")
    with pytest.raises(VideoError, match="web page"):
        copy_clip(tmp_path / "a.mp4", tmp_path / "b.mp4", 0.0, 1.0)


def test_real_files_of_every_kind_are_copied_exactly(tmp_path: Path, shared):
    for name in ("goldeneye-vfr-drop3.mp4", "issue-134-rotate.mp4", "nasa_13013_hdr.mp4"):
        source = shared(f"data/odd/{name}")
        copied = copy_clip(source, tmp_path / name, 1.001, 2.0)
        times = np.arange(0.004, 0.9, 0.09)
        np.testing.assert_array_equal(
            decode_at(copied.path, copied.start_s + times, 64), decode_at(source, 1.001 + times, 64)
        )
