import hashlib
import time
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError
from tests.transfer.file_server import VIDEO, Exchange, serve

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


def posts(*rows: dict) -> pa.Table:
    columns = ("post_id", "file", "license", "stated_sha256")
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns}
    )


def remote(**settings: object) -> FetchVideos:
    runtime = {
        "requests_per_s_per_host": 1_000,
        "patience": {"max_tries": 2, "first_wait_s": 0.01},
    }
    given = {"schemes": ["file", "http"], "allowed_networks": ["127.0.0.0/8"], "runtime": runtime}
    return FetchVideos.model_validate(given | settings)


def answer(ask: Exchange) -> None:
    if ask.path.startswith("/video"):
        ask.answer_file(VIDEO)
    elif ask.path == "/page":
        ask.answer(200, {"Content-Type": "video/mp4"}, b"<html>not here</html>")
    elif ask.path == "/inside":
        ask.answer(302, {"Location": "http://10.0.0.1/video"})
    else:
        ask.answer(404)


def test_every_post_ends_with_bytes_or_with_a_reason(tmp_path: Path) -> None:
    digest = hashlib.sha256(VIDEO).hexdigest()
    with serve(answer) as server:
        rows = [
            {"file": server.url("/video"), "post_id": "../../../escape", "stated_sha256": digest},
            {"file": server.url("/video?2"), "stated_sha256": "0" * 64},
            {"file": server.url("/video?3"), "license": None},
            {"file": server.url("/page")},
            {"file": server.url("/inside")},
            {"file": server.url("/absent")},
            {"file": "https://example.org/video"},
            {"file": "s3://bucket/video"},
            {"file": "page+" + server.url("/video")},
            {"file": "file://elsewhere/video"},
            {"file": "ftp://example.org/video"},
        ]
        table = posts(
            *({"post_id": f"p{n}", "license": "mine"} | row for n, row in enumerate(rows))
        )
        made = remote().open(tmp_path / "media")(table).to_pylist()
    assert [row["reject_reason"] for row in made] == [
        None,
        "unreadable:SHA-256 is not the stated one",
        "no_license",
        "unreadable:a web page, not a video",
        "fetch:private address",
        "fetch:HTTP 404",
        "fetch:https is not allowed",
        "fetch:s3 is not allowed",
        "fetch:pages are not read",
        "fetch:a file of another machine",
        "fetch:ftp is not allowed",
    ]
    path = Path(made[0]["video_path"])
    assert path.read_bytes() == VIDEO
    assert path.is_relative_to((tmp_path / "media").resolve())
    assert (made[0]["video_sha256"], made[0]["size_bytes"]) == (digest, len(VIDEO))
    assert list((tmp_path / "media").rglob("*.video*")) == [path]
    assert not list((tmp_path / "media").rglob("*.partial*"))


def test_network_is_off_unless_the_recipe_says_otherwise(tmp_path: Path) -> None:
    with serve(answer) as server:
        table = posts({"post_id": "a", "license": "mine", "file": server.url("/video")})
        (row,) = FetchVideos().open(tmp_path)(table).to_pylist()
        assert row["reject_reason"] == "fetch:http is not allowed"
        stage = remote(allowed_networks=[])
        (row,) = stage.open(tmp_path)(table).to_pylist()
        assert row["reject_reason"] == "fetch:private address"
        assert server.asked == []
    with pytest.raises(ValidationError, match="allowed_networks"):
        remote(allowed_networks=["everywhere"])


def test_file_addresses_are_read_in_place(tmp_path: Path) -> None:
    path = tmp_path / "a b.mp4"
    path.write_bytes(VIDEO)
    (row,) = fetch(path.as_uri())
    assert row["reject_reason"] is None
    assert row["video_path"] == path.as_posix()


def test_total_is_capped_over_workers_and_restarts(tmp_path: Path) -> None:
    stage = remote(max_total_bytes=3 * len(VIDEO))
    with serve(answer) as server:
        rows = [
            {"post_id": str(number), "license": "mine", "file": server.url(f"/video?{number}")}
            for number in range(5)
        ]
        first, second = stage.open(tmp_path), stage.open(tmp_path)
        reasons = first(posts(*rows[:2]))["reject_reason"].to_pylist()
        reasons += second(posts(*rows[2:]))["reject_reason"].to_pylist()
        assert sorted(reasons, key=str) == [None] * 3 + ["over_total_bytes"] * 2
        num_asked = len(server.asked)
        again = stage.open(tmp_path)(posts(*rows[:2]))["reject_reason"].to_pylist()
        assert again == [None, None]
        assert len(server.asked) == num_asked
    sizes = [path.stat().st_size for path in tmp_path.rglob("*.video")]
    assert sizes == [len(VIDEO)] * 3


def test_host_is_asked_at_the_recipe_s_pace(tmp_path: Path) -> None:
    runtime = {"max_at_once_per_host": 2, "requests_per_s_per_host": 20}

    def slow(ask: Exchange) -> None:
        time.sleep(0.05)
        ask.answer_file(VIDEO)

    with serve(slow) as server:
        rows = [
            {"post_id": str(number), "license": "mine", "file": server.url(f"/video?{number}")}
            for number in range(8)
        ]
        start_s = time.monotonic()
        made = remote(runtime=runtime).open(tmp_path)(posts(*rows))
        assert time.monotonic() - start_s >= 7 / 20 - 0.01
        assert made["reject_reason"].null_count == 8
        assert server.most_at_once <= 2


def test_video_of_a_page_is_brought_with_a_licence_only(tmp_path: Path) -> None:
    page = b'<!doctype html><title>A</title><video src="/video.mp4"></video>'

    def answer(ask: Exchange) -> None:
        if ask.path == "/page":
            ask.answer(200, {"Content-Type": "text/html"}, page)
        else:
            ask.answer(200, {"Content-Type": "video/mp4"}, VIDEO)

    with serve(answer) as server:
        table = posts(
            {"post_id": "a", "license": "mine", "file": "page+" + server.url("/page")},
            {"post_id": "b", "file": "page+" + server.url("/page")},
            {"post_id": "c", "license": "mine", "file": "page+file:///etc/passwd"},
        )
        made = remote(pages={}).open(tmp_path)(table).to_pylist()
    reasons = [row["reject_reason"] for row in made]
    assert reasons == [None, "no_license", "fetch:no web address"]
    assert Path(made[0]["video_path"]).read_bytes() == VIDEO
