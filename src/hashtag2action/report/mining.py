"""What a mining run found: hashtags kept, why the others left, and what the budget brought."""

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hashtag2action.report.charts import Series, curves
from hashtag2action.report.company import company_graph, sparkline
from hashtag2action.report.discover import read_json
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
_EVIDENCE = ("num_views_estimated", "yield_mean", "yield_low", "yield_high", "posts_over_time")
_COMPANY = ("companions", "companion_npmi")


@dataclass(frozen=True)
class Mining:
    """One mining run."""

    name: str
    rows: list[Row]
    """Kept hashtags, each with the columns above and its `spark` line."""
    num_kept: int
    num_rejected: int
    reasons: tuple[Reason, ...]
    has_yield: bool
    """Whether posts were judged, as on a platform that is searched."""
    company: Markup
    """Graph of the kept hashtags; empty where none stand together."""
    charts: list[tuple[str, Markup]]
    """Title and chart of what the budget brought; none for an archive."""


def read_mining(name: str, run: Path) -> Mining:
    """Read the hashtags a mining run has kept and rejected."""
    kept = read_rows(run, STAGE, "kept", (*COLUMNS, *_EVIDENCE, *_COMPANY))
    kept.sort(key=lambda row: (-(row["num_views"] or 0), row["hashtag"]))
    rejected = read_rows(run, STAGE, "rejected", ["reject_reason", "hashtag"])
    shown = [
        {**row, "spark": sparkline(row["posts_over_time"], row["hashtag"])}
        for row in kept[:MAX_HASHTAGS]
    ]
    groups = {row["hashtag"]: row["action_group"] or "" for row in kept}
    ties = {(row["hashtag"], other): npmi for row in kept for other, npmi in _pairs(row)}
    return Mining(
        name,
        shown,
        len(kept),
        len(rejected),
        reasons_of(rejected),
        any(row["yield_mean"] is not None for row in shown),
        company_graph(groups, ties),
        _charts(run),
    )


def _pairs(row: Row) -> list[tuple[str, float]]:
    names: list[str] = row["companions"] or []
    values: list[float] = row["companion_npmi"] or []
    return list(zip(names, values, strict=True))


def _charts(run: Path) -> list[tuple[str, Markup]]:
    """Draw what the requests of a searched platform brought, round by round."""
    path = run / "mining.json"
    rounds: list[dict[str, Any]] = read_json(path)["rounds"] if path.is_file() else []
    if not rounds:
        return []
    spent = list(accumulate(done["num_requests"] for done in rounds))
    new = list(accumulate(done["num_new"] for done in rounds))
    usable = list(
        accumulate(
            done["num_new"] * done["num_usable"] / max(done["num_judged"], 1) for done in rounds
        )
    )
    gained = [Series("new posts", spent, new), Series("usable posts, expected", spent, usable, 1)]
    spread = [
        Series(name, spent, [done[f"entropy_{name}"] for done in rounds], color)
        for color, name in enumerate(("groups", "regions", "languages"))
    ]
    drawn = [
        (
            "Posts gained (dashed: expected to survive curation)",
            curves(gained, "posts", "requests"),
        ),
        (
            "Spread over groups, regions (dashed), languages (dotted)",
            curves(spread, "entropy, bits", "requests"),
        ),
    ]
    return [(title, chart) for title, chart in drawn if chart]
