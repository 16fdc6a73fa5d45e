"""Move one threshold over very many measured clips: the verdict alone, and the whole stage."""

import shutil
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from hashtag2action.curate.run import run_stage
from hashtag2action.curate.select_clips import SelectClips
from hashtag2action.engines.local import LocalEngine
from hashtag2action.manifest import Manifest
from hashtag2action.records import CLIP, REJECT_REASON

_ROWS_PER_PART = 50_000


def seconds_of_select(num: int, folder: Path) -> list[tuple[str, float, float]]:
    """Return what is timed, seconds and bar: for rows without fingerprints, as the rules read."""
    shutil.rmtree(folder, ignore_errors=True)
    parent = _measured(num, folder / "03-analyze_videos")
    stage = SelectClips(min_motion=0.5)
    started = time.perf_counter()
    columns = [name for name in stage.reads if name in CLIP.names]
    for part in parent.parts():
        stage.open(folder)(parent.read_part(part, columns=columns))
    verdict_s = time.perf_counter() - started
    started = time.perf_counter()
    run_stage(stage, parent, folder / "04-select_clips", LocalEngine(), lambda *_: None)
    return [
        ("the verdict", verdict_s, 10.0),
        ("the stage, rows without fingerprints", time.perf_counter() - started, 60.0),
    ]


def _measured(num: int, folder: Path) -> Manifest:
    rng = np.random.default_rng(0)
    made = Manifest(folder)
    made.begin("analyze_videos", "k", "", {})
    for number, first in enumerate(range(0, num, _ROWS_PER_PART)):
        rows = min(_ROWS_PER_PART, num - first)
        columns = {}
        for field in CLIP:
            if field.name == "clip_id":
                columns[field.name] = pa.array([f"{first + k:09d}" for k in range(rows)])
            elif field.name.startswith("fingerprint"):
                columns[field.name] = pa.nulls(rows, field.type)
            elif pa.types.is_boolean(field.type):
                columns[field.name] = pa.array(rng.uniform(size=rows) < 0.6)
            elif pa.types.is_integer(field.type):
                columns[field.name] = pa.array(rng.integers(0, 100, rows)).cast(field.type)
            elif pa.types.is_floating(field.type):
                columns[field.name] = pa.array(rng.uniform(size=rows)).cast(field.type)
            else:
                columns[field.name] = pa.nulls(rows, field.type)
        columns["start_s"] = pa.array(rng.uniform(0, 20, rows))
        columns["end_s"] = pa.array(rng.uniform(21, 40, rows))
        columns["video_id"] = columns["clip_id"]
        table = pa.table(columns)
        empty = table.slice(0, 0).append_column(REJECT_REASON, pa.nulls(0, pa.string()))
        made.write_part(f"part-{number:05d}", table, empty)
    made.finish(num)
    return made
