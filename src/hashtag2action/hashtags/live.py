"""Mine a platform that can be searched: run the loop, keep its journal, write what it found.

    out/
      search/                 every paid answer (the source keeps it)
      rounds/round-00000.json what the posts of a round were judged to be
      00-posts/               unique posts, with the tag they were asked for under
      01-mine_hashtags/       tags, kept and rejected, with their evidence
      mining.json             rounds: budget, new posts, tags opened and closed, entropies

Killed at any moment, the same command walks through the same answers and verdicts and goes on.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from hashtag2action.config import key_of
from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.counted import (
    OnProgress,
    Wanted,
    post_files,
    principle_of,
    write_hashtags,
    write_split,
)
from hashtag2action.hashtags.evidence import tag_statistics
from hashtag2action.hashtags.forms import Candidate
from hashtag2action.hashtags.loop import Judge, MiningLoop
from hashtag2action.hashtags.posterior import Share
from hashtag2action.hashtags.rounds import Round
from hashtag2action.manifest import Manifest, write_json
from hashtag2action.records import POST, REJECT_REASON
from hashtag2action.sources.query import SearchSource

logger = logging.getLogger(__name__)

GATHERED_POST = pa.schema(
    [
        *POST,
        pa.field("asked_hashtag", pa.string()),
        pa.field("action_group", pa.string()),
        pa.field("language", pa.string()),
        pa.field("page_hash", pa.string()),
    ]
)
"""POST and how it came: the tag first asked, its group, the language, the answer it stood in."""

_UNIFORM = Share(1.0, 1.0)


def search_platform(
    source: SearchSource,
    budget: Budget,
    wanted: Wanted,
    judge: Judge,
    manifest: Manifest,
    progress: OnProgress,
) -> None:
    """Spend the budget and write posts, hashtags and the journal.

    Raises:
        QuotaExhaustedError: The platform gives no more today; run again to go on.
        SourceError: The platform refuses, or cannot be reached.
    """
    out = manifest.root.parent
    pool = {tag: found for tag, found in wanted.pool.items() if tag not in wanted.sensitive}
    with source.open(out / "search") as search:
        journal = _Journal(out / "rounds", judge)
        loop = MiningLoop(
            budget, search, journal, pool, wanted.thresholds, frozenset(wanted.sensitive)
        )
        rounds: list[Round] = []
        for done in loop.rounds():
            rounds.append(done)
            progress("mine_hashtags", loop.num_spent, budget.num_requests)
    posts = _write_posts(loop, manifest)
    statistics = tag_statistics(posts, out / "scratch")
    found = {row["hashtag"]: row for row in statistics.to_pylist()}
    weighed = _weighed(loop, wanted, found)
    rows = [_row(loop, one, found.get(tag, {}), wanted) for tag, one in weighed.items()]
    write_json(out / "mining.json", report_of(loop, rounds))
    write_hashtags(rows, weighed, posts, wanted.thresholds, manifest)


class _Journal:
    """Verdicts of finished rounds, written once: a later curation changes only later rounds."""

    def __init__(self, folder: Path, judge: Judge) -> None:
        self._folder = folder
        self._judge = judge

    def __call__(self, number: int, posts: Sequence[str]) -> Mapping[str, bool]:
        path = self._folder / f"round-{number:05d}.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8"))["verdicts"]
        verdicts = {post: bool(hit) for post, hit in self._judge(number, posts).items()}
        write_json(path, {"verdicts": verdicts})
        return verdicts


def _write_posts(loop: MiningLoop, manifest: Manifest) -> list[Path]:
    posts = Manifest(manifest.root.parent / "00-posts")
    plan = json.loads((manifest.root / "plan.json").read_text(encoding="utf-8"))
    posts.begin("posts", key_of("posts", plan["key"]), "", plan["settings"])
    if not posts.is_finished:
        schema = GATHERED_POST.append(REJECT_REASON)
        rows = [*loop.gathered.rows.values(), *loop.gathered.rejected]
        columns = {
            column.name: pa.array([row.get(column.name) for row in rows], column.type)
            for column in schema
        }
        write_split(posts, "part-00000", pa.table(columns, schema=schema))
        posts.finish(len(rows))
    return post_files(posts)


def _weighed(
    loop: MiningLoop, wanted: Wanted, found: Mapping[str, Mapping[str, Any]]
) -> dict[str, Candidate]:
    """Return every candidate, and every other tag that many use."""
    pool: dict[str, Candidate] = {**wanted.pool, **loop.prospects.pool}
    enough = wanted.thresholds.min_creators
    for tag, row in found.items():
        if tag not in pool and row["num_creators"] >= enough:
            group = loop.gathered.lift_of(tag).group
            pool[tag] = Candidate(tag, group, f"beside: {group}", (principle_of(tag),))
    return pool


def _row(
    loop: MiningLoop, candidate: Candidate, found: Mapping[str, Any], wanted: Wanted
) -> dict[str, Any]:
    tag = candidate.hashtag
    arms = loop.prospects.arms_of(tag)
    is_asked = any(arm.num_pages for arm in arms)
    row: dict[str, Any] = {
        **dict.fromkeys(
            ("num_posts", "num_creators", "num_views", "num_regions", "num_languages"), 0
        ),
        "companions": [],
        "companion_npmi": [],
        **found,
        "hashtag": tag,
        "action_group": candidate.action_group,
        "origin": candidate.origin,
        "principles": list(candidate.principles),
        "sensitive": wanted.sensitive.get(tag),
        "num_requests": sum(arm.num_pages for arm in arms),
        "num_new_posts": sum(arm.num_new for arm in arms),
        "closed": loop.prospects.closed.get(tag),
    }
    # Posts that were asked for by a tag stand beside its group by choice, not by nature.
    company = loop.gathered.lift_of(tag)
    is_class = not candidate.origin.startswith("beside")
    row["is_proposed"] = not is_class
    row["specificity"] = None if is_class else company.specificity
    row["group_npmi"] = None if is_class else company.npmi
    belief = loop.belief(tag)
    if belief.num_trials or is_class:
        low, high = belief.interval(_UNIFORM)
        row |= {
            "num_judged": int(belief.num_trials),
            "yield_mean": belief.mean(_UNIFORM),
            "yield_low": low,
            "yield_high": high,
        }
    if is_asked and row["num_posts"]:
        mean_views = row["num_views"] / row["num_posts"]
        days = (loop.budget.last_day - loop.budget.first_day).days + 1
        per_day = sum(arm.posts_per_day() for arm in arms)
        row["num_views_estimated"] = int(max(row["num_views"], per_day * days * mean_views))
    return row


def report_of(loop: MiningLoop, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return what the report shows of a run: its rounds and its sums."""
    return {
        "num_requests": loop.num_spent,
        "num_posts": len(loop.gathered.rows),
        "num_rejected_rows": len(loop.gathered.rejected),
        "posts_by_group": dict(sorted(loop.gathered.num_by_group.items())),
        "posts_by_region": dict(sorted(loop.gathered.num_by_region.items())),
        "posts_by_language": dict(sorted(loop.gathered.num_by_language.items())),
        "rounds": [asdict(done) for done in rounds],
    }
