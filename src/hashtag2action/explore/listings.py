"""Tables of curation runs as a page reads them: column by column, when it is asked for.

A table of a million clips has sixty columns, and a page needs the few it filters, sorts and shows.
What was read is kept until a part of the table changes on disk, so that what was withdrawn is gone
here, too.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock, RLock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hashtag2action.errors import ManifestError
from hashtag2action.manifest import Manifest
from hashtag2action.records import CLIP, HEAVY_COLUMNS, POST, REJECT_REASON, VIDEO
from hashtag2action.report.discover import Run, discover
from hashtag2action.report.funnel import STAGES
from hashtag2action.report.tables import Row, stage_folder

SIDES = ("kept", "rejected")
MAX_TABLES = 4
"""Tables whose columns are kept in memory. Chosen: a person goes back and forth between a few."""
_ID_COLUMNS = ("clip_id", "video_id", "post_id")
"""What names a row, the first that it has: a video that no scene was found in has no clip."""
_TEXT_COLUMNS = (
    "clip_id",
    "video_id",
    "post_id",
    "hashtags",
    "hashtag",
    "description",
    "creator",
    "region",
    "language",
)
"""Columns that a text is looked for in."""

Stamp = tuple[tuple[str, int, int], ...]


class Listing:
    """The rows of one side of a stage; a row is named by its id."""

    def __init__(self, run: Run, folder: Path, side: str, stamp: Stamp) -> None:
        """Note where the table is.

        Args:
            run: Its run.
            folder: Its stage.
            side: `kept` or `rejected`.
            stamp: State of its parts on disk.
        """
        self.run, self.stage, self.side, self.stamp = run, folder.name[3:], side, stamp
        self._manifest = Manifest(folder)
        self._parts = [name for name, _, _ in stamp]
        self._files = [folder / side / f"{name}.parquet" for name in self._parts]
        self._columns: dict[str, pa.ChunkedArray] = {}
        self._lock = RLock()

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns of the table, without the heavy ones."""
        if not self._files:
            return pa.schema([])
        return pa.schema(
            field for field in pq.read_schema(self._files[0]) if field.name not in HEAVY_COLUMNS
        )

    @cached_property
    def num_rows(self) -> int:
        """Rows of the table."""
        return int(self._ends[-1]) if self._files else 0

    @cached_property
    def _ends(self) -> np.ndarray:
        return np.cumsum([pq.read_metadata(path).num_rows for path in self._files])

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column of all rows."""
        return self._once(name, lambda: self._manifest.read(self.side, [name]))

    @property
    def ids(self) -> pa.ChunkedArray:
        """The id of each row."""
        names = [name for name in _ID_COLUMNS if self._has(name)]
        return self._once("ids of rows", lambda: pc.coalesce(*map(self.column, names)))

    @property
    def texts(self) -> pa.ChunkedArray:
        """What a text is looked for in, of each row, in lower case."""
        return self._once("texts of rows", self._texts)

    @property
    def rules(self) -> pa.ChunkedArray | None:
        """The rule that each row left by, without its detail; None where no row left."""
        return self._once("rules of rows", self._rules) if self._has(REJECT_REASON.name) else None

    def forget(self) -> None:
        """Give the memory of all columns back."""
        with self._lock:
            self._columns.clear()

    def _once(self, name: str, make: Callable[[], Any]) -> pa.ChunkedArray:
        """Make a column where it is not in memory; one chunk where it fits, so that rows are."""
        with self._lock:
            if name not in self._columns:
                made = make()
                table = made if isinstance(made, pa.Table) else pa.table({name: made})
                self._columns[name] = table.combine_chunks()[name]
            return self._columns[name]

    def _texts(self) -> Any:
        parts = [self._as_text(name) for name in _TEXT_COLUMNS if self._has(name)]
        return pc.utf8_lower(
            pc.binary_join_element_wise(*parts, " ", null_handling="replace", null_replacement="")
        )

    def _rules(self) -> Any:
        reasons = pc.fill_null(self.column(REJECT_REASON.name), "")
        return pc.utf8_trim_whitespace(pc.replace_substring_regex(reasons, r"(?s):.*", ""))

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Columns of numbers, which have ranges and histograms."""
        return tuple(
            field.name
            for field in self.schema
            if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        )

    @cached_property
    def sortable(self) -> tuple[str, ...]:
        """Columns that rows can be ordered by."""
        return tuple(field.name for field in self.schema if not pa.types.is_nested(field.type))

    def place_of(self, row_id: str) -> int | None:
        """Return the place of a row, or None where there is no such id."""
        if not self.num_rows:
            return None
        place = pc.index(self.ids, pa.scalar(row_id, pa.string())).as_py()
        return place if place >= 0 else None

    def rows(self, places: Sequence[int] | np.ndarray, columns: Sequence[str]) -> list[Row]:
        """Return some rows; a column that is not there is None in each."""
        here = {name: self.column(name) for name in columns if self._has(name)}
        if not len(places):
            return []
        rows = pa.table({**here, "id": self.ids}).take(pa.array(places, pa.int64())).to_pylist()
        return [{**dict.fromkeys(columns), **row} for row in rows]

    def whole_row(self, place: int) -> Row:
        """Return all columns of one row but the heavy ones, read from its part."""
        part = int(np.searchsorted(self._ends, place, side="right"))
        first = int(self._ends[part - 1]) if part else 0
        table = self._manifest.read_part(self._parts[part], self.side, self.schema.names)
        return table.slice(place - first, 1).to_pylist()[0]

    def meaning(self, name: str) -> str:
        """Return what a column means, as its table or its definition says; '' where none does."""
        known: list[pa.Field] = [REJECT_REASON]
        for schema in (self.schema, CLIP, VIDEO, POST):
            known += [schema.field(name)] if name in schema.names else []
        told = [
            (field.metadata or {}).get(b"meaning", b"") for field in known if field.name == name
        ]
        return next((text.decode() for text in told if text), "")

    def _has(self, name: str) -> bool:
        return name in self.schema.names

    def _as_text(self, name: str) -> pa.ChunkedArray:
        column = self.column(name)
        return pc.binary_join(column, " ") if pa.types.is_list(column.type) else column


