from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from hashtag2action.errors import VideoError
from hashtag2action.video.encode import write_video


def ramps(num_frames: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    columns = np.linspace(30, 200, width, dtype=np.uint8)
    return [
        np.stack([np.roll(np.tile(columns, (height, 1)), k, axis=1)] * 3, axis=-1)
        for k in range(num_frames)
    ]


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_frames_come_back_in_order_and_number(tmp_path: Path) -> None:
    frames = ramps(30)
    write_video(tmp_path / "a.mp4", frames, 25, crf=10)
    back = decoded(tmp_path / "a.mp4")
    assert len(back) == 30
    for frame, other in zip(frames, back, strict=True):
        assert np.abs(frame.astype(int) - other).mean() < 4


def test_colors_survive_the_encoder(tmp_path: Path) -> None:
    color = np.array([200, 60, 30], np.uint8)
    write_video(tmp_path / "a.mp4", [np.tile(color, (32, 32, 1))] * 5, 25, crf=5)
    assert np.abs(decoded(tmp_path / "a.mp4")[2].mean(axis=(0, 1)) - color).max() < 6


def test_frame_rate_is_kept_exactly(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", ramps(10), Fraction(30000, 1001))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.average_rate == Fraction(30000, 1001)
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"


def test_key_frames_are_no_further_apart_than_asked(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", ramps(40), 25, gop=8)
    with av.open(str(tmp_path / "a.mp4")) as container:
        keys = [k for k, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys[0] == 0
    assert max(np.diff([*keys, 40])) <= 8


def test_index_stands_before_the_pictures(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", ramps(10), 25)
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_equal_frames_give_equal_bytes(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", ramps(20), 25)
    write_video(tmp_path / "b.mp4", ramps(20), 25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "no frames"),
        ([np.zeros((33, 32, 3), np.uint8)], "even size"),
        ([np.zeros((32, 32, 3), np.uint8), np.zeros((34, 32, 3), np.uint8)], "one size"),
        ([np.zeros((32, 32, 3), np.float32)], "uint8"),
        ([np.zeros((32, 32), np.uint8)], "uint8"),
    ],
)
def test_wrong_frames_leave_no_file(tmp_path: Path, frames: list, words: str) -> None:
    with pytest.raises(VideoError, match=words):
        write_video(tmp_path / "a.mp4", frames, 25)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_dies_leaves_the_old_file(tmp_path: Path) -> None:
    def dying():
        yield from ramps(3)
        raise RuntimeError("lost power")

    write_video(tmp_path / "a.mp4", ramps(5), 25)
    with pytest.raises(RuntimeError):
        write_video(tmp_path / "a.mp4", dying(), 25)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert len(decoded(tmp_path / "a.mp4")) == 5


@pytest.mark.parametrize("width", [32, 64, 112, 128])
def test_equal_frames_give_equal_bytes_whatever_was_encoded_before(
    tmp_path: Path, width: int
) -> None:
    random = np.random.default_rng(0)
    films = []
    for _ in range(3):
        wall = np.kron(random.integers(0, 255, (12, width // 8, 3), np.uint8), np.ones((8, 8, 1)))
        frames = [wall.astype(np.uint8) for _ in range(30)]
        for k, frame in enumerate(frames):
            frame[40:60, k % (width - 12) : k % (width - 12) + 12] = 255
        films.append(frames)
    seen: dict[int, set[bytes]] = {0: set(), 1: set(), 2: set()}
    for k in random.integers(0, 3, 25).tolist():
        write_video(tmp_path / "a.mp4", films[k], 25, gop=16)
        seen[k].add((tmp_path / "a.mp4").read_bytes())
    assert [len(files) for files in seen.values()] == [1, 1, 1]
