"""Stage 5: of clips that show the same pictures, keep one.

The whole table is seen at once. Clips are ranked: the earliest post first, then the larger picture,
then the id. A clip that copies a better ranked one leaves, and names the kept clip that the nearest
such copies lead to; its distance is that to the nearest.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from hashtag2action.curate.copies import CopySearch, TablePrints
from hashtag2action.curate.stage import Stage, Transform
from hashtag2action.engines.local import available_cores
from hashtag2action.records import REJECT_REASON
from hashtag2action.vision.neighbors import FingerprintMatcher


class Deduplicate(Stage):
    """Near-duplicates by fingerprint: re-encoded, scaled, cropped, mirrored, captioned, sped up or
    slowed down, and parts of each other."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("runtime", "workers")
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
        ]
    )
    whole_table: ClassVar[bool] = True

    matcher: FingerprintMatcher = FingerprintMatcher()
    """When two clips are copies of each other."""
    max_sharing: int = Field(default=48, ge=1)
    """Clips that one key of a moment leads to; where more share it, the best ranked. Chosen: what
    more clips share is an intro, and other moments tell."""
    max_compared: int = Field(default=16, ge=1)
    """Better ranked candidates that a clip is compared with, the closest first."""

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
        reasons = pc.if_else(pa.array(is_copy), "duplicate", None).cast(pa.string())
        distances = pa.array(copies.distance, pa.float32(), mask=~is_copy)
        table = table.append_column("duplicate_of", names.cast(pa.string()))
        table = table.append_column("duplicate_distance", distances)
        return table.append_column(REJECT_REASON, reasons)


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
