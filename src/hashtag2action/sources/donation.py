"""Posts that people give of their own: an unpacked or zipped "download your data" archive.

The one way to bytes and metadata together that needs nobody's leave but the person's own, so every
item needs the person's consent note; without it, it stops at metadata (`no_license`) and its bytes
are not unpacked.
"""

import csv
import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field

from hashtag2action.errors import SourceError
from hashtag2action.records import POST
from hashtag2action.sources.base import OnProgress, PostSource, pack
from hashtag2action.sources.donation_layouts import (
    DonatedItem,
    ExportPlatform,
    is_data_file,
    read_items,
)
from hashtag2action.sources.post_rows import RowReader

MAX_DATA_BYTES = 256 * 1024**2
"""Largest JSON or CSV file read (chosen: years of posts are a few megabytes)."""


_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What reading a damaged or encrypted member raises."""


class Donation(PostSource):
    """One person's archive from TikTok, Instagram or YouTube."""

    kind: Literal["donation"] = "donation"
    export: Path
    """The archive: a .zip file, or the folder it was unpacked to."""
    person: str
    """A pseudonym of the giver; it becomes `creator` after hashing."""
    license: str | None = None
    """Consent note that holds for every item without one of its own."""
    consents: Path | None = None
    """CSV with columns `post_id` and `license`: the notes of single items."""
    max_video_bytes: Annotated[int, Field(gt=0)] = 2 * 1024**3
    """Largest video unpacked from a .zip (chosen: equal to the largest that is fetched)."""
    salt: str = "hashtag2action"
    """Secret that the giver's pseudonym is hashed with."""
    hash_ids: bool = False
    """Hash post ids with the same secret."""

    def tables(
        self, workplace: Path, rows_per_table: int, progress: OnProgress
    ) -> Iterator[pa.Table]:
        """Yield the person's own videos, in the order of the archive's files.

        Raises:
            SourceError: The archive or the consents cannot be read.
        """
        notes = self._notes()
        columns = {name: name for name in POST.names}
        files = _open(self.export)
        root = (self.export if self.export.is_dir() else workplace).resolve()
        platforms: tuple[ExportPlatform, ...] = ("tiktok", "instagram", "youtube")
        readers = {
            platform: RowReader(platform, self.salt, columns, self.hash_ids, root, True)
            for platform in platforms
        }

        def rows() -> Iterator[dict[str, Any]]:
            for number, item in enumerate(_items(files), start=1):
                values = item.values | {"creator": self.person}
                values["license"] = notes.get(str(values.get("post_id")), self.license)
                name = f"row-{number}"
                if values.get("file") and values["license"]:
                    try:
                        values["file"] = files.place(values["file"], root, self.max_video_bytes)
                    except (OSError, ValueError, *_DAMAGED) as error:
                        yield readers[item.platform].read(name, f"cannot be unpacked ({error})")
                        continue
                yield readers[item.platform].read(name, values)

        yield from pack(rows(), rows_per_table)

    def _notes(self) -> dict[str, str]:
        if self.consents is None:
            return {}
        try:
            with self.consents.open(encoding="utf-8-sig", newline="") as lines:
                return {row["post_id"]: row["license"] for row in csv.DictReader(lines)}
        except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
            raise SourceError(
                f"{self.consents}: expected a CSV with columns post_id and license ({error})"
            ) from error


class _FolderFiles:
    """An unpacked archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        paths = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        self.names = sorted(path.relative_to(folder).as_posix() for path in paths)

    def read(self, name: str) -> bytes:
        """Return the bytes of a data file; those of one too large are none."""
        path = self._folder / name
        return path.read_bytes() if path.stat().st_size <= MAX_DATA_BYTES else b""

    def place(self, name: str, root: Path, max_bytes: int) -> str:
        """Return a video's path from the archive's folder; it stays where it is."""
        return name


class _ZipFiles:
    """A packed archive."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        self.names = sorted(item.filename for item in self._zip.infolist() if not item.is_dir())

    def read(self, name: str) -> bytes:
        """Return the bytes of a data file; those of one too large are none."""
        if self._zip.getinfo(name).file_size > MAX_DATA_BYTES:
            return b""
        try:
            return self._zip.read(name)
        except _DAMAGED as error:
            raise SourceError(f"{self._zip.filename}: {name[:80]!a}: {error}") from error

    def place(self, name: str, root: Path, max_bytes: int) -> str:
        """Unpack a video under a name of ours, so that no name leads out of the folder."""
        if self._zip.getinfo(name).file_size > max_bytes:
            raise ValueError(f"more than {max_bytes} bytes")
        digest = hashlib.blake2b(name.encode(errors="replace"), digest_size=12).hexdigest()
        target = root / f"{digest}{PurePosixPath(name).suffix.lower()}"
        if not target.exists():
            root.mkdir(parents=True, exist_ok=True)
            beside = target.with_name(f".{target.name}")
            with self._zip.open(name) as source, beside.open("wb") as file:
                shutil.copyfileobj(source, file)
            beside.replace(target)
        return target.name


def _open(export: Path) -> _FolderFiles | _ZipFiles:
    if export.is_dir():
        return _FolderFiles(export)
    try:
        return _ZipFiles(export)
    except (OSError, zipfile.BadZipFile) as error:
        raise SourceError(f"{export}: neither a folder nor a .zip file ({error})") from error


def _items(files: _FolderFiles | _ZipFiles) -> Iterator[DonatedItem]:
    for name in files.names:
        if is_data_file(name):
            yield from read_items(name, files.read(name), files.names)
