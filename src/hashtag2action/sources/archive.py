"""Posts from an export on disk: JSONL, CSV or Parquet, with a column for the video file."""

import ast
import csv
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from hashtag2action.errors import ConfigError, SourceError
from hashtag2action.records import POST
from hashtag2action.sources.base import (
    OnProgress,
    PostSource,
    clean_description,
    hash_creator,
    normalize_hashtag,
    pack,
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

csv.field_size_limit(16 * 1024 * 1024)


class Archive(PostSource):
    """A table of posts on disk, with the videos beside it."""

    kind: Literal["archive"] = "archive"
    posts: Path
    """The table: .jsonl, .csv, .tsv or .parquet."""
    videos: Path | None = None
    """Folder that relative paths in the file column start at; by default the table's folder."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Our column -> the archive's column, where it differs from the Research API's field names."""
    platform: str = "tiktok"
    """Written into every row."""
    salt: str = "hashtag2action"
    """Secret that user names are hashed with; set your own for data you pass on."""

    def tables(
        self, workplace: Path, rows_per_table: int, progress: OnProgress
    ) -> Iterator[pa.Table]:
        """Yield the archive's posts.

        Raises:
            ConfigError: `columns` names a column that a post does not have.
            SourceError: The table is missing, of an unknown kind, or not readable at all.
        """
        unknown = sorted(self.columns.keys() - set(POST.names))
        if unknown:
            raise ConfigError(
                f"source.columns: a post has no column {', '.join(unknown)}; "
                f"it has {', '.join(POST.names)}"
            )
        if not self.posts.is_file():
            raise SourceError(f"{self.posts}: no such file; source.posts is the table of posts")
        mapping = RESEARCH_API_COLUMNS | self.columns
        root = (self.videos or self.posts.parent).resolve()
        rows = (self._row(number, values, mapping, root) for number, values in _read(self.posts))
        yield from pack(rows, rows_per_table)

    def _row(
        self, number: int, values: dict[str, Any] | str, mapping: dict[str, str], root: Path
    ) -> dict[str, Any]:
        row: dict[str, Any] = {"post_id": f"row-{number}", "platform": self.platform}
        if isinstance(values, str):
            return {**row, "reject_reason": f"bad_row:{values}"}
        reason = None
        for column in POST:
            given = values.get(mapping.get(column.name, ""))
            if given is None or given == "":
                continue
            try:
                row[column.name] = self._value(column.name, given, root)
            except (ValueError, TypeError, OverflowError) as fault:
                reason = reason or f"bad_row:{column.name}: {fault}"
        if row["post_id"] == f"row-{number}" and reason is None:
            reason = f"bad_row:no {mapping['post_id']}"
        return {**row, "reject_reason": reason}

    def _value(self, column: str, given: Any, root: Path) -> Any:
        readers: dict[str, Callable[[Any], Any]] = {
            "hashtags": _hashtags,
            "description": lambda text: clean_description(str(text)),
            "creator": lambda name: hash_creator(str(name), self.salt),
            "file": lambda file: _inside(root, str(file)),
            "duration_s": _seconds,
        }
        kind = POST.field(column).type
        reader = readers.get(column, _whole if kind == pa.int64() else str)
        return reader(given)


def _read(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    readers = {
        ".jsonl": _read_jsonl,
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{path}: expected .jsonl, .csv, .tsv or .parquet, found {path.suffix or 'no suffix'}"
        )
    try:
        yield from enumerate(reader(path), start=1)
    except (OSError, pa.ArrowException, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as {path.suffix}: {error}") from error


def _read_jsonl(path: Path) -> Iterator[dict[str, Any] | str]:
    with path.open("rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except (ValueError, RecursionError):
                yield "not JSON"
                continue
            yield values if isinstance(values, dict) else "not a JSON object"


def _read_csv(path: Path) -> Iterator[dict[str, Any] | str]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        for values in csv.DictReader(_without_nul(lines), delimiter=delimiter):
            yield "more fields than the header" if None in values else values


def _without_nul(lines: Iterable[str]) -> Iterator[str]:
    return (line.replace("\0", "") for line in lines)


def _read_parquet(path: Path) -> Iterator[dict[str, Any] | str]:
    for batch in pq.ParquetFile(path).iter_batches():
        yield from batch.to_pylist()


def _strings(given: Any) -> list[str]:
    """Read a list in any of three spellings: a real list, "['a', 'b']" or "a b #c, d"."""
    if isinstance(given, (list, tuple)):
        return [str(item) for item in given if item is not None]
    text = str(given).strip()
    if text.startswith("["):
        try:
            listed = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            raise ValueError(f"not a list: {text[:40]!r}") from error
        return [str(item) for item in listed]
    return text.replace(",", " ").split()


def _hashtags(given: Any) -> list[str]:
    tags = (normalize_hashtag(tag) for tag in _strings(given))
    return list(dict.fromkeys(tag for tag in tags if tag))


def _seconds(given: Any) -> float | None:
    seconds = float(given)
    # Platforms say 0 where they do not know.
    return seconds if 0 < seconds < float("inf") else None


def _whole(given: Any) -> int:
    if isinstance(given, str):
        given = float(given) if not given.strip().lstrip("-").isdigit() else int(given)
    if isinstance(given, float) and not given.is_integer():
        raise ValueError(f"expected a whole number, found {given!r}")
    number = int(given)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"expected a whole number of 64 bits, found {str(given)[:40]!r}")
    return number


def _inside(root: Path, file: str) -> str:
    """Return the absolute path of an archive's file; one outside the archive is refused."""
    if "\0" in file:
        raise ValueError("a NUL character in a path")
    path = (root / file).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{file[:80]!r} lies outside the archive's folder")
    return path.as_posix()
