"""What stays of a withdrawn video: enough to know it again, nothing to see it by.

`RUN/withdrawn.parquet` holds keyed hashes of the post's id and of its files, and the fingerprints
of its scenes: a few slow waves of gray, from which nothing finer than some 12 x 12 points could be
drawn. Without them no copy would be known again. Whoever holds a copy of the video can tell that it
is the one meant: tombstones are pseudonymous data, kept only to refuse the video when it comes
again. The key of the hashes lies in the same file, so that ids cannot be looked up in tables made
beforehand.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hashtag2action.errors import ManifestError
from hashtag2action.manifest import write_table
from hashtag2action.records import REJECT_REASON
from hashtag2action.vision.fingerprint import Fingerprint

FILE_NAME = "withdrawn.parquet"
REASON = "withdrawn"

TOMBSTONE = pa.schema(
    [
        pa.field("id_hash", pa.string()),
        pa.field("file_hashes", pa.list_(pa.string())),
        pa.field("fingerprints", pa.list_(pa.binary())),
        pa.field("fingerprint_times_s", pa.list_(pa.list_(pa.float32()))),
    ]
)
"""One withdrawn post: keyed hashes of its id and files, fingerprints of its scenes."""

_REPEAT = re.compile(r"#\d+$")


@dataclass(frozen=True)
class Remains:
    """What is kept of one post."""

    post_id: str
    sha256s: frozenset[str]
    """Of the video and of its clips, hexadecimal."""
    prints: tuple[Fingerprint, ...]
    """One a scene."""


class Tombstones:
    """The withdrawn posts of one file."""

    def __init__(self, key: str, rows: Sequence[dict[str, Any]] = ()) -> None:
        self._key = key
        self._rows = {row["id_hash"]: row for row in rows}
        self._files = {digest for row in rows for digest in row["file_hashes"]}

    @classmethod
    def read(cls, path: Path) -> "Tombstones":
        """Read a file, or begin one with a key of its own where there is none.

        Raises:
            ManifestError: The file is not one of tombstones.
        """
        if not path.exists():
            return cls(secrets.token_hex(16))
        try:
            table = pq.read_table(path)
            key = (table.schema.metadata or {})[b"key"].decode()
            return cls(key, table.select(TOMBSTONE.names).to_pylist())
        except (KeyError, pa.ArrowException) as error:
            raise ManifestError(f"{path}: is no file of withdrawn posts ({error})") from error

    def write(self, path: Path) -> None:
        """Write the file."""
        rows = sorted(self._rows.values(), key=lambda row: row["id_hash"])
        table = pa.Table.from_pylist(rows, TOMBSTONE.with_metadata({"key": self._key}))
        write_table(path, table)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, remains: Iterable[Remains]) -> None:
        """Remember posts; what was known of one stays known."""
        for post in remains:
            name = self.hash_of(post.post_id)
            row = self._rows.setdefault(
                name,
                {"id_hash": name, "file_hashes": [], "fingerprints": []}
                | {"fingerprint_times_s": []},
            )
            digests = {*row["file_hashes"], *(self.hash_of(digest) for digest in post.sha256s)}
            row["file_hashes"] = sorted(digests)
            self._files |= digests
            for scene in post.prints:
                data = scene.to_bytes()
                if data and data not in row["fingerprints"]:
                    row["fingerprints"].append(data)
                    row["fingerprint_times_s"].append(np.asarray(scene.times_s).tolist())

    def hash_of(self, text: str) -> str:
        """Return 32 hexadecimal digits for an id or a digest."""
        return hashlib.blake2b(text.encode(), key=self._key.encode(), digest_size=16).hexdigest()

    def knows_id(self, post_id: str) -> bool:
        """Whether a post of this id was withdrawn."""
        return self.hash_of(_REPEAT.sub("", post_id)) in self._rows

    def knows_file(self, sha256: str) -> bool:
        """Whether a file of these bytes was withdrawn."""
        return self.hash_of(sha256) in self._files

    def prints(self) -> list[Fingerprint]:
        """Return the fingerprints of all scenes that were withdrawn.

        Raises:
            ManifestError: They were written by an edition that made other fingerprints.
        """
        try:
            return [
                Fingerprint.from_bytes(data, np.asarray(times, np.float64))
                for row in self._rows.values()
                for data, times in zip(row["fingerprints"], row["fingerprint_times_s"], strict=True)
            ]
        except ValueError as error:
            raise ManifestError(
                "the fingerprints of withdrawn posts are of another edition of this program "
                f"({error}); they cannot be compared any more"
            ) from error

    def blank(self, posts: pa.Table) -> pa.Table:
        """Leave nothing of withdrawn posts but a row that says so.

        Args:
            posts: Posts with `reject_reason`.
        """
        ids = posts["post_id"].to_pylist()
        known = [post_id is not None and self.knows_id(post_id) for post_id in ids]
        if not any(known):
            return posts
        mask = pa.array(known)
        columns = {}
        for name in posts.column_names:
            field = posts.schema.field(name)
            values = posts[name].to_pylist()
            if name == "post_id":
                values = [
                    self._name(text) if gone else text
                    for text, gone in zip(values, known, strict=True)
                ]
                columns[field] = pa.array(values, field.type)
            elif name == REJECT_REASON.name:
                values = [
                    REASON if gone else text for text, gone in zip(values, known, strict=True)
                ]
                columns[field] = pa.array(values, field.type)
            else:
                blank = pa.nulls(len(ids), field.type)
                columns[field] = pc.if_else(mask, blank, posts[name].combine_chunks())
        return pa.table(list(columns.values()), schema=pa.schema(list(columns)))

    def _name(self, post_id: str) -> str:
        repeat = _REPEAT.search(post_id)
        base = self.hash_of(_REPEAT.sub("", post_id))[:16]
        return f"withdrawn-{base}{repeat.group() if repeat else ''}"
