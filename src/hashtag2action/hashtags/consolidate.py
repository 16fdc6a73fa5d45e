"""Tags that say the same thing: of two, the more viewed one is kept and the other names it.

Two rules. A tag whose posts nearly all carry a more viewed tag of its action group brings nothing
that tag would not. And of the two orders of a noun and a verb, card throwing and throwing cards,
the more viewed one is kept (the paper's fourth and fifth principles).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from hashtag2action.hashtags.evidence import open_posts
from hashtag2action.hashtags.forms import Candidate
from hashtag2action.hashtags.posterior import Share

_UNIFORM = Share(1.0, 1.0)

# A post that was asked for under a tag carries it by choice, so it says nothing about how often the
# tag stands beside others by nature.
_SHARED = """
SELECT one.hashtag, other.hashtag AS other, count(*) AS num_shared
FROM (SELECT post, asked, unnest(tags) AS hashtag FROM listed) AS one
JOIN (SELECT post, unnest(tags) AS hashtag FROM listed) AS other USING (post)
JOIN candidate AS a ON a.hashtag = one.hashtag
JOIN candidate AS b ON b.hashtag = other.hashtag AND b.action_group = a.action_group
WHERE one.hashtag <> other.hashtag AND coalesce(one.asked, '') <> other.hashtag
GROUP BY ALL
"""
_ASKED = """
SELECT hashtag, asked, count(*) AS num_posts
FROM (SELECT asked, unnest(tags) AS hashtag FROM listed)
JOIN candidate USING (hashtag)
GROUP BY ALL
"""
_LISTED = """
CREATE TABLE listed AS
SELECT row_number() OVER () AS post, {asked} AS asked,
       list_intersect(list_distinct(hashtags), (SELECT list(hashtag) FROM candidate)) AS tags
FROM posts
WHERE list_has_any(hashtags, (SELECT list(hashtag) FROM candidate))
"""


def duplicates(
    rows: Sequence[Mapping[str, Any]],
    pool: Mapping[str, Candidate],
    posts: Sequence[Path],
    scratch: Path,
    max_overlap: float,
) -> dict[str, str]:
    """Return tag -> the kept tag that it repeats.

    Args:
        rows: Tags that pass every other rule, with `hashtag`, `action_group` and `num_views`.
        pool: Candidates, for the words of their forms.
        posts: Parquet files of the posts that were counted.
        scratch: Folder for what does not fit into memory.
        max_overlap: Share of a tag's posts that may carry a more viewed tag of its group. A tag
            leaves when the lower bound of the 90 % interval of its share reaches it.

    Raises:
        SourceError: A file cannot be read.
    """
    order = sorted(rows, key=lambda row: (-views_of(row), row["hashtag"]))
    found = dict(_other_orders(order, pool))
    shares = _overlaps(order, posts, scratch) if order else {}
    kept: list[str] = []
    for row in order:
        tag = row["hashtag"]
        if tag in found:
            continue
        covering = [
            other
            for other in kept
            if (share := shares.get((tag, other))) is not None
            and share.interval(_UNIFORM)[0] >= max_overlap
        ]
        if covering:
            found[tag] = covering[0]
        else:
            kept.append(tag)
    return {tag: _end_of(tag, found) for tag in found}


def views_of(row: Mapping[str, Any]) -> int:
    """Return the views of a tag on its whole platform, as far as they are known."""
    return row.get("num_views_estimated") or row["num_views"] or 0


def _other_orders(
    order: Sequence[Mapping[str, Any]], pool: Mapping[str, Candidate]
) -> Iterator[tuple[str, str]]:
    """Yield (tag, best tag) for the tags that put the same words in a less viewed order."""
    best: dict[tuple[str, tuple[str, ...]], tuple[str, tuple[str, ...]]] = {}
    for row in order:
        words = pool[row["hashtag"]].words if row["hashtag"] in pool else ()
        if len(words) < 2:
            continue
        key = row["action_group"], tuple(sorted(words))
        tag, first = best.setdefault(key, (row["hashtag"], words))
        if words != first:
            yield row["hashtag"], tag


def _overlaps(
    rows: Sequence[Mapping[str, Any]], posts: Sequence[Path], scratch: Path
) -> dict[tuple[str, str], Share]:
    """Return (tag, other) -> share of the tag's posts with the other, for pairs of one group."""
    candidates = pa.table(
        {name: [row[name] for row in rows] for name in ("hashtag", "action_group")},
        schema=pa.schema([("hashtag", pa.string()), ("action_group", pa.string())]),
    )
    with open_posts(posts, scratch) as connection:
        connection.register("candidate", candidates)
        columns = {row[0] for row in connection.execute("DESCRIBE posts").fetchall()}
        asked = "asked_hashtag" if "asked_hashtag" in columns else "NULL::VARCHAR"
        connection.execute(_LISTED.format(asked=asked))
        shared = connection.execute(_SHARED).fetchall()
        counts = connection.execute(_ASKED).fetchall()
    total: dict[str, int] = {}
    asked_under: dict[tuple[str, str], int] = {}
    for tag, asked_tag, count in counts:
        total[tag] = total.get(tag, 0) + count
        asked_under[tag, asked_tag or ""] = count
    return {
        (tag, other): Share(hits, total[tag] - asked_under.get((tag, other), 0) - hits)
        for tag, other, hits in shared
    }


def _end_of(tag: str, found: Mapping[str, str]) -> str:
    while tag in found:
        tag = found[tag]
    return tag
