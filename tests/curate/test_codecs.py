"""The same film in every codec of short-form video has the same scenes at the same times."""

from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.curate.test_analyze_videos import analyze, place
from tests.video.films import film

CODECS = [
    ("libx264", "yuv420p", "mp4"),
    ("libx264", "yuv420p10le", "mkv"),
    ("libx265", "yuv420p", "mp4"),
    ("libx265", "yuv420p10le", "mp4"),
    ("libvpx-vp9", "yuv420p", "webm"),
    ("libsvtav1", "yuv420p", "mp4"),
    ("libsvtav1", "yuv420p10le", "mkv"),
]
STARTS = (0, 40, 75, 120)
KINDS = ("start", "cut", "cut", "dissolve")
NUM_FRAMES = 160


def slow(seed: int, count: int) -> list[np.ndarray]:
    return [place(seed, 8)[k // 8] for k in range(count)]


@cache
def story() -> tuple[np.ndarray, ...]:
    """Four places: two cuts, then a dissolve of 14 frames around frame 120."""
    third, fourth = slow(3, 52), slow(4, 47)
    shares = (np.arange(14) + 0.5) / 14
    mix = [
        (a * (1 - share) + b * share).astype(np.uint8)
        for a, b, share in zip(third[-14:], fourth[:14], shares, strict=True)
    ]
    return (*place(1, 40), *place(2, 35), *third[:-14], *mix, *fourth[14:])


def starts(rows: list[dict[str, Any]]) -> list[float]:
    return [row["start_s"] for row in rows]


@pytest.mark.parametrize(("codec", "pixel_format", "ending"), CODECS)
def test_every_codec_has_the_same_cuts_and_dissolves(
    tmp_path: Path, codec: str, pixel_format: str, ending: str
):
    path = film(tmp_path / f"a.{ending}", story(), codec=codec, pixel_format=pixel_format)
    rows = analyze([path]).to_pylist()
    assert [row["opening_transition"] for row in rows] == list(KINDS)
    np.testing.assert_allclose(starts(rows)[:3], np.array(STARTS[:3]) / 25, atol=1.1e-3)
    assert starts(rows)[3] == pytest.approx(STARTS[3] / 25, abs=0.13)
    assert {row["num_frames_seen"] for row in rows} == {NUM_FRAMES}
    assert {row["num_frames_promised"] for row in rows} <= {NUM_FRAMES, None}


def test_sixty_frames_a_second_make_cuts_twice_as_exact(tmp_path: Path):
    frames = place(1, 75) + place(2, 90)
    rows = analyze([film(tmp_path / "a.mp4", frames, rate=60)]).to_pylist()
    assert starts(rows) == pytest.approx([0, 75 / 60], abs=1e-3)
    assert rows[0]["frame_rate"] == pytest.approx(60, abs=0.01)


def test_a_phone_that_drops_frames_keeps_its_times(tmp_path: Path):
    # 30 frames/s of which every fourth is missing and one gap lasts half a second.
    kept = [k for k in range(160) if k % 4 != 3 and not 100 <= k < 115]
    frames = [(place(1, 90) + place(2, 80))[k] for k in kept]
    stamps = [k * 20 for k in kept]
    path = film(tmp_path / "a.mp4", frames, stamps=stamps, time_base=Fraction(1, 600), rate=30)
    rows = analyze([path]).to_pylist()
    assert starts(rows) == pytest.approx([0, 3.0], abs=1e-3)
    assert rows[1]["end_s"] == pytest.approx(160 / 30, abs=0.06)


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_a_turned_film_has_the_scenes_of_its_upright_one(tmp_path: Path, rotation_deg: int):
    stored = [np.rot90(frame, -rotation_deg // 90) for frame in story()]
    path = film(tmp_path / "a.mp4", stored, rotation_deg=rotation_deg)
    rows = analyze([path]).to_pylist()
    assert (rows[0]["width_px"], rows[0]["height_px"]) == (64, 96)
    assert [row["opening_transition"] for row in rows] == list(KINDS)


def test_high_dynamic_range_at_ten_bits_is_read_as_it_is_stored(tmp_path: Path):
    path = film(
        tmp_path / "a.mp4",
        story(),
        codec="libx265",
        pixel_format="yuv420p10le",
        options={"x265-params": "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"},
    )
    plain = film(tmp_path / "b.mp4", story())
    rows = analyze([path, plain]).to_pylist()
    assert len(rows) == 8
    assert starts(rows[:4]) == pytest.approx(starts(rows[4:]), abs=0.05)
    assert rows[0]["brightness"] == pytest.approx(rows[4]["brightness"], abs=3)


def test_a_film_that_lost_frames_is_not_taken_for_whole(tmp_path: Path):
    whole = film(tmp_path / "a.mp4", story(), options={"g": "10", "movflags": "+faststart"})
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) * 2 // 3])
    table: pa.Table = analyze([cut])
    reason = table["reject_reason"][0].as_py()
    assert reason.startswith("unreadable:truncated")


@pytest.mark.parametrize(("codec", "ending"), [("libvpx-vp9", "webm"), ("libsvtav1", "mkv")])
def test_a_container_that_counts_no_frames_is_held_to_its_duration(
    tmp_path: Path, codec: str, ending: str
):
    whole = film(tmp_path / f"a.{ending}", story(), codec=codec)
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{ending}"
    cut.write_bytes(data[: len(data) * 2 // 3])
    reasons = analyze([whole, cut])["reject_reason"].to_pylist()
    assert reasons[0] is None
    assert reasons[-1].startswith("unreadable:truncated")
    assert reasons[-1].endswith("of 6.4 s")
