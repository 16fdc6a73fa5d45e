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

_MENTION_OR_URL = re.compile(
    r"[@\uff20][\w.]+"  # the second one is the full-width form
    r"|(?i:https?://|www\.)\S+"
    r"|\b[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.[A-Za-z]{2,24}/\S*"  # example.com/page
)
_CONTROL = dict.fromkeys(
    [
        *range(0x20),
        *range(0x7F, 0xA0),
        0xAD,  # soft hyphen
        0x61C,  # Arabic letter mark
        *range(0x200B, 0x2010),  # zero width, left-to-right and right-to-left marks
        *range(0x2028, 0x202F),  # line separators, embeddings and overrides
        *range(0x2060, 0x2070),  # joiners, isolates
        *range(0xD800, 0xE000),  # halves of surrogate pairs: no character, and not UTF-8
        0xFEFF,
        *range(0xFFF9, 0xFFFC),
    ]
)
_SHOWN = _CONTROL | dict.fromkeys((*range(0x09, 0x0E), 0x85, 0x2028, 0x2029), " ")
MAX_HASHTAGS = 200
"""Most tags of a post that is read (chosen: the most in 17,000 real posts is below 50)."""
MAX_HASHTAG_CHARS = 150
"""Longest tag (chosen: platforms end at 100; NFKC may make a tag longer)."""
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


def without_controls(text: str) -> str:
    """Drop what is not shown or turns the direction of text, and surrogates; breaks become ' '."""
    return text.translate(_SHOWN)


def clean_description(text: str) -> str:
    """Strip @mentions, URLs and control characters, and cut to the length platforms allow."""
    plain = without_controls(text[: 4 * MAX_DESCRIPTION_CHARS])
    return " ".join(_MENTION_OR_URL.sub("", plain).split())[:MAX_DESCRIPTION_CHARS]


def hash_creator(name: str, salt: str) -> str:
    """Return 16 hexadecimal digits that are equal for equal creators of one data set."""
    return hashlib.blake2b(
        name.encode(errors="replace"), key=salt.encode()[:64], digest_size=8
    ).hexdigest()


def hash_post_id(post_id: str, salt: str) -> str:
    """Return 16 hexadecimal digits in place of an id that leads back to its post."""
    return hash_creator(f"post {post_id}", salt)


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
