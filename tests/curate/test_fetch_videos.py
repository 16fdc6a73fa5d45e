import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.curate.fetch_videos import FetchVideos


def fetch(*files: str | None, **settings: int) -> list[dict]:
    ids = [str(number) for number in range(len(files))]
    table = pa.table({"post_id": pa.array(ids), "file": pa.array(files, pa.string())})
    return FetchVideos(**settings).open(Path("unused"))(table).to_pylist()


def test_bytes_are_hashed_in_place(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"video" * 1000)
    (row,) = fetch(str(tmp_path / "a.mp4"))
    assert row["video_id"] == "0"
    assert row["video_sha256"] == hashlib.sha256(b"video" * 1000).hexdigest()
    assert row["size_bytes"] == 5000
    assert row["reject_reason"] is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "unreadable:empty file"),
        (b"\n <!DOCTYPE html><html>", "unreadable:a web page, not a video"),
        (b'{"error": 403}', "unreadable:JSON, not a video"),
        (b"0" * 2000, "unreadable:file of more than 1000 bytes"),
    ],
)
def test_what_is_plainly_no_video_is_rejected(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    (row,) = fetch(str(tmp_path / "a.mp4"), max_size_bytes=1000)
    assert row["reject_reason"] == reason
    assert row["video_path"] is None


def test_missing_files_and_folders_are_rows_with_reasons(tmp_path: Path) -> None:
    rows = fetch(None, str(tmp_path / "absent.mp4"), str(tmp_path))
    reasons = [row["reject_reason"] for row in rows]
    assert reasons == [
        "unreadable:the post names no file",
        "unreadable:no such file",
        "unreadable:not a file",
    ]
