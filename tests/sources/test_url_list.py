import json
from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.errors import ConfigError, SourceError
from hashtag2action.sources.url_list import UrlList, read_url


def read(source: UrlList) -> list[dict]:
    return pa.concat_tables(source.tables(Path("unused"), 100, lambda *_: None)).to_pylist()


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://tiktok.com/@some.body/video/71234567?x=1", ("tiktok", "71234567", "some.body")),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=3", ("youtube", "dQw4w9WgXcQ", None)),
        ("https://youtu.be/dQw4w9WgXcQ", ("youtube", "dQw4w9WgXcQ", None)),
        ("http://youtube.com/shorts/dQw4w9WgXcQ/", ("youtube", "dQw4w9WgXcQ", None)),
        ("https://instagram.com/reel/Cabc-_123/", ("instagram", "Cabc-_123", None)),
    ],
)  # fmt: skip
def test_addresses_of_known_platforms_give_platform_and_id(url: str, found: tuple) -> None:
    assert read_url(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https://[::1",
        "yoga",
        "ftp://a.b/c",
    ],
)
def test_what_is_no_address_of_a_post_is_rejected(url: str) -> None:
    assert read_url(url) is None


def test_unknown_platform_gets_an_id_that_does_not_lead_back() -> None:
    platform, post_id, user = read_url("https://videos.example.org/../x/1?y") or ("", "", "")
    assert (platform, user) == ("web", None)
    assert post_id.startswith("url-")
    assert len(post_id) == 20


def test_items_without_a_note_stop_at_metadata(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("7123456789.mp4", "7123456780.mp4"):
        (tmp_path / "videos" / name).write_bytes(b"video")
    path = tmp_path / "urls.csv"
    path.write_text(
        "url,license,hashtags,num_views\n"
        'https://www.tiktok.com/@a/video/7123456789,CC BY 4.0,"yoga, gym",1.2K\n'
        "https://www.tiktok.com/@a/video/7123456780,,yoga,5\n"
        "nothing,CC BY 4.0,,\n"
        "https://youtu.be/dQw4w9WgXcQ,mail of 2026-03-01,,\n"
    )
    rows = read(UrlList(urls=path, videos=tmp_path / "videos"))
    assert [row["reject_reason"] for row in rows] == [
        None, "no_license", "bad_row:no address of a post (http or https)", None
    ]  # fmt: skip
    assert rows[0]["file"] == (tmp_path / "videos/7123456789.mp4").as_posix()
    assert (rows[0]["hashtags"], rows[0]["num_views"]) == (["yoga", "gym"], 1_200)
    assert (rows[1]["file"], rows[1]["num_views"]) == (None, 5)
    assert rows[3]["file"] is None
    assert rows[0]["creator"] == rows[1]["creator"] != "a"


def test_text_and_jsonl_lists_take_one_note_for_all(tmp_path: Path) -> None:
    text = tmp_path / "urls.txt"
    text.write_text(
        "; mine\nhttps://youtu.be/dQw4w9WgXcQ ; the first\n\nhttps://youtu.be/aaaaaaaaaaa\n"
    )
    jsonl = tmp_path / "urls.jsonl"
    addresses = ("https://youtu.be/dQw4w9WgXcQ", "https://youtu.be/aaaaaaaaaaa")
    jsonl.write_text("\n".join(json.dumps({"link": url}) for url in addresses))
    first = read(UrlList(urls=text, license="my own"))
    assert [row["post_id"] for row in first] == ["dQw4w9WgXcQ", "aaaaaaaaaaa"]
    assert all(row["reject_reason"] is None for row in first)
    assert first == read(UrlList(urls=jsonl, license="my own", columns={"url": "link"}))


def test_list_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read(UrlList(urls=tmp_path / "absent.txt"))
    (tmp_path / "urls.txt").write_text("https://youtu.be/aaaaaaaaaaa")
    with pytest.raises(SourceError, match="no such folder"):
        read(UrlList(urls=tmp_path / "urls.txt", videos=tmp_path / "absent"))
    with pytest.raises(ConfigError, match="no column likes"):
        read(UrlList(urls=tmp_path / "urls.txt", columns={"likes": "x"}))


@pytest.mark.parametrize(("bytes_from", "prefix"), [("address", ""), ("page", "page+")])
def test_address_is_kept_only_where_bytes_are_to_come_from_it(
    tmp_path: Path, bytes_from: str, prefix: str
) -> None:
    path = tmp_path / "urls.csv"
    path.write_text(
        "url,license,stated_sha256\n"
        f"https://videos.example.org/a.mp4?x=1,CC BY 4.0,{'0' * 64}\n"
        "https://videos.example.org/b.mp4,,\n"
    )
    first, second = read(UrlList.model_validate({"urls": path, "bytes_from": bytes_from}))
    assert first["file"] == f"{prefix}https://videos.example.org/a.mp4?x=1"
    assert first["stated_sha256"] == "0" * 64
    assert (second["file"], second["reject_reason"]) == (None, "no_license")
    assert read(UrlList(urls=path))[0]["file"] is None
    with pytest.raises(ConfigError, match="bytes_from"):
        read(UrlList.model_validate({"urls": path, "bytes_from": bytes_from, "videos": tmp_path}))
