"""From the fields of an export or an answer to a row of POST, with the rules of the door kept.

User names are hashed, descriptions cleaned, tags normalized, ids and paths kept inside; what cannot
be read gives the row its `reject_reason`, and never an exception.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from hashtag2action.records import POST
from hashtag2action.sources.base import (
    clean_description,
    hash_creator,
    hash_post_id,
    without_controls,
)
from hashtag2action.sources.field_values import (
    hashtags,
    identifier,
    seconds,
    unix_seconds,
    whole,
)

RESEARCH_API_COLUMNS = {
    "post_id": "id",
    "hashtags": "hashtag_names",
    "description": "video_description",
    "created_unix_s": "create_time",
    "region": "region_code",
    "duration_s": "video_duration",
    "num_views": "view_count",
    "num_likes": "like_count",
    "num_comments": "comment_count",
    "num_shares": "share_count",
    "creator": "username",
    "license": "license",
    "file": "file",
}
"""Our column <- field of the TikTok Research API (plus `license` and `file`).

Source: TikTok Research API, video query, field list.
"""

MAX_TEXT_CHARS = 500
"""Longest region or licence note (chosen: a note is a sentence, not a document)."""


@dataclass(frozen=True)
class RowReader:
    """Reads rows of one data set."""

    platform: str
    """Written into every row."""
    salt: str
    """Secret of the data set; user names, and ids where asked, are hashed with it."""
    columns: dict[str, str] = field(default_factory=lambda: RESEARCH_API_COLUMNS)
    """Our column -> field of the export."""
    hash_ids: bool = False
    """Hash ids, too."""
    root: Path | None = None
    """Folder that files must lie in; None: the source has no files."""
    needs_license: bool = False
    """Reject rows without a licence or consent note, and drop their file: metadata is all that is
    kept of them."""

    def read(self, name: str, values: dict[str, Any] | str) -> dict[str, Any]:
        """Return POST values and `reject_reason`.

        Args:
            name: Stands for the row where its id cannot be read.
            values: Fields, or why there are none.
        """
        row: dict[str, Any] = {"post_id": name, "platform": self.platform}
        if isinstance(values, str):
            return {**row, "reject_reason": f"bad_row:{values}"}
        reason = None
        for column, reader in self._readers.items():
            given = values.get(self.columns[column])
            if given is None or given == "" or given != given:  # noqa: PLR0124 - NaN: unsaid
                continue
            try:
                row[column] = reader(given)
            except (ValueError, TypeError, OverflowError, OSError, RecursionError) as fault:
                reason = reason or f"bad_row:{column}: {fault}"
        if row["post_id"] == name and reason is None:
            reason = f"bad_row:no {self.columns['post_id']}"
        if self.needs_license and not row.get("license"):
            row["file"] = None
            reason = reason or "no_license"
        return {**row, "reject_reason": reason}

    @cached_property
    def _readers(self) -> dict[str, Callable[[Any], Any]]:
        own: dict[str, Callable[[Any], Any]] = {
            "post_id": self._post_id,
            "hashtags": hashtags,
            "description": lambda text: clean_description(str(text)),
            "created_unix_s": unix_seconds,
            "duration_s": seconds,
            "creator": lambda user: hash_creator(str(user), self.salt),
            "file": self._inside,
        }
        kinds = {column.name: whole if column.type == pa.int64() else _text for column in POST}
        return {name: own.get(name, kinds[name]) for name in POST.names if name in self.columns}

    def _post_id(self, given: Any) -> str:
        post_id = identifier(given)
        return hash_post_id(post_id, self.salt) if self.hash_ids else post_id

    def _inside(self, given: Any) -> str:
        """Return the absolute path of a file; one outside the source's folder is refused."""
        if self.root is None:
            raise ValueError("this source has no folder of videos")
        file = str(given)
        if not file.isprintable() or len(file) > 1000:
            raise ValueError(f"not a path: {file[:40]!a}")
        path = (self.root / file).resolve()
        if not path.is_relative_to(self.root):
            raise ValueError(f"{file[:80]!a} lies outside the archive's folder")
        return path.as_posix()


def _text(given: Any) -> str:
    text = str(given)
    if len(text) > MAX_TEXT_CHARS:
        raise ValueError(f"a text of {len(text):,} characters")
    return without_controls(text)
