"""Stage 2: bring the bytes, look at what they are, and give every video a hash."""

import hashlib
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from hashtag2action.curate.stage import Row, Stage, Transform, per_row
from hashtag2action.errors import VideoError
from hashtag2action.records import REJECT_REASON, VIDEO

_BLOCK_BYTES = 1 << 20


class FetchVideos(Stage):
    """Resolve each post's file to bytes on this machine."""

    name: ClassVar[str] = "fetch_videos"
    row_id: ClassVar[str] = "post_id"
    reads: ClassVar[tuple[str, ...]] = ("post_id", "file")
    adds: ClassVar[pa.Schema] = VIDEO
    opens_videos: ClassVar[bool] = True

    max_size_bytes: int = 2 * 1024**3
    """Largest file taken (chosen: a ten-minute 4K upload is below it)."""

    def open(self, media: Path) -> Transform:
        """Return the fetcher; local files are read in place and copied nowhere."""

        def transform(table: pa.Table) -> pa.Table:
            made = [per_row(self._fetch, row) for row in table.select(self.reads).to_pylist()]
            found = [values or {} for values, _ in made]
            for column in VIDEO:
                values = [row.get(column.name) for row in found]
                if column.name == "video_id":
                    values = table["post_id"].to_pylist()
                table = table.append_column(column, pa.array(values, column.type))
            reasons = [reason for _, reason in made]
            return table.append_column(REJECT_REASON, pa.array(reasons, pa.string()))

        return transform

    def _fetch(self, row: Row) -> dict[str, str | int]:
        if not row["file"]:
            raise VideoError("the post names no file")
        path = Path(row["file"])
        try:
            size = path.stat().st_size
            if not path.is_file():
                raise VideoError("not a file")
            _refuse_wrong_content(path, size, self.max_size_bytes)
            digest = _sha256(path)
        except FileNotFoundError as error:
            raise VideoError("no such file") from error
        except OSError as error:
            raise VideoError(f"cannot be opened ({error.strerror})") from error
        return {"video_path": path.as_posix(), "video_sha256": digest, "size_bytes": size}


def _refuse_wrong_content(path: Path, size_bytes: int, max_size_bytes: int) -> None:
    """Raise VideoError for content that is plainly no video; the decoder judges the rest."""
    if size_bytes == 0:
        raise VideoError("empty file")
    if size_bytes > max_size_bytes:
        raise VideoError(f"file of more than {max_size_bytes} bytes")
    with path.open("rb") as file:
        head = file.read(512).lstrip().lower()
    if head.startswith((b"<!doctype", b"<html", b"<head", b"<?xml")):
        raise VideoError("a web page, not a video")
    if head.startswith((b"{", b"[{")):
        raise VideoError("JSON, not a video")


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
