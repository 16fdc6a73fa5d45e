"""Run one stage over a manifest: part by part, resumable, with a receipt at the end.

Parts are what is written and resumed; what is handed to workers is a part of a stage that only
computes, and a row of one that opens videos. A row that loses its worker leaves with a reason, and
its part is written all the same.
"""

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from hashtag2action.config import key_of
from hashtag2action.curate.stage import Stage, Transform, split
from hashtag2action.engines.base import Engine, Limits, Lost
from hashtag2action.errors import EngineError
from hashtag2action.manifest import Manifest, sweep
from hashtag2action.records import HEAVY_COLUMNS, REJECT_REASON

OnPart = Callable[[str, int, int], None]
"""Called with the stage's name, rows done and rows in all."""


def run_stage(
    stage: Stage,
    parent: Manifest,
    folder: Path,
    engine: Engine,
    on_part: OnPart,
    limits: Limits | None = None,
) -> Manifest:
    """Bring one stage to its receipt; what is finished already is left alone.

    Args:
        stage: What to do.
        parent: The table it reads.
        folder: The table it makes.
        engine: Where the work runs.
        on_part: Told of progress.
        limits: What one row of a stage that opens videos may cost; None takes the defaults.

    Raises:
        ManifestError: The folder was begun with other settings or other input.
        EngineError: Workers died, or the stage failed on a part.
    """
    limits = limits or Limits()
    parent_key = parent.receipt()["key"]
    settings = stage_settings(stage, limits)
    made = Manifest(folder)
    key = key_of(stage.name, settings, parent_key)
    made.begin(stage.name, key, parent_key, settings, parent.left(HEAVY_COLUMNS, stage.row_id))
    counts = {
        part: parent.read_part(part, columns=[stage.row_id]).num_rows for part in parent.parts()
    }
    total = sum(counts.values())
    if made.is_finished:
        on_part(stage.name, total, total)
        return made
    todo = {part: count for part, count in counts.items() if not made.has_part(part)}
    done = total - sum(todo.values())
    on_part(stage.name, done, total)
    if stage.needs_whole_table():
        _run_whole(stage, parent, made, list(todo))
        on_part(stage.name, total, total)
    else:
        run = _run_rows if stage.opens_videos else _run_parts
        with closing(run(stage, parent, made, todo, engine, limits)) as steps:
            for num_rows in steps:
                done += num_rows
                on_part(stage.name, done, total)
    sweep(made.root)
    made.finish(total)
    return made


def stage_settings(stage: Stage, limits: Limits) -> dict[str, Any]:
    """Return what may change a stage's result: its settings, and what its videos may cost."""
    settings = stage.key_fields()
    if stage.opens_videos:
        settings["limits"] = limits.key_fields()
    return settings


Steps = Generator[int, None, None]
"""Numbers of rows, as they are done."""


def _run_parts(
    stage: Stage,
    parent: Manifest,
    made: Manifest,
    todo: dict[str, int],
    engine: Engine,
    limits: Limits,
) -> Steps:
    parts = list(todo)
    worker = partial(_open_worker, stage, parent, made)
    with closing(engine.map(worker, parts)) as outcomes:
        for index, _ in outcomes:
            yield todo[parts[index]]


def _open_worker(stage: Stage, parent: Manifest, made: Manifest) -> Callable[[str], None]:
    transform = stage.open(made.root / "media")
    return partial(_run_part, stage, transform, parent, made)


def _run_part(
    stage: Stage, transform: Transform, parent: Manifest, made: Manifest, part: str
) -> None:
    given = _rows(parent, part)
    made.write_part(part, *split(stage, given, _transform(stage, transform, given, part)))


def _rows(parent: Manifest, part: str) -> pa.Table:
    """Read what a stage's rows carry on."""
    return parent.read_part(part, without=HEAVY_COLUMNS)


@dataclass(frozen=True)
class _Visit:
    """Some rows of a part, for one worker to look at."""

    part: str
    start: int
    num_rows: int

    def one_by_one(self) -> list["_Visit"]:
        return [_Visit(self.part, self.start + k, 1) for k in range(self.num_rows)]


@dataclass
class _Pieces:
    """What is made of a part so far, by first row."""

    num_missing: int
    tables: dict[int, pa.Table] = field(default_factory=dict)

    def is_whole_with(self, visit: _Visit, table: pa.Table) -> bool:
        """Take what a visit made, and say whether nothing is missing any more."""
        self.tables[visit.start] = table
        self.num_missing -= visit.num_rows
        return self.num_missing == 0


