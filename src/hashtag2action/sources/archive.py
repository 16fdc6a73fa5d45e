"""Posts from an export on disk: JSONL, CSV or Parquet, through a mapping of its columns.

Numbers, durations, dates and lists may be spelled in the ways of `field_values`.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from hashtag2action.errors import ConfigError, SourceError
from hashtag2action.records import POST
from hashtag2action.sources.base import OnProgress, PostSource, pack
from hashtag2action.sources.post_rows import RESEARCH_API_COLUMNS, RowReader

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
    hash_ids: bool = False
    """Hash post ids with the same secret, so that a row does not lead back to its post."""

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
        reader = RowReader(
            platform=self.platform,
            salt=self.salt,
            columns=mapping,
            hash_ids=self.hash_ids,
            root=(self.videos or self.posts.parent).resolve(),
        )
        rows = (reader.read(f"row-{number}", values) for number, values in read_rows(self.posts))
        yield from pack(rows, rows_per_table)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield the rows of a table with their numbers from 1; a string says why a row has no fields.

    Raises:
        SourceError: The file is of an unknown kind, or not readable at all.
    """
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
