from pathlib import Path

import numpy as np
import pytest
from tests.video.films import film, number_of, numbered_frames

from hashtag2action.video import moments as moments_module
from hashtag2action.video.decode import decode_at
from hashtag2action.video.moments import RgbReader, open_moments

DENSE = np.arange(16) * 4 / 30
SCATTERED = np.array([-0.5, 0.0, 0.001, 0.33, 0.34, 0.9, 0.9, 1.61, 2.2, 2.5, 7.0])


def read(source: Path | bytes, times: np.ndarray) -> list[np.ndarray]:
    shown: dict[int, np.ndarray] = {}
    with open_moments(source) as moments:
        rgb = RgbReader(None)
        for places, picture in moments.pictures(times):
            shown |= dict.fromkeys(places, rgb.read(picture).copy())
    assert sorted(shown) == list(range(len(times)))
    return [shown[place] for place in range(len(times))]


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"g": "16", "bf": "3"}),
        ("libx264", {"g": "250"}),
        ("libx264", {"g": "12", "x264-params": "open-gop=1:bframes=3:b-adapt=0"}),
        ("libx264", {"g": "1"}),
        ("libx265", {"x265-params": "keyint=12:open-gop=1:log-level=none"}),
        ("libvpx", {"g": "12"}),
        ("mpeg4", {"g": "12", "bf": "2"}),
    ],
)
@pytest.mark.parametrize(
    "times", [DENSE, DENSE + 0.31, SCATTERED], ids=["dense", "later", "scattered"]
)
def test_pictures_are_those_of_the_long_way_to_the_last_bit(
    tmp_path: Path, codec: str, options: dict[str, str], times: np.ndarray
) -> None:
    suffix = {"libvpx": "webm", "mpeg4": "avi"}.get(codec, "mp4")
    path = film(tmp_path / f"a.{suffix}", numbered_frames(64), codec=codec, options=options)
    wanted = decode_at(path, times)
    for source in (path, path.read_bytes()):
        assert all(map(np.array_equal, read(source, times), wanted))


def test_pictures_nobody_needs_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = "bframes=3:b-adapt=0:b-pyramid=none"
    options = {"g": "16", "x264-params": params}
    path = film(tmp_path / "a.mp4", numbered_frames(96), options=options)
    decoded = []
    decode = moments_module._decoded
    monkeypatch.setattr(
        moments_module, "_decoded", lambda *given: decoded.extend(found := decode(*given)) or found
    )
    with open_moments(path) as moments:
        rgb = RgbReader(None)
        shown = [round(number_of(rgb.read(frame))) for _, frame in moments.pictures(DENSE + 1)]
    assert shown == [int((1 + place * 4 / 30) * 25 + 1e-6) % 50 for place in range(16)]
    # From the key frame at 16 to picture 75 there are 60; 16 are wanted, 15 are referred to.
    assert len(decoded) <= 16 + 15


def test_pictures_that_do_not_decode_are_replaced_as_the_long_way_does(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", numbered_frames(64), options={"g": "16", "bf": "3"})
    content = bytearray(path.read_bytes())
    begin = content.index(b"mdat") + 1500
    content[begin : begin + 600] = bytes(600)
    path.write_bytes(content)
    assert all(map(np.array_equal, read(path, DENSE), decode_at(path, DENSE)))


def test_end_is_that_of_the_header(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", numbered_frames(50))
    with open_moments(path) as moments:
        assert moments.end_s() == pytest.approx(2.0)


def test_long_videos_are_read_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mp4", numbered_frames(100), options={"g": "10", "bf": "2"})
    times = np.linspace(0, 3.9, 30)
    wanted = decode_at(path, times)
    monkeypatch.setattr("hashtag2action.video.moments._MAX_BYTES", path.stat().st_size // 4)
    assert all(map(np.array_equal, read(path, times), wanted))
