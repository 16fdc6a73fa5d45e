"""What there is to say about the clips of a run, for its card and its machine-readable twin."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hashtag2action.errors import ManifestError
from hashtag2action.report.discover import read_json
from hashtag2action.report.funnel import StageCount, funnel
from hashtag2action.report.privacy import settings_without_folders
from hashtag2action.report.tables import read_rows, stage_settings

FILTER_STAGES = ("filter_metadata", "fetch_videos", "analyze_videos", "select_clips", "deduplicate")
UNSAID = "not stated"
_SECRET = re.compile(r"salt|secret|token|password|key")


@dataclass(frozen=True)
class Facts:
    """All that a card tells, counted from the files of a run."""

    title: str
    contact: str | None
    license: str | None
    """Of the set as a whole."""
    published: str | None
    """Day of publication, ISO 8601."""
    source: dict[str, Any]
    """Settings of the source, without folders and secrets."""
    stages: list[StageCount]
    filters: dict[str, dict[str, Any]]
    """Settings by stage, without folders."""
    export: dict[str, Any]
    num_clips: int
    num_posts: int
    num_creators: int
    duration_s: float
    platforms: Counter[str]
    licenses: Counter[str]
    regions: Counter[str]
    languages: Counter[str] | None
    """None where no table has a language."""
    hashtags: Counter[str]
    purity: dict[str, float] | None
    """Share of clips of a tag that show what it says; None: no labelled sample was scored."""
    containers: tuple[str, ...]

    @property
    def sound(self) -> str:
        """What was done about sound."""
        return "as it was" if self.export.get("format") == "spans" else "removed"

    @property
    def faces(self) -> str:
        """What was done about faces."""
        is_covered = any(name.startswith("faces.") for name in self.export)
        return "blurred" if is_covered else "as they were"


def read_facts(run: Path) -> Facts:
    """Count what a run exported.

    Raises:
        ManifestError: The run has no dataset, or a file of it is damaged.
    """
    said = read_json(run / "dataset" / "dataset.json")
    if not isinstance(said, dict):
        raise ManifestError(f"{run}: no dataset in this run; `h2a export` writes it")
    columns = ("post_id", "creator", "platform", "license", "region", "language", "hashtag")
    times = ("clip_start_s", "clip_end_s")
    rows = read_rows(run, "export_clips", "kept", (*columns, *times))
    score = read_json(run / "score.json")
    tags = score.get("tags") if isinstance(score, dict) else None
    languages = _count(rows, "language")
    return Facts(
        title=said.get("title") or "Action clips",
        contact=said.get("contact"),
        license=said.get("license"),
        published=said.get("published"),
        source=_without_secrets(settings_without_folders(stage_settings(run, "posts"))),
        stages=funnel(run),
        filters={
            stage: settings_without_folders(stage_settings(run, stage)) for stage in FILTER_STAGES
        },
        export=settings_without_folders(stage_settings(run, "export_clips")),
        num_clips=len(rows),
        num_posts=len({row["post_id"] for row in rows}),
        num_creators=len({row["creator"] for row in rows if row["creator"]}),
        duration_s=sum(row["clip_end_s"] - row["clip_start_s"] for row in rows),
        platforms=_count(rows, "platform"),
        licenses=_count(rows, "license"),
        regions=_count(rows, "region"),
        languages=languages if set(languages) - {UNSAID} else None,
        hashtags=_count(rows, "hashtag"),
        purity={tag: value for tag, value in tags.items() if value is not None} if tags else None,
        containers=tuple(said.get("containers", ())),
    )


def gaps_of(facts: Facts) -> list[str]:
    """Say what is known to be missing or skewed, as far as the tables tell."""
    gaps = [
        "A hashtag is a weak label: what a post is tagged with need not be what it shows.",
        "Posts with popular tags over-represent some regions, ages, languages and bodies.",
    ]
    for name, counts in (("region", facts.regions), ("licence", facts.licenses)):
        if counts[UNSAID]:
            gaps.append(f"{counts[UNSAID]} of {facts.num_clips} clips state no {name}.")
    if facts.languages is None:
        gaps.append("The language of the posts was not measured.")
    if facts.purity is None:
        gaps.append("The noise of the tags was not measured on a labelled sample.")
    if facts.filters["analyze_videos"].get("persons", "") is None:
        gaps.append("Nobody looked for persons: clips may show none.")
    biggest = facts.regions.most_common(1)
    if biggest and biggest[0][0] != UNSAID and biggest[0][1] > facts.num_clips / 2:
        gaps.append(f"More than half of the clips come from one region: {biggest[0][0]}.")
    if facts.faces != "blurred":
        gaps.append("Faces are not blurred: people can be recognized.")
    return gaps


def removal_text(facts: Facts) -> str:
    """Say how a person gets a video removed."""
    whom = facts.contact or "the holder of this set (no contact was set: `dataset.contact=...`)"
    return (
        f"If you are in one of these clips, made one, or hold rights in one, write to {whom} with "
        "the post's id or its address, or with the video. It is removed with everything made from "
        "it (media, clips, shards, table rows, fingerprints, pages), copies of it are looked for, "
        "and it is kept out of later versions; holders run `h2a withdraw ID FOLDER` and "
        "`h2a withdraw --check ID FOLDER`. Models trained before on the clip are not changed by it."
    )


def _without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    """Leave out what would undo the hashing of names, or open an account."""
    return {name: value for name, value in settings.items() if not _SECRET.search(name)}


def _count(rows: list[dict[str, Any]], name: str) -> Counter[str]:
    return Counter(row[name] or UNSAID for row in rows)
