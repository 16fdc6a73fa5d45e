"""Weigh tags in an archive of posts at hand: count, compare with thresholds, write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from hashtag2action.config import key_of
from hashtag2action.hashtags.consolidate import duplicates
from hashtag2action.hashtags.evidence import tag_statistics, timelines
from hashtag2action.hashtags.forms import Candidate, Principle
from hashtag2action.hashtags.verdicts import Thresholds, reason_for
from hashtag2action.hashtags.words import script_of
from hashtag2action.manifest import Manifest
from hashtag2action.records import HASHTAG, REJECT_REASON
from hashtag2action.sources.base import PostSource

OnProgress = Callable[[str, int, int], None]
"""Called with a stage's name, rows done and rows in all."""

MINED_HASHTAG = pa.schema(
    [
        *HASHTAG,
        ("principles", pa.list_(pa.string())),
        ("num_languages", pa.int64()),
        ("specificity", pa.float64()),
        ("group_npmi", pa.float64()),
        ("companions", pa.list_(pa.string())),
        ("companion_npmi", pa.list_(pa.float32())),
        ("num_views_estimated", pa.int64()),
        ("num_requests", pa.int64()),
        ("num_new_posts", pa.int64()),
        ("num_judged", pa.int64()),
        ("yield_mean", pa.float64()),
        ("yield_low", pa.float64()),
        ("yield_high", pa.float64()),
        ("closed", pa.string()),
        ("posts_over_time", pa.list_(pa.int32())),
    ]
)
"""HASHTAG and the rest of the evidence; what an archive cannot tell is null.

`specificity`, `companions`: see `evidence.TAG_EVIDENCE`. `group_npmi`: NPMI with the tag's action
group. `yield_*`: mean and 90 % interval of the share of posts that survive curation, `num_judged`
the posts behind it. `closed`: why no more was asked of it. `posts_over_time`: posts in equal steps
of time, from the first post of the run to the last; null where no post has a time.
"""

_ROWS_PER_PART = 10_000


@dataclass(frozen=True)
class Wanted:
    """What a run looks for."""

    pool: Mapping[str, Candidate]
    sensitive: Mapping[str, str]
    """Sensitive tag -> why it is one."""
    thresholds: Thresholds


def count_archive(
    source: PostSource,
    wanted: Wanted,
    find_companions: bool,
    manifest: Manifest,
    progress: OnProgress,
) -> None:
    """Write the hashtags manifest of an archive.

    Raises:
        SourceError: The posts cannot be read.
    """
    out = manifest.root.parent
    posts = _write_posts(source, Manifest(out / "00-posts"), progress)
    table = tag_statistics(posts, out / "scratch")
    found = {row["hashtag"]: row for row in table.to_pylist()}
    pool = dict(wanted.pool)
    if find_companions:
        pool |= beside_candidates(found, wanted.pool)
    rows = [_row(candidate, found.get(tag, {}), wanted) for tag, candidate in pool.items()]
    write_hashtags(rows, pool, posts, wanted.thresholds, manifest)


def beside_candidates(
    found: Mapping[str, Mapping[str, Any]], pool: Mapping[str, Candidate]
) -> dict[str, Candidate]:
    """Return the tags that are no candidates yet, each in the group of its closest candidate.

    Tags beside no candidate are left out, but for those whose company is candidates' company, too:
    what everybody uses is listed, and then rejected as generic.
    """
    made = {}
    for tag, row in found.items():
        if tag in pool or not row["companions"]:
            continue
        near = [name for name in row["companions"] if name in pool]
        is_common = row["num_creators"] >= _COMMON_CREATORS
        if near or is_common:
            group = pool[near[0]].action_group if near else ""
            origin = f"beside: {near[0]}" if near else "beside: many"
            made[tag] = Candidate(tag, group, origin, (principle_of(tag),))
    return made


_COMMON_CREATORS = 20
"""Creators from which on a tag is weighed whatever it stands beside (chosen: as a generic tag)."""


