"""Rows in, kept and rejected by reason, stage by stage."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hashtag2action.manifest import Manifest
from hashtag2action.report.discover import read_json
from hashtag2action.report.privacy import without_folders
from hashtag2action.report.tables import Row, read_rows, stage_folder

State = Literal["finished", "unfinished", "missing"]

MAX_EXAMPLES = 6
"""Examples listed per reason; chosen: enough to see a pattern, few enough to read."""
MAX_DETAILS = 8
"""Details listed per reason, most frequent first; chosen."""


@dataclass(frozen=True)
class StageText:
    """How a stage is called and told."""

    name: str
    title: str
    sentence: str
    unit: str
    """What its rows are."""


STAGES = (
    StageText("posts", "Collect posts", "What the source says exists.", "posts"),
    StageText(
        "filter_metadata",
        "Filter metadata",
        "Decide from what the platform states, before a byte is moved.",
        "posts",
    ),
    StageText("fetch_videos", "Fetch videos", "Bring the bytes of each post into reach.", "videos"),
    StageText(
        "analyze_videos",
        "Analyze videos",
        "Decode each video once; measure its scenes, persons and motion.",
        "clips",
    ),
    StageText("select_clips", "Select clips", "Turn the measures into verdicts.", "clips"),
    StageText("deduplicate", "Deduplicate", "Keep one of every group of near-equals.", "clips"),
    StageText("export_clips", "Export clips", "Write down what training reads.", "clips"),
)
"""The line, in order."""


@dataclass(frozen=True)
class Reason:
    """One rule that rejected rows."""

    rule: str
    num_rows: int
    details: tuple[tuple[str, int], ...]
    """What stands behind the colon of the reason, and how often."""
    num_more_details: int
    examples: tuple[str, ...]
    """A few of the rows, each as a file name or id and its tags."""


@dataclass(frozen=True)
class StageCount:
    """One step of the funnel."""

    text: StageText
    state: State
    num_input: int | None
    num_kept: int
    num_rejected: int
    reasons: tuple[Reason, ...]

    @property
    def num_rows(self) -> int:
        """Rows that came out, on either side."""
        return self.num_kept + self.num_rejected


def funnel(run: Path) -> list[StageCount]:
    """Count the rows of each stage of a curation run from its parts and receipts."""
    return [_count(run, text) for text in STAGES]


def _count(run: Path, text: StageText) -> StageCount:
    folder = stage_folder(run, text.name)
    if folder is None:
        return StageCount(text, "missing", None, 0, 0, ())
    receipt = read_json(folder / "receipt.json")
    num_input = receipt["num_input_rows"] if receipt else None
    num_kept = sum(table.num_rows for table in Manifest(folder).iterate("kept", [_row_id(text)]))
    columns = ["reject_reason", "clip_id", "post_id", "file", "video_path", "hashtags"]
    columns.append("duplicate_of")
    rejected = read_rows(run, text.name, "rejected", columns)
    state: State = "finished" if receipt else "unfinished"
    return StageCount(text, state, num_input, num_kept, len(rejected), reasons_of(rejected))


def _row_id(text: StageText) -> str:
    return "clip_id" if text.unit == "clips" else "post_id"


def reasons_of(rejected: list[Row]) -> tuple[Reason, ...]:
    """Group rejected rows by their rule, most rows first."""
    by_rule: dict[str, list[Row]] = {}
    for row in rejected:
        by_rule.setdefault(rule_of(row["reject_reason"]), []).append(row)
    ordered = sorted(by_rule.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return tuple(_reason(rule, rows) for rule, rows in ordered)


def _reason(rule: str, rows: list[Row]) -> Reason:
    details = Counter(
        without_folders(row["reject_reason"].partition(":")[2].strip())
        for row in rows
        # The detail of a duplicate is the id of one clip: the pairs show that better.
        if ":" in row["reject_reason"] and not row.get("duplicate_of")
    )
    ordered = sorted(details.items(), key=lambda pair: (-pair[1], pair[0]))
    step = max(1, len(rows) // MAX_EXAMPLES)
    examples = tuple(_example(row) for row in rows[::step][:MAX_EXAMPLES])
    more = max(0, len(ordered) - MAX_DETAILS)
    return Reason(rule, len(rows), tuple(ordered[:MAX_DETAILS]), more, examples)


def rule_of(reason: str) -> str:
    """Return the rule of a reject reason, without its detail."""
    return reason.partition(":")[0].strip()


def _example(row: Row) -> str:
    if row.get("hashtag"):
        return f"#{row['hashtag']}"
    path = row.get("file") or row.get("video_path")
    name = row.get("clip_id") or (Path(path).name if path else row.get("post_id")) or "?"
    tags = " ".join(f"#{tag}" for tag in (row.get("hashtags") or [])[:4])
    return f"{name}  {tags}".strip()
