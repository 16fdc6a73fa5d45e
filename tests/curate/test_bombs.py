"""Files that ask for much end as rows, with a reason or kept, inside the limits."""

import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from tests.video.bombs import huge_header, png, stills, strobe
from tests.video.films import film, numbered_frames

from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.run import run_stage
from hashtag2action.engines.base import Limits
from hashtag2action.engines.local import LocalEngine
from hashtag2action.errors import TooLargeError
from hashtag2action.manifest import Manifest
from hashtag2action.records import REJECT_REASON
from hashtag2action.video.container import open_video

LIMITS = Limits(max_seconds_per_video=20, max_memory_mb_per_video=256)


def analyze(folder: Path, videos: dict[str, Path], limits: Limits = LIMITS) -> Manifest:
    parent = Manifest(folder / "00-videos")
    parent.begin("videos", "k", "", {})
    kept = pa.table(
        {
            "video_id": list(videos),
            "video_path": [path.as_posix() for path in videos.values()],
        }
    )
    rejected = kept.slice(0, 0).append_column(REJECT_REASON, pa.array([], pa.string()))
    parent.write_part("part-00000", kept, rejected)
    parent.finish(len(videos))
    stage = AnalyzeVideos(persons=None)
    engine = LocalEngine(num_workers=1)
    return run_stage(stage, parent, folder / "01", engine, lambda *told: None, limits)


def reasons(made: Manifest) -> dict[str, str]:
    rejected = made.read("rejected")
    return dict(zip(*(rejected[n].to_pylist() for n in ("video_id", "reject_reason")), strict=True))


def test_bombs_end_as_rows_inside_the_limits(tmp_path: Path) -> None:
    videos = {
        "good": film(tmp_path / "good.mp4", numbered_frames(20)),
        "false_mkv": huge_header(tmp_path / "a.mkv"),
        "false_avi": huge_header(tmp_path / "a.avi"),
        "false_mp4": huge_header(tmp_path / "a.mp4", 65_000, 65_000),
        "refused_png": png(tmp_path / "refused.png", 16_000, 12_000),
        "large_png": png(tmp_path / "large.png", 8_000, 8_000, num_channels=3),
        "hourly": stills(tmp_path / "hourly.mkv", 10, Fraction(3600)),
        "by_the_minute": stills(tmp_path / "minutes.mkv", 10, Fraction(60)),
        "strobe": strobe(tmp_path / "strobe.mp4", 1000),
        "thousand_scenes": strobe(tmp_path / "thousand.mp4", 1000, 8),
    }
    began_s = time.monotonic()
    made = analyze(tmp_path, videos)
    assert time.monotonic() - began_s < 2 * LIMITS.max_seconds_per_video  # pyright: ignore
    assert reasons(made) == {
        "false_mkv": "unreadable:no frames",
        "refused_png": "unreadable:no frames",
        "large_png": "too_large",
    }
    rows = made.read().to_pylist()
    ends_s = {row["video_id"]: row["end_s"] for row in rows}
    assert ends_s["hourly"] == pytest.approx(9 * 3600, abs=1)
    assert ends_s["by_the_minute"] == pytest.approx(10 * 3600 - 60, abs=1)
    # A false size in the container's header does no harm: the pictures state their own.
    assert {row["width_px"] for row in rows if row["video_id"].startswith("false")} == {96}
    assert sum(row["video_id"] == "thousand_scenes" for row in rows) > 900


def test_a_still_of_ten_hours_at_full_rate_runs_into_the_clock(tmp_path: Path) -> None:
    path = stills(tmp_path / "still.mkv", 0.25, Fraction(1, 25))
    limits = Limits(max_seconds_per_video=0.5)
    assert reasons(analyze(tmp_path, {"still": path}, limits)) == {"still": "timed_out"}


def test_a_size_beyond_the_limit_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    black = np.zeros((8208, 8208, 3), np.uint8)
    path = film(tmp_path / "large.mp4", [black], options={"preset": "ultrafast"})
    with pytest.raises(TooLargeError, match="pictures of 8208x8208 pixels"), open_video(path):
        pass
    assert reasons(analyze(tmp_path, {"large": path})) == {"large": "too_large"}
