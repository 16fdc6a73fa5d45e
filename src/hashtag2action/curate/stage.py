"""What a stage is: settings that open into a function from a table to a table."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from hashtag2action.config import Config
from hashtag2action.errors import FetchError, SourceError, VideoError
from hashtag2action.records import REJECT_REASON, check

Transform = Callable[[pa.Table], pa.Table]
"""Rows in, the same rows out with the stage's columns and `reject_reason`; null keeps a row."""

Row = Mapping[str, Any]
Result = TypeVar("Result")


class Stage(Config, ABC):
    """Settings of one step of the line; the fields are the settings, there is no second class.

    A stage knows no engine, no manifest and no path but the folder for the bytes it makes.
    """

    name: ClassVar[str]
    """Also its file and the tail of its output folder."""
    reads: ClassVar[tuple[str, ...]]
    """Columns it needs."""
    adds: ClassVar[pa.Schema]
    """Columns it appends."""
    row_id: ClassVar[str] = "clip_id"
    """Column that names an input row."""
    fans_out: ClassVar[bool] = False
    """Whether one input row may become several output rows."""
    whole_table: ClassVar[bool] = False
    """Whether it must see all rows at once; it is then given only the `reads` columns."""
    opens_videos: ClassVar[bool] = False
    """Whether a row may crash, hang or grow: rows are then visited in processes of their own, and
    one that loses its process leaves with the reason `crashed`, `timed_out` or `too_large`."""
    rows_per_visit: ClassVar[int] = 1
    """Rows of a part that a stage which opens videos is given at once. More than one lets it wait
    for several at a time; if the process is lost, they are visited again one by one."""

    def needs_whole_table(self) -> bool:
        """Whether these settings need it; a stage may need it for some settings only."""
        return self.whole_table

    @abstractmethod
    def open(self, media: Path) -> Transform:
        """Load what the stage needs, once per worker.

        Args:
            media: Folder for bytes the stage makes; most stages make none.
        """


def per_row(function: Callable[[Row], Result], row: Row) -> tuple[Result | None, str | None]:
    """Visit one row that brings or opens a video; the one place where its errors become data.

    Returns:
        The function's result and None, or None and the reject reason: `unreadable:<why>` or
        `too_large` for what a file holds, `replaced` for another one than was fetched,
        `fetch:<why>` for what kept it from coming.

    Raises:
        SourceError: The video's whole folder is gone since it was fetched.
    """
    try:
        return function(row), None
    except (VideoError, FetchError) as error:
        if "video_path" in row:
            _require_folder(Path(row["video_path"]).parent)
        return None, error.reject_reason


def _require_folder(folder: Path) -> None:
    """Stop where a disk was unplugged: no row is to blame, and all the others would leave, too."""
    if not folder.is_dir() or next(folder.iterdir(), None) is None:
        raise SourceError(
            f"{folder}: the videos that were fetched are not there any more. Bring the folder "
            "back, or withdraw its posts (h2a withdraw), and run the same command again"
        )


def split(stage: Stage, given: pa.Table, made: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Check a stage's output against its declaration and split it into kept and rejected rows.

    Rows in = kept + rejected is asserted here, for every stage and every part: the same rows in
    the same order, or for a stage that fans out, every input row at least once and no other.
    """
    check(made, stage.adds)
    check(made, pa.schema([REJECT_REASON]))
    ids_in = given[stage.row_id].to_pylist()
    ids_out = made[stage.row_id].to_pylist()
    if stage.fans_out:
        seen = list(dict.fromkeys(ids_out))
        assert seen == ids_in, f"{stage.name} lost or invented rows: {set(seen) ^ set(ids_in)}"
    else:
        assert ids_out == ids_in, f"{stage.name} lost, invented or moved rows"
    keep = pc.is_null(made[REJECT_REASON.name])
    kept = made.filter(keep).drop_columns([REJECT_REASON.name])
    rejected = made.filter(pc.invert(keep))
    assert kept.num_rows + rejected.num_rows == made.num_rows, f"{stage.name} lost rows"
    return kept, rejected


def first_reason(table: pa.Table, rules: list[tuple[str, pa.ChunkedArray | pa.Array]]) -> pa.Table:
    """Append `reject_reason`: the first rule that a row breaks, in the order given.

    Args:
        table: Rows to judge.
        rules: Pairs of a reason and a mask of the rows that break the rule; null breaks nothing.
    """
    reason = pa.nulls(table.num_rows, pa.string())
    for name, broken in reversed(rules):
        mask = pc.fill_null(broken, False)
        reason = pc.if_else(mask, pa.scalar(name), reason)
    return table.append_column(REJECT_REASON, reason)