def _run_rows(
    stage: Stage,
    parent: Manifest,
    made: Manifest,
    todo: dict[str, int],
    engine: Engine,
    limits: Limits,
) -> Steps:
    """Visit rows in workers, gather their tables, and write each part when its last row is in."""
    pieces = {part: _Pieces(count) for part, count in todo.items()}
    for part in [part for part, count in todo.items() if count == 0]:
        _write_pieces(stage, parent, made, part, pieces.pop(part))
    size = stage.rows_per_visit
    visits = [
        _Visit(part, start, min(size, todo[part] - start))
        for part in pieces
        for start in range(0, todo[part], size)
    ]
    worker = partial(_open_visitor, stage, parent, made.root / "media")
    while visits:
        again: list[_Visit] = []
        with closing(engine.map(worker, visits, _for_rows(limits, size))) as outcomes:
            for index, outcome in outcomes:
                visit = visits[index]
                if isinstance(outcome, Lost) and visit.num_rows > 1:
                    again += visit.one_by_one()
                    continue
                if isinstance(outcome, Lost):
                    given = _rows(parent, visit.part).slice(visit.start, 1)
                    table = _unmade(stage, given, outcome.reason)
                else:
                    table = outcome
                if pieces[visit.part].is_whole_with(visit, table):
                    _write_pieces(stage, parent, made, visit.part, pieces.pop(visit.part))
                yield visit.num_rows
        visits, size = again, 1


def _for_rows(limits: Limits, num_rows: int) -> Limits:
    seconds = limits.max_seconds_per_video
    return limits.model_copy(
        update={"max_seconds_per_video": None if seconds is None else seconds * num_rows}
    )


def _open_visitor(stage: Stage, parent: Manifest, media: Path) -> Callable[[_Visit], pa.Table]:
    transform = stage.open(media)
    read_part = lru_cache(maxsize=1)(partial(_rows, parent))

    def visit(visit: _Visit) -> pa.Table:
        rows = range(visit.start, visit.start + visit.num_rows)
        # Taken, not sliced: a slice would bring the whole part along to wherever it is sent.
        given = read_part(visit.part).take(pa.array(rows, pa.int64()))
        where = f"{visit.part}, {stage.row_id} {given[stage.row_id][0]}"
        return _transform(stage, transform, given, where)

    return visit


def _unmade(stage: Stage, given: pa.Table, reason: str | None) -> pa.Table:
    """Return rows as the stage would, with nothing in its columns and a reason to leave."""
    for column in stage.adds:
        given = given.append_column(column, pa.nulls(given.num_rows, column.type))
    reasons = pa.array([reason] * given.num_rows, pa.string())
    return given.append_column(REJECT_REASON, reasons)


def _write_pieces(
    stage: Stage, parent: Manifest, made: Manifest, part: str, pieces: _Pieces
) -> None:
    given = _rows(parent, part)
    tables = [pieces.tables[start] for start in sorted(pieces.tables)]
    if not tables:
        tables = [_unmade(stage, given, None)]
    table = pa.concat_tables(tables, promote_options="default").combine_chunks()
    made.write_part(part, *split(stage, given, table))


def _transform(stage: Stage, transform: Transform, given: pa.Table, where: str) -> pa.Table:
    """Apply a stage's function; a fault that no row explains names the stage and the part."""
    try:
        return transform(given)
    except (ArithmeticError, LookupError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise EngineError(
            f"stage {stage.name} failed on {where}: {type(error).__name__}: {error}"
        ) from error


def _run_whole(stage: Stage, parent: Manifest, made: Manifest, todo: list[str]) -> None:
    """Give a stage its columns of all parts at once, and join the verdicts part by part."""
    if not todo:
        return
    columns = list(dict.fromkeys((stage.row_id, *stage.reads)))
    given = parent.read(columns=columns)
    result = _transform(stage, stage.open(made.root / "media"), given, "the whole table")
    assert result.num_rows == given.num_rows, f"{stage.name} lost or invented rows"
    verdicts = [*stage.adds.names, REJECT_REASON.name]
    start = 0
    for part in parent.parts():
        rows = source = _rows(parent, part)
        here = result.slice(start, rows.num_rows)
        start += rows.num_rows
        if part not in todo:
            continue
        assert here[stage.row_id].to_pylist() == rows[stage.row_id].to_pylist()
        for column in verdicts:
            rows = rows.append_column(result.schema.field(column), here[column])
        made.write_part(part, *split(stage, source, rows))
