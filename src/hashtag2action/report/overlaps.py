"""Clips that left because a benchmark shows the same pictures."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hashtag2action.report.tables import read_rows, stage_settings

MAX_LISTED = 60
"""Clips listed, the surest first; chosen: `h2a overlaps RUN` lists all."""


@dataclass(frozen=True)
class Overlap:
    """One clip and what shows the same."""

    clip_id: str
    benchmark: str
    file: str
    distance: float | None


@dataclass(frozen=True)
class Overlaps:
    """What a run found of the benchmarks it was compared with."""

    counts: tuple[tuple[str, int, int], ...]
    """Name of each benchmark, clips that overlap it, and its files that they show."""
    listed: tuple[Overlap, ...]
    num: int
    """Clips that overlap any."""


def read_overlaps(run: Path) -> Overlaps:
    """Read which rejected clips overlap which benchmark; those named without a find count 0."""
    columns = ("clip_id", "overlap_of", "overlap_distance")
    found = [
        _overlap(row["clip_id"], row["overlap_of"], row["overlap_distance"])
        for row in read_rows(run, "deduplicate", "rejected", columns)
        if row["overlap_of"]
    ]
    found.sort(key=lambda one: (one.distance is None, one.distance or 0.0, one.clip_id))
    clips = Counter(one.benchmark for one in found)
    files = Counter(name for name, _ in {(one.benchmark, one.file) for one in found})
    names = sorted({*_named(run), *clips})
    counts = tuple((name, clips[name], files[name]) for name in names)
    return Overlaps(counts, tuple(found[:MAX_LISTED]), len(found))


def _overlap(clip_id: str, overlap_of: str, distance: float | None) -> Overlap:
    benchmark, _, file = overlap_of.partition(":")
    return Overlap(str(clip_id), benchmark, file, distance)


def _named(run: Path) -> list[str]:
    references = stage_settings(run, "deduplicate").get("references") or []
    return [str(one["name"]) for one in references if isinstance(one, dict) and "name" in one]
