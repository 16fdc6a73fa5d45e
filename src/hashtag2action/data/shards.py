"""Clips in tar shards with an index, as `h2a export` writes them: local, or where fsspec reaches.

Each video is read by its place in the archive, so that any order of clips costs the same.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hashtag2action.config import Config
from hashtag2action.data.clip_set import (
    VIDEO_SUFFIXES,
    Clip,
    ClipSet,
    ClipTable,
    ShardMember,
    numbered,
)
from hashtag2action.errors import ConfigError, MissingExtraError, VideoError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class ShardClips(Config):
    """A data set in tar shards."""

    kind: Literal["shards"] = "shards"
    folder: str
    """Folder of the data set that holds clips.parquet and shards/: a path, or an address fsspec
    understands, such as s3://bucket/dataset (extra `[remote]`)."""
    label: Literal["none", "hashtag"] = "none"
    """Column that serves as the weak label; pre-training needs none."""

    def read(self) -> ClipSet:
        """List the videos of the index.

        Raises:
            ConfigError: The index or the table of clips is missing, or they do not fit.
            MissingExtraError: The address needs a library that is not installed.
        """
        folder = self.folder.rstrip("/")
        index = _table(f"{folder}/shards/index.parquet")
        told = _table(f"{folder}/clips.parquet")
        is_video = pc.ends_with(index["member"], VIDEO_SUFFIXES[0])
        for suffix in VIDEO_SUFFIXES[1:]:
            is_video = pc.or_(is_video, pc.ends_with(index["member"], suffix))
        columns = ["clip_id", "shard", "member", "offset_bytes", "size_bytes"]
        index = index.filter(is_video).select(columns)
        wanted = ["clip_id", "clip_start_s", "clip_end_s", *self._label_columns()]
        rows = index.join(told.select(wanted), "clip_id", join_type="left outer").sort_by("clip_id")
        unknown = rows["clip_end_s"].null_count
        if unknown or not len(rows):
            raise ConfigError(
                f"{folder}: {unknown} of {len(rows)} videos of the shards are not in clips.parquet"
            )
        names: tuple[str, ...] = ()
        if self.label != "none":
            names = tuple(sorted(name for name in set(rows[self.label].to_pylist()) if name))
            rows = rows.append_column("label", numbered(rows[self.label], names))
        return ClipSet(ClipTable(rows, _ShardedClip(f"{folder}/shards")), names)

    def _label_columns(self) -> list[str]:
        return [] if self.label == "none" else [self.label]


@dataclass(frozen=True)
class _ShardedClip:
    """Makes the clip of a row of the index."""

    folder: str

    def __call__(self, row: dict[str, Any]) -> Clip:
        return Clip(
            clip_id=row["clip_id"],
            path=Path(row["shard"]) / row["member"],
            start_s=row["clip_start_s"],
            end_s=row["clip_end_s"],
            label=row.get("label"),
            part=ShardMember(
                f"{self.folder}/{row['shard']}", row["offset_bytes"], row["size_bytes"]
            ),
        )


def read_member(member: ShardMember) -> bytes:
    """Read the bytes of a video.

    Raises:
        VideoError: The archive cannot be read, or ends before.
    """
    first, size = member.offset_bytes, member.size_bytes
    try:
        if "://" in member.address:
            store, path = _store(member.address)
            found: Any = store.cat_file(path, start=first, end=first + size)
        else:
            with Path(member.address).open("rb") as archive:
                archive.seek(first)
                found = archive.read(size)
    except OSError as error:
        raise VideoError(f"{member.address}: cannot be read ({error})") from error
    if len(found) < size:
        raise VideoError(f"{member.address}: ends within the video at {first}")
    return found


def _table(address: str) -> pa.Table:
    try:
        if "://" not in address:
            return pq.read_table(address)
        store, path = _store(address)
        content: Any = store.cat_file(path)
        return pq.read_table(BytesIO(content))
    except (OSError, pa.ArrowInvalid) as error:
        raise ConfigError(
            f"{address}: no such table ({error}); h2a export with containers=[shards] writes it"
        ) from error


def _store(address: str) -> "tuple[AbstractFileSystem, str]":
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as error:
        raise MissingExtraError("fsspec", "remote") from error
    try:
        store, path = url_to_fs(address)
    except ImportError as error:
        raise MissingExtraError(address.partition("://")[0], "remote") from error
    except ValueError as error:
        raise ConfigError(f"{address}: {error}") from error
    return store, path
