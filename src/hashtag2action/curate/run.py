"""Run one stage over a manifest: part by part, resumable, with a receipt at the end."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa

from hashtag2action.config import key_of
from hashtag2action.curate.stage import Stage, Transform, split
from hashtag2action.engines.base import Engine
from hashtag2action.errors import EngineError
from hashtag2action.manifest import Manifest
from hashtag2action.records import REJECT_REASON

OnPart = Callable[[str, int, int], None]
"""Called with the stage's name, rows done and rows in all."""


def run_stage(
    stage: Stage, parent: Manifest, folder: Path, engine: Engine, on_part: OnPart
) -> Manifest:
    """Bring one stage to its receipt; what is finished already is left alone.

    Raises:
        ManifestError: The folder was begun with other settings or other input.
        EngineError: A worker died, or the stage failed on a part.
    """
    parent_key = parent.receipt()["key"]
    key = key_of(stage.name, stage.key_fields(), parent_key)
    made = Manifest(folder)
    made.begin(stage.name, key, parent_key, stage.key_fields())
    counts = {
        part: parent.read_part(part, columns=[stage.row_id]).num_rows for part in parent.parts()
    }
    total = sum(counts.values())
    if made.is_finished:
        on_part(stage.name, total, total)
        return made
    todo = [part for part in counts if not made.has_part(part)]
    done = total - sum(counts[part] for part in todo)
    on_part(stage.name, done, total)
    if stage.whole_table:
        _run_whole(stage, parent, made, todo)
        on_part(stage.name, total, total)
    else:
        worker = partial(_open_worker, stage, parent, made)
        for part in engine.map(worker, todo):
            done += counts[part]
            on_part(stage.name, done, total)
    made.finish(total)
    return made


def _open_worker(stage: Stage, parent: Manifest, made: Manifest) -> Callable[[str], str]:
    transform = stage.open(made.root / "media")
    return partial(_run_part, stage, transform, parent, made)


def _run_part(
    stage: Stage, transform: Transform, parent: Manifest, made: Manifest, part: str
) -> str:
    given = parent.read_part(part)
    made.write_part(part, *split(stage, given, _transform(stage, transform, given, part)))
    return part


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
        rows = parent.read_part(part)
        here = result.slice(start, rows.num_rows)
        start += rows.num_rows
        if part not in todo:
            continue
        assert here[stage.row_id].to_pylist() == rows[stage.row_id].to_pylist()
        for column in verdicts:
            rows = rows.append_column(result.schema.field(column), here[column])
        made.write_part(part, *split(stage, parent.read_part(part), rows))