class Shelf:
    """The curation runs of a folder, and those of their tables that were looked at last."""

    def __init__(self, folder: Path) -> None:
        """Find the runs.

        Raises:
            ManifestError: There is no run of a curation in the folder.
        """
        self.runs = {run.name: run for run in discover(folder) if run.kind == "curation"}
        if not self.runs:
            raise ManifestError(f"{folder}: no curation in it; give the --out of h2a curate")
        self._open: dict[tuple[str, str, str], Listing] = {}
        self._recent: list[Listing] = []
        self._lock = Lock()

    def tables(self, run: str) -> list[tuple[str, str, str, int]]:
        """Return stage, side, title and number of rows of each table of a run."""
        found = []
        for text in STAGES:
            for side in SIDES:
                listing = self.listing(run, text.name, side)
                if listing is not None and (listing.num_rows or side == "kept"):
                    title = f"{text.title}: {side}"
                    found.append((text.name, side, title, listing.num_rows))
        return found

    def listing(self, run: str, stage: str, side: str) -> Listing | None:
        """Return a table as it is on disk now, or None where there is none."""
        known = self.runs.get(run)
        is_known = side in SIDES and any(stage == text.name for text in STAGES)
        folder = stage_folder(known.folder, stage) if known and is_known else None
        if known is None or folder is None:
            return None
        stamp = _stamp(folder, side)
        name = (run, stage, side)
        with self._lock:
            found = self._open.get(name)
            if found is None or found.stamp != stamp:
                found = self._open[name] = Listing(known, folder, side, stamp)
            return found

    def touch(self, listing: Listing) -> None:
        """Note that the rows of a table are looked at, and forget those of long ago."""
        with self._lock:
            self._recent = [one for one in self._recent if one is not listing] + [listing]
            for one in self._recent[:-MAX_TABLES]:
                one.forget()
            self._recent = self._recent[-MAX_TABLES:]


def _stamp(folder: Path, side: str) -> Stamp:
    found: list[tuple[str, int, int]] = []
    for name in Manifest(folder).parts():
        state = (folder / side / f"{name}.parquet").stat()
        found.append((name, state.st_mtime_ns, state.st_size))
    return tuple(found)


def flat(value: Any) -> str:
    """Write a cell for a person: numbers shortly, lists on one line."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(flat(item) for item in value)
    return str(value)
