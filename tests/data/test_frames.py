from pathlib import Path

import numpy as np
import pytest

from hashtag2action.data.clip_set import Clip
from hashtag2action.data.frames import DecodeOnDemand, FrameReader, KeepInMemory
from hashtag2action.errors import VideoError


def numbers(frames: np.ndarray) -> list[int]:
    return [round(float(level) / 5) for level in frames.mean(axis=(1, 2, 3))]


@pytest.fixture
def clip(videos: Path) -> Clip:
    return Clip("a", videos / "run" / "v_run_g00_c01.mp4")


@pytest.mark.parametrize(
    "decoding", [DecodeOnDemand(), KeepInMemory(short_side_px=32, frames_per_s=25)]
)
def test_memory_and_file_show_the_same_frames(decoding, clip: Clip) -> None:
    reader = FrameReader(decoding)
    frames = reader.at(clip, np.array([0.0, 0.04, 0.99, 1.0, 1.57, 9.0]))
    assert frames.shape == (6, 32, 48, 3)
    assert numbers(frames) == [0, 1, 24, 25, 39, 39]


def test_span_of_a_clip_begins_within_its_file(clip: Clip) -> None:
    part = Clip("b", clip.path, start_s=0.8, end_s=1.2)
    reader = FrameReader(KeepInMemory(short_side_px=16, frames_per_s=12.5))
    assert reader.keep([part]) == {}
    assert numbers(reader.at(part, np.array([0.8, 0.88, 1.19]))) == [20, 22, 28]
    assert reader.size_bytes == 5 * 16 * 24 * 3


def test_end_of_the_file_is_found(clip: Clip) -> None:
    assert FrameReader(DecodeOnDemand()).span_s(clip) == (0.0, pytest.approx(1.6))


def test_clip_beyond_the_file_is_an_error(clip: Clip) -> None:
    with pytest.raises(VideoError, match="before or at its start"):
        FrameReader(DecodeOnDemand()).span_s(Clip("c", clip.path, start_s=5.0))


def test_broken_files_are_listed_with_their_reason(tmp_path: Path, clip: Clip) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    broken = FrameReader(KeepInMemory()).keep([clip, Clip("bad", empty)])
    assert list(broken) == ["bad"]
    assert "empty" in str(broken["bad"])
