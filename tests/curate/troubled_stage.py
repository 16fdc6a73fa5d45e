"""A small real stage that visits rows, and rows that cost it its process. Light: workers import it.

A row's `does` says what it does to its visitor; every visit is noted in a file of the media folder.
"""

import os
import signal
import time
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from hashtag2action.curate.stage import Row, Stage, Transform, per_row
from hashtag2action.errors import VideoError
from hashtag2action.manifest import Manifest
from hashtag2action.records import REJECT_REASON


class Cube(Stage):
    """Cubes numbers, row by row, and gives one row per digit of the cube."""

    name: ClassVar[str] = "cube"
    reads: ClassVar[tuple[str, ...]] = ("number", "does")
    adds: ClassVar[pa.Schema] = pa.schema([("digit", pa.int64()), ("digits", pa.list_(pa.int8()))])
    fans_out: ClassVar[bool] = True
    opens_videos: ClassVar[bool] = True

    seconds_per_row: float = 0.0

    def open(self, media: Path) -> Transform:
        media.mkdir(parents=True, exist_ok=True)

        def transform(table: pa.Table) -> pa.Table:
            indices, digits, all_digits, reasons = [], [], [], []
            for index, row in enumerate(table.to_pylist()):
                cubed, reason = per_row(lambda row: self._cube(row, media), row)
                for digit in cubed or [None]:
                    indices.append(index)
                    digits.append(digit)
                    all_digits.append(cubed)
                    reasons.append(reason)
            made = table.take(pa.array(indices, pa.int64()))
            made = made.append_column("digit", pa.array(digits, pa.int64()))
            made = made.append_column("digits", pa.array(all_digits, pa.list_(pa.int8())))
            return made.append_column(REJECT_REASON, pa.array(reasons, pa.string()))

        return transform

    def _cube(self, row: Row, media: Path) -> list[int]:
        note = media / row["clip_id"]
        with note.open("a") as file:
            file.write(f"{os.getpid()}\n")
        is_first = len(note.read_text().split()) == 1
        time.sleep(self.seconds_per_row)
        if row["does"] == "die" or (row["does"] == "die_once" and is_first):
            os.kill(os.getpid(), signal.SIGKILL)
        if row["does"] == "hang":
            time.sleep(60)
        if row["does"] == "refuse":
            raise VideoError("it is no number")
        if row["does"] == "break":
            raise ValueError("our own fault")
        return [int(digit) for digit in str(row["number"] ** 3)]


class CubeByFours(Cube):
    """The same, four rows at a time."""

    rows_per_visit: ClassVar[int] = 4


def numbers(folder: Path, does: dict[int, str], num_parts: int = 3, rows: int = 6) -> Manifest:
    """Write a finished table of numbers; `does` says which of them are troubled."""
    manifest = Manifest(folder)
    manifest.begin("posts", "k", "", {})
    for part in range(num_parts):
        values = range(part * rows, (part + 1) * rows)
        kept = pa.table(
            {
                "clip_id": [f"c{value}" for value in values],
                "number": pa.array(values, pa.int64()),
                "does": pa.array([does.get(value) for value in values], pa.string()),
            }
        )
        rejected = kept.slice(0, 0).append_column(REJECT_REASON, pa.array([], pa.string()))
        manifest.write_part(f"part-{part:05d}", kept, rejected)
    manifest.finish(num_parts * rows)
    return manifest
