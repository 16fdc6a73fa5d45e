"""Stage 5: of clips that show the same pictures, keep one.

The whole table is seen at once. Clips are ranked: the earliest post first, then the larger picture,
then the id. A clip that copies a better ranked one leaves, and names the kept clip that the nearest
such copies lead to; its distance is that to the nearest.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from hashtag2action.curate.stage import Stage, Transform
from hashtag2action.records import REJECT_REASON
from hashtag2action.vision.fingerprint import Fingerprint
from hashtag2action.vision.neighbors import FingerprintMatcher, candidate_pairs


class Deduplicate(Stage):
    """Near-duplicates by fingerprint: re-encoded, scaled, cropped, mirrored, captioned copies."""

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

    def open(self, media: Path) -> Transform:
        """Return the search over a whole table."""
        return self._judge

    def _judge(self, table: pa.Table) -> pa.Table:
        rows = table.select(self.reads).to_pylist()
        rank = np.empty(len(rows), np.int64)
        rank[sorted(range(len(rows)), key=lambda index: _preference(rows[index]))] = range(
            len(rows)
        )
        prints = [
            Fingerprint.from_bytes(row["fingerprints"], np.asarray(row["fingerprint_times_s"]))
            for row in rows
        ]
        nearest: dict[int, tuple[float, int]] = {}
        for one, other in candidate_pairs(prints).tolist():
            match = self.matcher.match(prints[one], prints[other])
            if match is None:
                continue
            worse, better = (one, other) if rank[one] > rank[other] else (other, one)
            found = (match.distance, better)
            nearest[worse] = min(nearest.get(worse, found), found)
        indices = range(len(rows))
        originals = [
            rows[_kept_original(k, nearest)]["clip_id"] if k in nearest else None for k in indices
        ]
        distances = [nearest[k][0] if k in nearest else None for k in indices]
        reasons = ["duplicate" if k in nearest else None for k in indices]
        table = table.append_column("duplicate_of", pa.array(originals, pa.string()))
        table = table.append_column("duplicate_distance", pa.array(distances, pa.float32()))
        return table.append_column(REJECT_REASON, pa.array(reasons, pa.string()))


def _kept_original(copy: int, nearest: dict[int, tuple[float, int]]) -> int:
    """Follow a copy's nearest better ranked copies up to one that stays; ranks only rise."""
    while copy in nearest:
        copy = nearest[copy][1]
    return copy


def _preference(row: dict[str, Any]) -> tuple[float, int, str]:
    """Order clips by who stays: the earliest post, the larger picture, the smaller id."""
    created = row["created_unix_s"]
    area = row["width_px"] * row["height_px"]
    return (float("inf") if created is None else float(created), -area, row["clip_id"])
