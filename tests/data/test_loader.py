from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.video.films import film

from hashtag2action.data.clip_set import Clip, ClipSet
from hashtag2action.data.clips import FolderClips
from hashtag2action.data.frames import DecodeOnDemand, FrameReader, KeepInMemory, frames_at
from hashtag2action.data.loader import (
    BatchPlan,
    ClipBatches,
    Playback,
    Portion,
    Sampling,
    iterate,
    readable_clips,
)
from hashtag2action.data.transforms import CenterCrop, RandomResizedCrop
from hashtag2action.errors import ConfigError, VideoError


@given(
    num_clips=st.integers(1, 20),
    clips_per_step=st.integers(1, 50),
    num_epochs=st.integers(1, 3),
    seed=st.integers(0, 9),
)
def test_every_clip_is_seen_once_per_epoch(
    num_clips: int, clips_per_step: int, num_epochs: int, seed: int
) -> None:
    plan = BatchPlan(num_clips=num_clips, clips_per_step=clips_per_step, seed=seed)
    wanted = num_clips * num_epochs
    seen: list[int] = []
    for step in range(-(-wanted // clips_per_step)):
        seen += plan.places(step)
    for epoch in range(num_epochs):
        part = seen[epoch * num_clips : (epoch + 1) * num_clips]
        assert sorted(part) == list(range(num_clips))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [
        BatchPlan(num_clips=50, clips_per_step=50, seed=seed).places(step)
        for seed, step in ((0, 0), (0, 1), (1, 0))
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]


def make_batches(
    clips: ClipSet, *, repeats: int = 1, skip: bool = False, playback: Playback | None = None
) -> ClipBatches:
    return ClipBatches(
        clips,
        BatchPlan(num_clips=len(clips.clips), clips_per_step=4),
        FrameReader(DecodeOnDemand()),
        Sampling(num_frames=4, stride_s=0.2),
        RandomResizedCrop(),
        16,
        playback=playback,
        repeated_augmentation=repeats,
        skip_unreadable=skip,
    )


def test_batch_is_a_function_of_its_step(videos: Path) -> None:
    clips = FolderClips(folder=videos).read()
    first, again, other = (make_batches(clips)[step] for step in (1, 1, 2))
    assert first.clips.shape == (4, 3, 4, 16, 16)
    assert first.clips.dtype == torch.uint8
    assert torch.equal(first.clips, again.clips)
    assert first.clip_ids == again.clip_ids
    assert not torch.equal(first.clips, other.clips)
    names = {clip.clip_id: clip.label for clip in clips.clips}
    assert first.labels.tolist() == [names[clip_id] for clip_id in first.clip_ids]


def test_clips_play_at_speeds_and_both_ways(tmp_path: Path) -> None:
    # Frames whose level tells the time: 60 a second.
    clip = write_film_of_time(tmp_path / "time.mp4", 25)
    batches = make_batches(
        ClipSet((clip,)), playback=Playback(max_speed=2, reverse_probability=0.5)
    )
    levels = torch.cat([batches[step].clips.float().mean(dim=(1, 3, 4)) for step in range(30)])
    speeds = (levels[:, -1] - levels[:, 0]) / 60 / (3 * 0.2)
    assert 0.3 < (speeds < 0).float().mean() < 0.7
    assert 0.4 < speeds.abs().min() < 0.65
    assert 1.6 < speeds.abs().max() < 2.2
    ways = torch.sign(speeds)[:, None]
    assert (ways * levels.diff(dim=1) > 0).all()


def test_a_short_clip_is_played_no_faster_than_it_lasts() -> None:
    playback, rng = Playback(max_speed=4), np.random.default_rng(0)
    assert max(playback.draw(1.5, rng)[0] for _ in range(200)) == 1.5
    # One that is too short already is not slowed down for it.
    assert max(playback.draw(0.5, rng)[0] for _ in range(200)) == 1.0


def test_workers_give_the_same_batches_in_order(videos: Path) -> None:
    clips = FolderClips(folder=videos).read()
    alone = list(iterate(make_batches(clips), 2, 6))
    helped = list(iterate(make_batches(clips), 2, 6, num_workers=2))
    assert [batch.step for batch in helped] == [2, 3, 4, 5]
    assert all(torch.equal(a.clips, b.clips) for a, b in zip(alone, helped, strict=True))


def test_repeated_samples_share_their_frames_not_their_crop(videos: Path) -> None:
    clips = FolderClips(folder=videos).read()
    batch = make_batches(clips, repeats=2)[0]
    assert batch.clip_ids[0] == batch.clip_ids[1] != batch.clip_ids[2]
    # A frame of these videos is one gray level, so the level tells the moment.
    levels = batch.clips.float().mean(dim=(1, 3, 4))
    assert (levels[0::2] - levels[1::2]).abs().max() < 3


def test_portions_of_a_step_are_the_step_in_pieces(videos: Path) -> None:
    batches = make_batches(FolderClips(folder=videos).read(), repeats=2)
    whole, parts = batches[3], [batches[Portion(3, 0, 1)], batches[Portion(3, 1, 4)]]
    assert torch.equal(torch.cat([part.clips for part in parts]), whole.clips)
    assert [*parts[0].numbers, *parts[1].numbers] == whole.numbers == list(range(8))
    passes = list(iterate(batches, 3, 5, num_workers=1, passes=[(0, 1), (1, 4)]))
    assert [batch.step for batch in passes] == [3, 3, 4, 4]
    assert torch.equal(passes[1].clips, parts[1].clips)


def test_a_portion_without_a_readable_clip_is_empty(videos: Path, tmp_path: Path) -> None:
    batches = make_batches(with_broken(videos, tmp_path), skip=True)
    sizes = [len(batches[Portion(0, number, number + 1)].numbers) for number in range(4)]
    assert sorted(sizes) == [0, 1, 1, 1]
    broken = sizes.index(0)
    assert broken not in batches[0].numbers
    only_bad = make_batches(ClipSet((batches.clips[-1],)), skip=True)
    with pytest.raises(VideoError, match="none of its clips"):
        only_bad[0]


def with_broken(videos: Path, tmp_path: Path) -> ClipSet:
    (tmp_path / "bad.mp4").write_bytes(b"<html>")
    good = FolderClips(folder=videos).read()
    return ClipSet((*good.clips[:3], Clip("bad", tmp_path / "bad.mp4", label=0)), good.class_names)


def test_unreadable_clip_ends_the_run_with_its_path(videos: Path, tmp_path: Path) -> None:
    clips = with_broken(videos, tmp_path)
    with pytest.raises(VideoError, match=r"bad\.mp4"):
        make_batches(clips)[0]
    with pytest.raises(VideoError, match=r"bad\.mp4.*1 of 4"):
        readable_clips(clips, FrameReader(KeepInMemory()), skip_unreadable=False)


def test_unreadable_clip_is_skipped_and_counted_if_asked(videos: Path, tmp_path: Path) -> None:
    clips = with_broken(videos, tmp_path)
    batch = make_batches(clips, skip=True)[0]
    assert batch.num_unreadable == 1
    assert len(batch.clip_ids) == 3
    kept, num_dropped = readable_clips(clips, FrameReader(KeepInMemory()), skip_unreadable=True)
    assert (len(kept.clips), num_dropped) == (3, 1)


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").touch()
    clips = ClipSet((Clip("bad", tmp_path / "bad.mp4"),))
    with pytest.raises(ConfigError, match="none of the 1"):
        readable_clips(clips, FrameReader(KeepInMemory()), skip_unreadable=True)


def test_segments_take_one_frame_of_each_part(videos: Path) -> None:
    clips = FolderClips(folder=videos).read()
    batches = ClipBatches(
        clips,
        BatchPlan(num_clips=6, clips_per_step=6),
        FrameReader(DecodeOnDemand()),
        Sampling(kind="segments", num_frames=4),
        CenterCrop(),
        16,
    )
    levels = batches[0].clips.float().mean(dim=(1, 3, 4)) / 5
    assert ((levels // 10) == torch.arange(4)).all()


def write_film_of_time(path: Path, rate: int, stamps_ms: list[int] | None = None) -> Clip:
    """Four seconds; the gray level of a frame is 60 times its second."""
    times = [stamp / 1000 for stamp in stamps_ms or []] or [n / rate for n in range(4 * rate)]
    frames = [np.full((32, 48, 3), round(60 * time_s), np.uint8) for time_s in times]
    base = Fraction(1, 1000) if stamps_ms else None
    film(path, frames, rate=rate, stamps=stamps_ms, time_base=base, options={"crf": "4"})
    return Clip(path.name, path, end_s=4.0)


def test_motion_is_the_same_at_any_rate(tmp_path: Path) -> None:
    uneven = [0, *np.cumsum([15, 55, 33, 20, 42] * 24)[:-1].tolist()]
    clips = [write_film_of_time(tmp_path / f"{rate}.mp4", rate) for rate in (24, 25, 30, 60)]
    clips.append(write_film_of_time(tmp_path / "uneven.mp4", 100, uneven))
    sampling = Sampling(num_frames=16, stride_s=4 / 30)
    reader = FrameReader(DecodeOnDemand())
    for clip in clips:
        with reader.open(clip) as opened:
            times = sampling.times(opened.span_s, np.random.default_rng(0))
            assert np.diff(times) == pytest.approx(4 / 30)
            levels = frames_at(opened, times).mean(axis=(1, 2, 3)) / 60
        # A frame shows the time it began: at 24 frames a second up to 42 ms before; the codec
        # moves levels by one or two of 60.
        assert (times - levels).max() < 0.06 + 0.04
        assert (levels - times).max() < 0.04