def principle_of(tag: str) -> Principle:
    """Return the principle behind a tag that company proposed.

    A tag of another script is what another culture calls it; one of Latin letters specifies.
    """
    return "specification" if script_of(tag) in {"LATIN", "NONE"} else "social_cultural"


def _write_posts(source: PostSource, manifest: Manifest, progress: OnProgress) -> list[Path]:
    settings = source.key_fields()
    manifest.begin("posts", key_of("posts", settings), "", settings)
    num_rows = 0
    if not manifest.is_finished:
        tables = source.tables(manifest.root.parent / "source", _ROWS_PER_PART, progress)
        for number, table in enumerate(tables):
            write_split(manifest, f"part-{number:05d}", table)
            num_rows += table.num_rows
            progress("posts", num_rows, num_rows)
        manifest.finish(num_rows)
    return post_files(manifest)


def post_files(manifest: Manifest) -> list[Path]:
    """Return the Parquet files of the kept posts of a manifest."""
    return [manifest.root / "kept" / f"{part}.parquet" for part in manifest.parts()]


def write_split(manifest: Manifest, part: str, table: pa.Table) -> None:
    """Write a part, its rows split by whether they have a reject reason."""
    reasons = table[REJECT_REASON.name].to_pylist()
    keep = pa.array([reason is None for reason in reasons], pa.bool_())
    drop = pa.array([reason is not None for reason in reasons], pa.bool_())
    kept = table.filter(keep).drop_columns([REJECT_REASON.name])
    manifest.write_part(part, kept, table.filter(drop))


def _row(candidate: Candidate, found: Mapping[str, Any], wanted: Wanted) -> dict[str, Any]:
    counts = dict.fromkeys(
        ("num_posts", "num_creators", "num_views", "num_regions", "num_languages"), 0
    )
    near = dict(zip(found.get("companions", ()), found.get("companion_npmi", ()), strict=True))
    is_proposed = candidate.origin.startswith("beside")
    mates = [
        value
        for tag, value in near.items()
        if tag in wanted.pool and wanted.pool[tag].action_group == candidate.action_group
    ]
    return {
        **counts,
        "companions": [],
        "companion_npmi": [],
        **found,
        "hashtag": candidate.hashtag,
        "action_group": candidate.action_group,
        "origin": candidate.origin,
        "principles": list(candidate.principles),
        "is_proposed": is_proposed,
        "group_npmi": max(mates, default=-1.0) if is_proposed else None,
        "sensitive": wanted.sensitive.get(candidate.hashtag),
    }


def write_hashtags(
    rows: list[dict[str, Any]],
    pool: Mapping[str, Candidate],
    posts: Sequence[Path],
    thresholds: Thresholds,
    manifest: Manifest,
) -> None:
    """Judge rows of MINED_HASHTAG and write them, the most used first.

    Args:
        rows: Evidence.
        pool: Candidates by tag.
        posts: Parquet files of the posts that were counted.
        thresholds: What a tag must show.
        manifest: Where they go.
    """
    rows.sort(key=lambda row: (-row["num_posts"], row["hashtag"]))
    scratch = manifest.root.parent / "scratch"
    passing = [row for row in rows if reason_for(row, thresholds) is None]
    same = duplicates(passing, pool, posts, scratch, thresholds.max_overlap)
    used = [row["hashtag"] for row in rows if row["num_posts"]]
    over_time = timelines(posts, scratch, used) if used else {}
    for row in rows:
        row["duplicate_of"] = same.get(row["hashtag"])
        row["posts_over_time"] = over_time.get(row["hashtag"])
    reasons = [reason_for(row, thresholds) for row in rows]
    columns = {
        column.name: pa.array([row.get(column.name) for row in rows], column.type)
        for column in MINED_HASHTAG
    }
    table = pa.table(columns, schema=MINED_HASHTAG)
    table = table.append_column(REJECT_REASON, pa.array(reasons, pa.string()))
    write_split(manifest, "part-00000", table)
    manifest.finish(len(rows))
