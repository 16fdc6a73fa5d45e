"""What each hashtag brought: posts, videos, clips, and how much of it stayed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from hashtag2action.report.sheets import CLIP_STAGES
from hashtag2action.report.tables import Row, last_stage, read_rows

MAX_TAGS = 400
"""Rows of the tag table, most clips first; chosen: a page stays small, the paper has 386 tags."""


@dataclass(frozen=True)
class TagLine:
    """One hashtag; a post with several tags counts under each of them."""

    tag: str
    num_posts: int
    num_videos: int
    """Posts whose bytes were fetched."""
    num_clips: int
    """Clips measured."""
    num_kept: int
    """Clips the last stage with rows has kept."""
    person_fraction: float | None
    """Mean over the clips measured."""
    num_views: int

    @property
    def kept_share(self) -> float | None:
        """Share of the measured clips that stayed."""
        return self.num_kept / self.num_clips if self.num_clips else None


@dataclass(frozen=True)
class TagTable:
    """The first lines of all tags, and how many tags there are."""

    lines: tuple[TagLine, ...]
    num_tags: int


def tag_table(run: Path) -> TagTable:
    """Count posts, videos and clips by hashtag, most kept clips first."""
    posts = _rows(run, "posts", ["hashtags", "num_views"])
    if not posts:
        posts = _rows(run, "filter_metadata", ["hashtags", "num_views"])
    videos = read_rows(run, "fetch_videos", "kept", ["hashtags"])
    clips = _measured(run)
    last = last_stage(run, CLIP_STAGES)
    kept = _count(read_rows(run, last, "kept", ["hashtags"])) if last else Counter[str]()
    num_posts, num_videos, num_clips = _count(posts), _count(videos), _count(clips)
    views: Counter[str] = Counter()
    for row in posts:
        for tag in _tags(row):
            views[tag] += row["num_views"] or 0
    persons: dict[str, list[float]] = {}
    for row in clips:
        if row["person_fraction"] is not None:
            for tag in _tags(row):
                persons.setdefault(tag, []).append(row["person_fraction"])
    lines = [
        TagLine(
            tag,
            num_posts[tag],
            num_videos[tag],
            num_clips[tag],
            kept[tag],
            fmean(persons[tag]) if tag in persons else None,
            views[tag],
        )
        for tag in num_posts | num_videos | num_clips
    ]
    lines.sort(key=lambda line: (-line.num_kept, -line.num_posts, line.tag))
    return TagTable(tuple(lines[:MAX_TAGS]), len(lines))


def _measured(run: Path) -> list[Row]:
    """Return the clips that were measured; a video that could not be read made none."""
    return read_rows(run, "analyze_videos", "kept", ["hashtags", "person_fraction"])


def _rows(run: Path, stage: str, columns: list[str]) -> list[Row]:
    return [row for side in ("kept", "rejected") for row in read_rows(run, stage, side, columns)]


def _count(rows: Iterable[Row]) -> Counter[str]:
    return Counter(tag for row in rows for tag in _tags(row))


def _tags(row: Row) -> set[str]:
    return set(row["hashtags"] or [])
