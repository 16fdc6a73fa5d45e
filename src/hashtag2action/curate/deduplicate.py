"""Stage 5: of clips that show the same pictures, keep one.

The whole table is seen at once. Clips are ranked: the earliest post first, then the larger picture,
then the id. A clip that copies a better ranked one leaves, and names the kept clip that the
likeliest of these leads to; its distance is that to the likeliest.

A clip that shows what a reference shows, a benchmark that will test what is learned from the clips,
leaves before that and names the reference's file.
"""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from hashtag2action.curate.copies import CopySearch, TablePrints
from hashtag2action.curate.references import OVERLAP, Reference, reference_prints
from hashtag2action.curate.stage import Stage, Transform
from hashtag2action.engines.local import available_cores
from hashtag2action.records import REJECT_REASON
from hashtag2action.vision.neighbors import FingerprintMatcher


class Deduplicate(Stage):
    """Near-duplicates by fingerprint: re-encoded, scaled, cropped, mirrored, captioned, sped up or
    slowed down, and parts of each other."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("runtime", "workers", "reference_cache")
    name: ClassVar[str] = "deduplicate"
    reads: ClassVar[tuple[str, ...]] = (
        "clip_id",
        "created_unix_s",
        "width_px",
        "height_px",
        "fingerprints",
        "fingerprint_times_s",
    )
    adds: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("duplicate_of", pa.string()),
            pa.field("duplicate_distance", pa.float32()),
            pa.field("overlap_of", pa.string()),
            pa.field("overlap_distance", pa.float32()),
        ]
    )
    whole_table: ClassVar[bool] = True

    matcher: FingerprintMatcher = FingerprintMatcher()
    """When two clips are copies of each other."""
    max_sharing: int = Field(default=48, ge=1)
    """Clips that one key of a moment leads to; where more share it, the best ranked. Chosen: what
    more clips share is an intro, and other moments tell."""
    max_compared: int = Field(default=8, ge=1)
    """Better ranked candidates that a clip is compared with: those that most keys lead to."""

    references: tuple[Reference, ...] = ()
    """Videos that no clip may overlap, such as the benchmarks that will test the models."""
    reference_matcher: FingerprintMatcher = OVERLAP
    """When a clip overlaps a reference."""

    reference_cache: Path | None = None
    """Where the references' fingerprints are kept; null is the user's cache folder."""
    workers: int = Field(default=0, ge=0)
    """Processes that compare where there is much to compare; 0 takes one per available core."""

    def open(self, media: Path) -> Transform:
        """Return the search over a whole table."""
        return self._judge

    def _judge(self, table: pa.Table) -> pa.Table:
        workers = self.workers or available_cores()
        search = CopySearch(self.matcher, self.max_sharing, self.max_compared, workers)
        rank = ranks(table)
        copies = search.find(TablePrints(table), rank)
        is_copy = copies.of >= 0
        kept = _kept_originals(copies.of, rank)
        names = table["clip_id"].combine_chunks().take(pa.array(kept, mask=~is_copy))
        overlaps = self._overlaps(table, rank, replace(search, matcher=self.reference_matcher))
        made = {
            "duplicate_of": names.cast(pa.string()),
            "duplicate_distance": pa.array(copies.distance, pa.float32(), mask=~is_copy),
            "overlap_of": pa.array([found and f"{found[0]}:{found[1]}" for found in overlaps]),
            "overlap_distance": pa.array([found and found[2] for found in overlaps]),
        }
        for column in self.adds:
            table = table.append_column(column, made[column.name].cast(column.type))
        duplicate = pc.if_else(pa.array(is_copy), "duplicate", None).cast(pa.string())
        overlap = pa.array([found and f"overlaps:{found[0]}" for found in overlaps], pa.string())
        return table.append_column(REJECT_REASON, pc.coalesce(overlap, duplicate))

    def _overlaps(
        self, table: pa.Table, rank: np.ndarray, search: CopySearch
    ) -> list[tuple[str, str, float] | None]:
        """Return name, file and distance of the nearest reference of each clip."""
        if not self.references:
            return [None] * table.num_rows
        columns = ["fingerprints", "fingerprint_times_s"]
        shown = [reference_prints(one, self.reference_cache) for one in self.references]
        names = [
            (one.name, file)
            for one, prints in zip(self.references, shown, strict=True)
            for file in prints["file"].to_pylist()
        ]
        prints = pa.concat_tables([*(one.select(columns) for one in shown), table.select(columns)])
        ranked = np.concatenate([np.arange(len(names)), len(names) + rank])
        copies = search.find(TablePrints(prints), ranked, len(names))
        return [
            (*names[of], float(distance)) if of >= 0 else None
            for of, distance in zip(
                copies.of[len(names) :].tolist(), copies.distance[len(names) :], strict=True
            )
        ]


def ranks(table: pa.Table) -> np.ndarray:
    """Order clips by who stays: the earliest post, the larger picture, the smaller id.

    Returns:
        int64 (N,), 0 for the best.
    """
    area = pc.multiply(table["width_px"].cast(pa.int64()), table["height_px"].cast(pa.int64()))
    keys = pa.table(
        {"created": table["created_unix_s"], "area": pc.negate(area), "id": table["clip_id"]}
    )
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    rank = np.empty(table.num_rows, np.int64)
    rank[order.to_numpy()] = np.arange(table.num_rows)
    return rank


def _kept_originals(of: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Follow each copy's nearest better ranked copies up to one that stays; -1 for no copy."""
    kept = of.copy()
    for index in np.argsort(rank).tolist():  # What an original leads to is known before its copies.
        if kept[index] >= 0 and kept[kept[index]] >= 0:
            kept[index] = kept[kept[index]]
    return kept
