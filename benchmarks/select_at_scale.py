"""Move one threshold over very many measured clips: the verdict alone, and the whole stage.

The measured clips are as an analysis writes them: with fingerprints of 48 pictures, ten sightings
of a person, and five tags. Values are chance; the fingerprints of one part are those of all.
"""

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
from hashtag2action.vision.fingerprint import NUM_WAVES

_ROWS_PER_PART = 10_000
_NUM_PICTURES, _NUM_SIGHTINGS = 48, 10


def seconds_of_select(num: int, folder: Path) -> list[tuple[str, float, float]]:
    """Return what is timed, seconds and bar."""
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
        ("the whole stage", time.perf_counter() - started, 30.0),
    ]


def _measured(num: int, folder: Path) -> Manifest:
    rng = np.random.default_rng(0)
    made = Manifest(folder)
    made.begin("analyze_videos", "k", "", {})
    heavy = _heavy(rng, _ROWS_PER_PART)
    for number, first in enumerate(range(0, num, _ROWS_PER_PART)):
        rows = min(_ROWS_PER_PART, num - first)
        columns = {name: values.slice(0, rows) for name, values in heavy.items()}
        for field in (field for field in CLIP if field.name not in heavy):
            if field.name == "clip_id":
                columns[field.name] = pa.array([f"{first + k:09d}-000" for k in range(rows)])
            elif pa.types.is_boolean(field.type):
                columns[field.name] = pa.array(rng.uniform(size=rows) < 0.6)
            elif pa.types.is_integer(field.type):
                columns[field.name] = pa.array(rng.integers(0, 100, rows)).cast(field.type)
            elif pa.types.is_floating(field.type):
                columns[field.name] = pa.array(rng.uniform(size=rows)).cast(field.type)
            else:
                columns[field.name] = pa.array(["h264"] * rows).cast(field.type)
        columns["start_s"] = pa.array(rng.uniform(0, 20, rows))
        columns["end_s"] = pa.array(rng.uniform(21, 40, rows))
        columns["video_id"] = columns["post_id"] = columns["clip_id"]
        table = pa.table(columns)
        empty = table.slice(0, 0).append_column(REJECT_REASON, pa.nulls(0, pa.string()))
        made.write_part(f"part-{number:05d}", table, empty)
    made.finish(num)
    return made


def _heavy(rng: np.random.Generator, rows: int) -> dict[str, pa.Array]:
    """Return the columns of a part that take the most room."""
    num_bytes = (4 + _NUM_PICTURES) * NUM_WAVES
    texts = rng.normal(0, 30, (rows, num_bytes)).astype(np.int8)
    times = pa.array(rng.uniform(0, 60, rows * _NUM_PICTURES).astype(np.float32))
    boxes = pa.array(rng.uniform(size=4 * rows * _NUM_SIGHTINGS).astype(np.float32))
    each = pa.array(np.arange(rows * _NUM_SIGHTINGS + 1, dtype=np.int32) * 4)
    return {
        "fingerprints": pa.array([text.tobytes() for text in texts], pa.binary()),
        "fingerprint_times_s": _lists(times, rows, _NUM_PICTURES),
        "person_track_times_s": _lists(times, rows, _NUM_SIGHTINGS),
        "person_track_boxes": _lists(pa.ListArray.from_arrays(each, boxes), rows, _NUM_SIGHTINGS),
        "hashtags": pa.array([[f"tag{k % 300 + j}" for j in range(5)] for k in range(rows)]),
    }


def _lists(values: pa.Array, rows: int, length: int) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * length), values)
