from pathlib import Path

import numpy as np
import pytest
import torch

from hashtag2action.data.clip_set import Clip
from hashtag2action.data.frames import DecodeOnDemand, FrameReader
from hashtag2action.data.loader import Sampling
from hashtag2action.errors import VideoError
from hashtag2action.evaluate.views import Views, clip_views, views_of
from hashtag2action.video.encode import write_video


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    """Red tells the column, green the frame's number."""
    frames = np.zeros((50, 32, 96, 3), np.uint8)
    frames[..., 0] = np.arange(96) * 2
    frames[..., 1] = np.arange(50)[:, None, None] * 4
    write_video(tmp_path / "a.mp4", frames, 25, crf=1)
    return Clip("a", tmp_path / "a.mp4")


def test_views_are_moments_times_crops(clip: Clip) -> None:
    views = Views(num_temporal_views=2, num_spatial_crops=3)
    found = clip_views(
        clip, FrameReader(DecodeOnDemand()), Sampling(num_frames=4, stride_s=0.2), views, 32
    )
    assert found.shape == (6, 3, 4, 32, 32)
    columns = found[:, 0, 0].float().mean(dim=(1, 2)) / 2
    assert columns.tolist() == pytest.approx([15.5, 47.5, 79.5] * 2, abs=3)
    moments = found[:, 1].float().mean(dim=(2, 3)) / 4
    assert moments[0].tolist() == pytest.approx([0, 5, 10, 15], abs=2)
    assert moments[3].tolist() == pytest.approx([30, 35, 40, 45], abs=2)
    assert moments[2].tolist() == pytest.approx(moments[0].tolist(), abs=2)


def test_workers_give_the_same_views_in_order(clip: Clip, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"<html>")
    bad = Clip("bad", tmp_path / "bad.mp4")
    clips = [clip, bad, Clip("b", clip.path, 0.5, 1.5)]
    how = (FrameReader(DecodeOnDemand()), Sampling(num_frames=4), Views(num_spatial_crops=2), 16)
    found = [
        list(views_of(clips, *how, skip_unreadable=True, num_workers=workers)) for workers in (0, 2)
    ]
    assert [(number, clip.clip_id) for number, clip, _ in found[1]] == [(1, "a"), (3, "b")]
    for (_, _, alone), (_, _, helped) in zip(*found, strict=True):
        assert torch.equal(alone, helped)
    with pytest.raises(VideoError, match=r"bad\.mp4: not a video, but a web page"):
        list(views_of(clips, *how, skip_unreadable=False, num_workers=2))


def test_views_of_segments_do_not_coincide() -> None:
    views = Views(num_temporal_views=2, num_spatial_crops=1)
    times = views.times((0.0, 4.0), Sampling(kind="segments", num_frames=4))
    assert times.tolist() == [[0.25, 1.25, 2.25, 3.25], [0.75, 1.75, 2.75, 3.75]]
