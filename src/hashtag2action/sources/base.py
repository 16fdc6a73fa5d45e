"""What a source of posts is, and the rules every source keeps at the door.

User names never enter a table (salted hash), @mentions and URLs leave descriptions, tags are
normalized, and a row that cannot be read becomes a rejected row with its reason.
"""

import hashlib
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from hashtag2action.config import Config
from hashtag2action.records import POST, REJECT_REASON

OnProgress = Callable[[str, int, int], None]
"""Called with what is being prepared, how much is done and how much there is."""

POST_WITH_REASON = POST.append(REJECT_REASON)

_MENTION_OR_URL = re.compile(r"@[\w.]+|https?://\S+|www\.\S+")
_CONTROL = dict.fromkeys(
    [*range(0x20), 0x7F, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
MAX_DESCRIPTION_CHARS = 4_000
"""Longest description kept; platforms allow 2,200 to 4,000 characters (chosen: the larger)."""


class PostSource(Config, ABC):
    """Settings of a place that posts come from."""

    @abstractmethod
    def tables(
        self, workplace: Path, rows_per_table: int, progress: OnProgress
    ) -> Iterator[pa.Table]:
        """Yield posts as tables of POST with `reject_reason`, in a fixed order.

        Args:
            workplace: Folder for bytes the source has to make itself.
            rows_per_table: Rows in each table but the last.
            progress: Told how far a long preparation is.

        Raises:
            SourceError: The place cannot be read at all.
        """


def normalize_hashtag(text: str) -> str:
    """Return a tag in one form: NFKC, case folded, without '#', white space and controls."""
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_CONTROL)
    return "".join(folded.split()).lstrip("#")


def clean_description(text: str) -> str:
    """Strip @mentions, URLs and control characters, and cut to the length platforms allow."""
    plain = _MENTION_OR_URL.sub("", text[: 4 * MAX_DESCRIPTION_CHARS]).translate(_CONTROL)
    return " ".join(plain.split())[:MAX_DESCRIPTION_CHARS]


def hash_creator(name: str, salt: str) -> str:
    """Return 16 hexadecimal digits that are equal for equal creators of one data set."""
    return hashlib.blake2b(name.encode(), key=salt.encode()[:64], digest_size=8).hexdigest()


def pack(rows: Iterable[dict[str, Any]], rows_per_table: int) -> Iterator[pa.Table]:
    """Pack rows of POST values and `reject_reason` into tables; an id seen before is rejected."""
    seen: set[str] = set()
    batch: list[dict[str, Any]] = []
    num_tables = 0
    for row in rows:
        named = _name_apart(row, seen)
        seen.add(named["post_id"])
        batch.append(named)
        if len(batch) == rows_per_table:
            yield _table(batch)
            num_tables += 1
            batch = []
    if batch or not num_tables:
        yield _table(batch)


def _name_apart(row: dict[str, Any], seen: set[str]) -> dict[str, Any]:
    """Give a row whose id was seen before an id of its own, and the reason why it is rejected."""
    if row["post_id"] not in seen:
        return row
    reason = row.get("reject_reason") or "bad_row:repeated id"
    return {**row, "post_id": f"{row['post_id']}#{len(seen) + 1}", "reject_reason": reason}


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = {
        column.name: pa.array([row.get(column.name) for row in rows], column.type)
        for column in POST_WITH_REASON
    }
    return pa.table(columns, schema=POST_WITH_REASON)
