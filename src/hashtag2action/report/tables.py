"""The tables of a curation run, read tolerantly: a report also shows runs that are not finished."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hashtag2action.manifest import Manifest, flattened
from hashtag2action.report.discover import read_json

Row = dict[str, Any]


def stage_folder(run: Path, stage: str) -> Path | None:
    """Return the folder of a stage that has begun, or None."""
    for folder in sorted(run.glob(f"[0-9][0-9]-{stage}")):
        if (folder / "plan.json").is_file():
            return folder
    return None


def stage_settings(run: Path, stage: str) -> dict[str, Any]:
    """Return the settings in a stage's plan, nested sections flattened to `section.field`."""
    folder = stage_folder(run, stage)
    plan = read_json(folder / "plan.json") if folder else None
    settings = plan.get("settings") if isinstance(plan, dict) else None
    return flattened(settings) if isinstance(settings, dict) else {}


def read_table(run: Path, stage: str, side: str, columns: Sequence[str]) -> pa.Table | None:
    """Read those of the columns that one side of a stage has.

    Returns:
        None where the stage has no parts yet, or none of the columns.
    """
    folder = stage_folder(run, stage)
    if folder is None:
        return None
    manifest = Manifest(folder)
    parts = manifest.parts()
    if not parts:
        return None
    found = pq.read_schema(folder / side / f"{parts[0]}.parquet").names
    wanted = [column for column in columns if column in found]
    return manifest.read(side, wanted) if wanted else None


def read_rows(run: Path, stage: str, side: str, columns: Sequence[str]) -> list[Row]:
    """Read the same as rows; a column that is not there is None in every row."""
    table = read_table(run, stage, side, columns)
    if table is None:
        return []
    return [{name: row.get(name) for name in columns} for row in table.to_pylist()]


def last_stage(run: Path, stages: Sequence[str]) -> str | None:
    """Return the last of the stages that has parts: what it kept is what the run keeps so far."""
    for stage in reversed(stages):
        folder = stage_folder(run, stage)
        if folder is not None and Manifest(folder).parts():
            return stage
    return None


def numbers(table: pa.Table | None, column: str) -> list[float]:
    """Return the known, finite values of a numeric column as plain numbers."""
    if table is None or column not in table.column_names:
        return []
    return numbers_in(table[column])


def numbers_in(column: pa.ChunkedArray) -> list[float]:
    """Return the known, finite values of a column of numbers as plain numbers."""
    values = pc.cast(column, pa.float64(), safe=False)
    return values.filter(pc.fill_null(pc.is_finite(values), False)).to_pylist()
