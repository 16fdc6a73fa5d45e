import json
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.errors import SourceError
from hashtag2action.sources.donation import Donation

TIKTOK = {
    "Your Activity": {
        "Video Browsing History": {
            "VideoList": [{"Date": "2024-01-01 00:00:00", "Link": "https://x.y/video/999999/"}]
        }
    },
    "Video": {
        "Videos": {
            "VideoList": [
                {
                    "Date": "2024-05-01 12:00:00 UTC",
                    "Link": "https://www.tiktokv.com/share/video/7123456789/",
                    "Likes": "12",
                    "Title": "with @friend #Yoga",
                },
                {
                    "Date": "2024-05-02 12:00:00",
                    "Link": "https://cdn.example.com/a.mp4",
                    "Likes": "1",
                },
            ]
        }
    },
}
REELS = {
    "ig_reels_media": [
        {
            "media": [
                {
                    "uri": "media/reels/202405/1.mp4",
                    "creation_timestamp": 1714564800,
                    "title": "sch\u00c3\u00b6n #Salsa",
                },
                {"uri": "media/posts/202405/2.jpg", "creation_timestamp": 1714564800},
            ]
        }
    ]
}
YOUTUBE = (
    "Video ID,Approx Duration (ms),Video Title (Original),Video Publish Timestamp\n"
    "dQw4w9WgXcQ,65000,My trick: #yoyo?,2024-05-01T12:00:00+00:00\n"
)


def read(source: Donation, workplace: Path) -> list[dict]:
    return pa.concat_tables(source.tables(workplace, 100, lambda *_: None)).to_pylist()


def fill(folder: Path) -> Path:
    takeout = "Takeout/YouTube and YouTube Music"
    files = {
        "user_data_tiktok.json": json.dumps(TIKTOK),
        "your_instagram_activity/content/reels.json": json.dumps(REELS),
        "media/reels/202405/1.mp4": "reel",
        f"{takeout}/video metadata/videos.csv": YOUTUBE,
        f"{takeout}/videos/My trick_ #yoyo_.mp4": "trick",
        "TikTok/videos/7123456789.mp4": "yoga",
        "broken.json": "{",
        "list.json": "[1, {}]",
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def packed(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return target


def test_own_videos_of_three_platforms_are_found_and_watched_ones_are_not(tmp_path: Path) -> None:
    export = fill(tmp_path / "export")
    rows = read(Donation(export=export, person="p1", license="signed 2026-03-01"), tmp_path / "w")
    by_id = {row["post_id"]: row for row in rows}
    assert len(rows) == 4
    assert "999999" not in by_id
    yoga, trick = by_id["7123456789"], by_id["dQw4w9WgXcQ"]
    assert (yoga["platform"], yoga["hashtags"], yoga["num_likes"]) == ("tiktok", ["yoga"], 12)
    assert (yoga["created_unix_s"], yoga["description"]) == (1714564800, "with #Yoga")
    assert yoga["file"] == (export / "TikTok/videos/7123456789.mp4").as_posix()
    assert (trick["duration_s"], Path(trick["file"]).read_text()) == (65.0, "trick")
    (reel,) = (row for row in rows if row["platform"] == "instagram")
    assert (reel["description"], reel["hashtags"]) == ("sch\u00f6n #Salsa", ["salsa"])
    assert Path(reel["file"]).read_text() == "reel"
    assert {row["reject_reason"] for row in rows} == {None}
    assert len({row["creator"] for row in rows}) == 1
    assert "p1" not in {row["creator"] for row in rows}


def test_zip_gives_the_same_posts_and_unpacks_with_consent_only(tmp_path: Path) -> None:
    archive = packed(fill(tmp_path / "export"), tmp_path / "export.zip")
    consents = tmp_path / "consents.csv"
    consents.write_text("post_id,license\n7123456789,signed 2026-03-01\n")
    workplace = tmp_path / "work"
    source = Donation(export=archive, person="p1", consents=consents)
    rows = {row["post_id"]: row for row in read(source, workplace)}
    assert rows["dQw4w9WgXcQ"]["reject_reason"] == "no_license"
    assert rows["dQw4w9WgXcQ"]["file"] is None
    assert rows["7123456789"]["reject_reason"] is None
    assert [path.as_posix() for path in workplace.iterdir()] == [rows["7123456789"]["file"]]
    assert Path(rows["7123456789"]["file"]).read_text() == "yoga"
    assert read(source, workplace) == list(rows.values())


def test_names_in_a_zip_lead_nowhere(tmp_path: Path) -> None:
    archive = tmp_path / "export.zip"
    reels = {"ig_reels_media": [{"media": [{"uri": "../../evil.mp4", "creation_timestamp": 1}]}]}
    with zipfile.ZipFile(archive, "w") as packed_files:
        packed_files.writestr("reels.json", json.dumps(reels))
        packed_files.writestr("../../evil.mp4", "evil")
    workplace = tmp_path / "a" / "b" / "work"
    (row,) = read(Donation(export=archive, person="p1", license="signed"), workplace)
    assert Path(row["file"]).parent == workplace
    assert not list(tmp_path.glob("**/evil.mp4"))


def test_video_too_large_is_rejected_with_the_reason(tmp_path: Path) -> None:
    archive = packed(fill(tmp_path / "export"), tmp_path / "export.zip")
    source = Donation(export=archive, person="p1", license="signed", max_video_bytes=3)
    reasons = {row["reject_reason"] for row in read(source, tmp_path / "work")}
    assert "bad_row:cannot be unpacked (more than 3 bytes)" in reasons


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "export.zip").write_text("no")
    with pytest.raises(SourceError, match=r"neither a folder nor a \.zip"):
        read(Donation(export=tmp_path / "export.zip", person="p1"), tmp_path)
    with pytest.raises(SourceError, match="columns post_id and license"):
        read(Donation(export=tmp_path, person="p1", consents=tmp_path / "absent.csv"), tmp_path)
