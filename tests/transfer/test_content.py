import hashlib
import os
from pathlib import Path

import pytest

from hashtag2action.errors import ReplacedError, VideoError
from hashtag2action.transfer.content import refuse_replaced, refuse_wrong_content, sha256_of


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", "empty file"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html>", "a web page"),
        (b'{"error": 1}', "JSON"),
        (b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://10.0.0.1/a.ts", "a playlist"),
        (b"ffconcat version 1.0\nfile /etc/passwd", "a playlist"),
        (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", "a playlist"),
        (b"\xff\xd8\xff\xe0", "a picture"),
        (b"%PDF-1.7", "a PDF"),
        (b"PK\x03\x04", "an archive"),
        (b"\x7fELF\x02", "a program"),
    ],
)
def test_what_is_plainly_no_video_is_named(head: bytes, message: str) -> None:
    with pytest.raises(VideoError, match=message):
        refuse_wrong_content(head)


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x18ftypmp42", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0AVI ", b"G@\0", b"FLV\1"]
)
def test_containers_of_videos_pass(head: bytes) -> None:
    refuse_wrong_content(head)


def test_stated_sha256_is_compared(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"video")
    digest = hashlib.sha256(b"video").hexdigest()
    assert sha256_of(tmp_path / "a", digest.upper()) == digest
    with pytest.raises(VideoError, match="not the stated one"):
        sha256_of(tmp_path / "a", "0" * 64)


def test_other_bytes_of_the_same_size_and_time_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"video")
    digest, stamp = hashlib.sha256(b"video").hexdigest(), path.stat().st_mtime_ns
    refuse_replaced(path, digest)
    path.write_bytes(b"other")
    os.utime(path, ns=(stamp, stamp))
    with pytest.raises(ReplacedError) as caught:
        refuse_replaced(path, digest)
    assert caught.value.reject_reason == "replaced"
    refuse_replaced(path, None)
    path.unlink()
    with pytest.raises(VideoError, match="no such file"):
        refuse_replaced(path, digest)
