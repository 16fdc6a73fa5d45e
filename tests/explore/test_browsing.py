"""What a person sees of a run's tables, asked for over HTTP."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hashtag2action.errors import ConfigError, ManifestError
from hashtag2action.explore.server import Server
from hashtag2action.records import HEAVY_COLUMNS
from hashtag2action.report.charts import _counts

REJECTED = "select_clips/rejected"


def ids(text: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'<span class="id">(.*?)</span>', text)]


def rows(run: Path, table: str) -> list[dict]:
    stage, _, side = table.partition("/")
    (folder,) = run.glob(f"*-{stage}")
    return pq.read_table(folder / side).to_pylist()


def test_the_first_page_shows_the_clips_a_run_keeps_each_with_its_frames(
    run: Path, serve: Callable
) -> None:
    with serve(run) as browser:
        page = browser.get("/")
        kept = [row["clip_id"] for row in rows(run, "export_clips/kept")]
        assert page.status == 200
        assert ids(page.text) == kept
        pictures = re.findall(r'<img src="(/still[^"]+)"', page.text)
        strips = [browser.get(unescape(address)) for address in pictures]
    assert {strip.headers["Content-Type"] for strip in strips} == {"image/jpeg"}
    frames = [cv2.imdecode(np.frombuffer(strip.body, np.uint8), 1) for strip in strips]
    assert len(frames) == len(kept)
    assert all(frame.std() > 1 for frame in frames)


def test_rows_are_found_by_reason_words_and_ranges_and_sorted_by_a_column(
    run: Path, serve: Callable
) -> None:
    table = rows(run, REJECTED)
    with serve(run) as browser:
        found = browser.get("/", table=REJECTED, reason="no_person", sort="motion_score", desc=1)
        wanted = [row for row in table if row["reject_reason"] == "no_person"]
        assert len(wanted) > 1
        by_motion = sorted(wanted, key=lambda row: -row["motion_score"])
        assert ids(found.text) == [row["clip_id"] for row in by_motion]
        assert "<svg" in found.text

        found = browser.get("/", table=REJECTED, q="#SQUAT")
        wanted = [row["clip_id"] for row in table if "squat" in row["hashtags"]]
        assert ids(found.text) == wanted != []

        bounds = {"min.person_fraction": 0.25, "max.num_views": 8000}
        found = browser.get("/", table=REJECTED, **bounds)
        wanted = [
            row["clip_id"]
            for row in table
            if row["person_fraction"] >= 0.25 and row["num_views"] <= 8000
        ]
        assert ids(found.text) == wanted != []


def test_a_bound_means_the_number_that_is_shown(tmp_path: Path) -> None:
    # 0.2 of float32 lies above 0.2 of float64, and 0.7 below.
    from hashtag2action.explore.finding import find
    from hashtag2action.explore.listings import Listing
    from hashtag2action.explore.view import View
    from hashtag2action.report.discover import Run

    folder = tmp_path / "04-select_clips"
    table = pa.table({"clip_id": ["a", "b"], "share": pa.array([0.2, 0.7], pa.float32())})
    (folder / "kept").mkdir(parents=True)
    pq.write_table(table, folder / "kept" / "part-00000.parquet")
    listing = Listing(Run("curation", "x", tmp_path), folder, "kept", (("part-00000", 0, 0),))
    assert find(listing, View(bounds={"share": (0.7, None)}), {}).tolist() == [1]
    assert find(listing, View(bounds={"share": (None, 0.2)}), {}).tolist() == [0]


def test_a_form_with_empty_fields_leads_to_a_short_address(shown) -> None:
    reply = shown.get("/", run="curate", table=REJECTED, q="", sort="", **{"min.start_s": "1"})
    assert reply.status == 303
    assert reply.headers["Location"] == ("/?run=curate&table=select_clips%2Frejected&min.start_s=1")


def test_what_a_table_does_not_have_is_said(shown) -> None:
    page = shown.get("/", table="posts/kept", sort="motion_score", **{"min.motion_score": 3})
    assert page.status == 200
    assert "motion_score is no column of numbers in this table" in page.text
    assert "motion_score is no column to sort by" in page.text
    for query in ({"page": "x"}, {"min.start_s": "nan"}, {"table": "../.."}, {"run": "../curate"}):
        assert shown.get("/", **query).status == 404


def test_a_clip_shows_every_column_its_meaning_and_what_it_was_held_to(
    run: Path, serve: Callable
) -> None:
    row = next(row for row in rows(run, REJECTED) if row["reject_reason"] == "no_person")
    with serve(run) as browser:
        page = browser.get("/clip", run="curate", table=REJECTED, id=row["clip_id"]).text
    for name in row.keys() - set(HEAVY_COLUMNS):
        assert f"<code>{name}</code>" in page, name
    assert "Share of sampled frames with a person; null: unseen." in page
    assert "min 0.5 (beyond)" in page
    assert f"#t={row['start_s']:.3f},{row['end_s']:.3f}" in page


def test_the_next_clip_is_that_of_the_view(run: Path, serve: Callable) -> None:
    with serve(run) as browser:
        order = ids(browser.get("/", table=REJECTED, sort="num_views", desc=1).text)
        query = {"table": REJECTED, "sort": "num_views", "desc": 1, "run": "curate"}
        page = browser.get("/clip", **query, id=order[1]).text
        first = browser.get("/clip", **query, id=order[0]).text
    near = {kind: unescape(link).split("id=")[-1] for kind, link in links(page)}
    assert near["prev"] == order[0]
    assert near["next"] == order[2]
    assert "prev" not in dict(links(first))


def links(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<a rel="(\w+)" href="([^"]+)"', page)


def test_a_video_comes_whole_or_in_the_ranges_a_player_asks_for(run: Path, serve: Callable) -> None:
    row = rows(run, "export_clips/kept")[0]
    content = Path(row["video_path"]).read_bytes()
    size = len(content)
    named = {"run": "curate", "table": "export_clips/kept", "id": row["clip_id"]}
    with serve(run) as browser:
        whole = browser.get("/media", **named)
        assert (whole.status, whole.body) == (200, content)
        assert whole.headers["Content-Type"] == "video/mp4"
        assert whole.headers["Accept-Ranges"] == "bytes"
        for asked, first, end in (
            ("bytes=0-99", 0, 100),
            ("bytes=100-", 100, size),
            ("bytes=-7", size - 7, size),
            (f"bytes=5-{size * 9}", 5, size),
        ):
            part = browser.get("/media", {"Range": asked}, **named)
            assert (part.status, part.body) == (206, content[first:end])
            assert part.headers["Content-Range"] == f"bytes {first}-{end - 1}/{size}"
        assert browser.get("/media", {"Range": f"bytes={size}-"}, **named).status == 416
        for strange in ("bytes=9-2", "bytes=0-1,4-5", "frames=1-2"):
            assert browser.get("/media", {"Range": strange}, **named).body == content


def test_a_missing_video_and_a_file_that_is_none_are_told_in_words(
    run: Path, serve: Callable
) -> None:
    row = rows(run, "export_clips/kept")[0]
    named = {"run": "curate", "table": "export_clips/kept", "id": row["clip_id"]}
    secret = Path(row["video_path"])
    secret.write_text("the password is 1234")
    with serve(run) as browser:
        reply = browser.get("/media", **named)
        assert reply.status == 404
        assert "1234" not in reply.text
        assert browser.get("/still", **named).headers["Content-Type"] == "image/svg+xml"
        secret.unlink()
        assert "is no longer where it was" in browser.get("/media", **named).text
        assert "is no longer where it was" in browser.get("/clip", **named).text
        still = browser.get("/still", **named)
        assert (still.status, b"no longer" in still.body) == (200, True)
        page = browser.get("/clip", run="curate", table="filter_metadata/rejected", id="p002")
        assert "No video: the row names no video" in page.text
        assert "Traceback" not in page.text


def test_nothing_is_written_by_looking(run: Path, serve: Callable) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.parent.rglob("*")}
    with serve(run) as browser:
        page = browser.get("/").text
        for address in re.findall(r'(?:src|href)="(/[^"]*)"', page):
            assert browser.get(unescape(address)).status == 200
    assert {path: path.stat().st_mtime_ns for path in run.parent.rglob("*")} == before


def test_a_port_that_is_taken_and_a_folder_without_a_curation_are_told(
    run: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="no run in it"):
        Server(tmp_path / "empty", 0)
    (tmp_path / "empty" / "metrics.json").write_text("{}")
    with pytest.raises(ManifestError, match="no curation in it"):
        Server(tmp_path / "empty", 0)
    with Server(run, 0) as server, pytest.raises(ConfigError, match="Address already in use"):
        Server(run, server.server_port)


def test_ctrl_c_ends_the_command_with_one_line(run: Path) -> None:
    words = [sys.executable, "-m", "hashtag2action", "explore", str(run), "--port", "0"]
    child = subprocess.Popen(
        [*words, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline().startswith("http://127.0.0.1:")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (out, err, child.returncode) == ("stopped\n", "", 0)


def test_bins_hold_what_lies_between_their_edges() -> None:
    edges = [0.0, 0.1, 0.2, 0.30000000000000004]
    assert _counts([0.0, 0.1, 0.1, 0.3, 5.0, -1.0], edges) == [2, 2, 2]
