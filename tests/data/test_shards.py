import hashlib
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pytest

from hashtag2action.curate.shards import write_shards
from hashtag2action.data.frames import DecodeOnDemand, FrameReader
from hashtag2action.data.shards import ShardClips
from hashtag2action.errors import ConfigError, VideoError
from hashtag2action.manifest import write_table


@pytest.fixture
def dataset(videos: Path, tmp_path: Path) -> Path:
    """A data set of two shards, as an export writes it."""
    told, shards = [], {}
    for name in ("run", "jump"):
        samples = []
        for file in sorted((videos / name).iterdir()):
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            said = {
                "clip_id": file.stem,
                "hashtag": name,
                "clip_start_s": 0.2,
                "clip_end_s": 1.4,
                "clip_sha256": digest,
            }
            told.append(said)
            samples.append((file.stem, file, said))
        shards[f"clips-{name}"] = samples
    write_shards(tmp_path / "dataset" / "shards", shards)
    write_table(tmp_path / "dataset" / "clips.parquet", pa.Table.from_pylist(told))
    return tmp_path / "dataset"


def test_clips_of_shards_are_those_of_the_files(dataset: Path, videos: Path) -> None:
    found = ShardClips(folder=str(dataset), label="hashtag").read()
    assert found.class_names == ("jump", "run")
    assert [clip.clip_id for clip in found.clips][:2] == ["v_jump_g00_c01", "v_jump_g01_c01"]
    assert found.labels() == [0, 0, 0, 1, 1, 1]
    reader = FrameReader(DecodeOnDemand())
    clip = found.clips[4]
    assert reader.span_s(clip) == (0.2, 1.4)
    frames = reader.at(clip, np.array([0.2, 0.4, 1.36]))
    assert [round(float(level) / 5) for level in frames.mean(axis=(1, 2, 3))] == [5, 10, 34]


def test_address_of_fsspec_gives_the_same_clips(dataset: Path) -> None:
    store = fsspec.filesystem("memory")
    store.put(str(dataset), "/h2a-dataset", recursive=True)
    here = ShardClips(folder=str(dataset)).read()
    there = ShardClips(folder="memory://h2a-dataset").read()
    assert [clip.clip_id for clip in here.clips] == [clip.clip_id for clip in there.clips]
    times = np.array([0.5, 0.7])
    reader = FrameReader(DecodeOnDemand())
    assert np.array_equal(reader.at(here.clips[2], times), reader.at(there.clips[2], times))
    store.rm("/h2a-dataset", recursive=True)


def test_what_is_missing_is_named(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"index\.parquet: no such table"):
        ShardClips(folder=str(tmp_path)).read()
    clips = ShardClips(folder=str(dataset)).read().clips
    (dataset / "shards" / "clips-run.tar").unlink()
    with pytest.raises(VideoError, match=r"clips-run\.tar: cannot be read"):
        FrameReader(DecodeOnDemand()).at(clips[5], np.array([0.5]))
    (dataset / "shards" / "clips-jump.tar").write_bytes(b"short")
    with pytest.raises(VideoError, match="ends within the video"):
        FrameReader(DecodeOnDemand()).at(clips[0], np.array([0.5]))
