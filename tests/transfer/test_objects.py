"""Objects over fsspec's own file systems; `s3` itself where its library is installed."""

import hashlib
import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import pyarrow as pa
import pytest
from tests.transfer.file_server import VIDEO, Exchange, serve

from hashtag2action.curate.fetch_videos import FetchVideos
from hashtag2action.errors import FetchError, MissingExtraError, VideoError
from hashtag2action.transfer.budget import ByteBudget
from hashtag2action.transfer.objects import ObjectStores, bring_object
from hashtag2action.transfer.store import Place, Store

fsspec = pytest.importorskip("fsspec", reason="fsspec comes with the extra [remote]")
from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402


def place(folder: Path) -> Place:
    return Store(folder, ByteBudget(folder / "bytes", 10**8), 10**8).place("a")


class Versioned:
    """A store of objects on disk that says a version, counts bytes, and may break once."""

    def __init__(self, path: Path, break_at: int | None = None) -> None:
        self._files: Any = fsspec.filesystem("file")
        self._path = path
        self._break_at = break_at
        self.version = "1"
        self.num_read = 0

    def info(self, address: str) -> dict[str, Any]:
        return self._files.info(self._path) | {"ETag": self.version}

    def cat_file(self, address: str, start: int, end: int) -> bytes:
        if self._break_at is not None and start >= self._break_at:
            self._break_at = None
            raise OSError("connection reset by the store")
        block = self._files.cat_file(self._path, start=start, end=end)
        self.num_read += len(block)
        return block


BIG = VIDEO * 12


def test_object_is_brought_whole_and_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(BIG)
    store: Any = Versioned(tmp_path / "object", break_at=4 * 1024**2)
    here = place(tmp_path)
    bring_object(store, "s3://bucket/object", here)
    assert here.finish(None) == (hashlib.sha256(BIG).hexdigest(), len(BIG))
    assert store.num_read == len(BIG)


def test_object_of_another_version_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "object").write_bytes(BIG)
    here = place(tmp_path)
    here.begin("s3://bucket/object", "0")
    here.append([b"another"], None)
    bring_object(Versioned(tmp_path / "object"), "s3://bucket/object", here)  # type: ignore[arg-type]
    assert here.finish(None)[1] == len(BIG)
    assert here.path.read_bytes() == BIG


def test_object_that_is_not_there_or_no_video_is_refused(tmp_path: Path) -> None:
    store: Any = Versioned(tmp_path / "absent")
    with pytest.raises(FetchError, match="no such object"):
        bring_object(store, "s3://bucket/object", place(tmp_path))
    (tmp_path / "page").write_bytes(b"<html>" + b" " * 1_000)
    with pytest.raises(VideoError, match="a web page"):
        bring_object(Versioned(tmp_path / "page"), "s3://b/o", place(tmp_path))  # type: ignore[arg-type]


def test_rows_of_a_store_go_through_the_stage(tmp_path: Path, monkeypatch) -> None:
    class Bucket(MemoryFileSystem):
        """A store under Google's name, in memory: the library itself is asked further below."""

        protocol = "gs"
        store: ClassVar[dict] = {}  # pyright: ignore
        pseudo_dirs: ClassVar[list] = [""]

    known = import_module("fsspec.registry")._registry
    monkeypatch.setitem(known, "gs", Bucket)
    Bucket().pipe({"gs://bucket/a.mp4": BIG, "gs://bucket/b.mp4": b"<html>"})
    table = pa.table(
        {
            "post_id": ["a", "b", "c"],
            "file": [f"gs://bucket/{name}.mp4" for name in "abc"],
            "license": ["mine"] * 3,
        }
    )
    made = FetchVideos(schemes=("gs",)).open(tmp_path)(table).to_pylist()
    assert Path(made[0]["video_path"]).read_bytes() == BIG
    assert [row["reject_reason"] for row in made] == [
        None,
        "unreadable:a web page, not a video",
        "fetch:no such object",
    ]


def test_library_of_a_store_is_asked_for_by_its_extra() -> None:
    try:
        import gcsfs  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        with pytest.raises(MissingExtraError, match=r"\[remote\]"):
            ObjectStores().open("gs")


def answer_range(ask: Exchange) -> None:
    """Answer the bytes asked for, as stores of objects do."""
    first, _, last = ask.headers["range"].removeprefix("bytes=").partition("-")
    start, stop = int(first), min(int(last) + 1, len(BIG))
    headers = {"ETag": '"1"', "Content-Range": f"bytes {start}-{stop - 1}/{len(BIG)}"}
    ask.answer(206, headers, BIG[start:stop])


def test_gs_is_asked_by_its_real_library(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("gcsfs", reason="gcsfs comes with the extra [remote]")

    def answer(ask: Exchange) -> None:
        path, _, query = unquote(ask.path).partition("?")
        if "a.mp4" not in path:
            ask.answer(404, {}, b"{}")
        elif "alt=media" in query or "/download/" in path:
            answer_range(ask)
        else:
            said = {"name": "a.mp4", "bucket": "bucket", "size": str(len(BIG)), "generation": "7"}
            ask.answer(200, {"Content-Type": "application/json"}, json.dumps(said).encode())

    with serve(answer) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url(""))
        store = ObjectStores(is_anonymous=True).open("gs")
        here = place(tmp_path)
        bring_object(store, "gs://bucket/a.mp4", here)
        here.finish(None)
        assert here.path.read_bytes() == BIG
        with pytest.raises(FetchError, match="no such object"):
            bring_object(store, "gs://bucket/b.mp4", place(tmp_path / "b"))


def test_s3_is_asked_by_its_real_library(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("s3fs", reason="s3fs comes with the extra [remote]")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)

    def answer(ask: Exchange) -> None:
        if ask.path.split("?")[0] != "/bucket/a.mp4":
            ask.answer(404)
        elif ask.handler.command == "HEAD":
            ask.answer(200, {"ETag": '"1"'}, b"", len(BIG))
        else:
            answer_range(ask)

    with serve(answer) as server:
        stores = ObjectStores(is_anonymous=True, s3_endpoint_url=server.url(""))
        here = place(tmp_path)
        bring_object(stores.open("s3"), "s3://bucket/a.mp4", here)
        here.finish(None)
        assert here.path.read_bytes() == BIG
        with pytest.raises(FetchError, match="no such object"):
            bring_object(stores.open("s3"), "s3://bucket/b.mp4", place(tmp_path / "b"))
