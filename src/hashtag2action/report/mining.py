"""What a mining run found: hashtags kept, and why the others left."""

from dataclasses import dataclass
from pathlib import Path

from hashtag2action.report.funnel import Reason, reasons_of
from hashtag2action.report.tables import Row, read_rows

STAGE = "mine_hashtags"
MAX_HASHTAGS = 400
"""Rows shown, most views first; chosen as for the tag table: the paper has 386 tags."""
COLUMNS = (
    "hashtag",
    "action_group",
    "origin",
    "num_posts",
    "num_creators",
    "num_views",
    "num_regions",
)


@dataclass(frozen=True)
class Mining:
    """One mining run."""

    name: str
    rows: list[Row]
    """Kept hashtags, each with the columns above."""
    num_kept: int
    num_rejected: int
    reasons: tuple[Reason, ...]


def read_mining(name: str, run: Path) -> Mining:
    """Read the hashtags a mining run has kept and rejected."""
    kept = read_rows(run, STAGE, "kept", COLUMNS)
    kept.sort(key=lambda row: (-(row["num_views"] or 0), row["hashtag"]))
    rejected = read_rows(run, STAGE, "rejected", ["reject_reason", "hashtag"])
    return Mining(name, kept[:MAX_HASHTAGS], len(kept), len(rejected), reasons_of(rejected))
