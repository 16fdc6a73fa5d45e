"""How fast posts are judged by their metadata: a million of them, on two cores.

The posts are made, not real: their numbers and lengths follow public data sets of posts (5 tags and
40 characters in the middle, up to 30 tags), and all rules but the guess of the language are on.
"""

import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.figures import Figure
from hashtag2action.curate.filter_metadata import FilterMetadata
from hashtag2action.curate.metadata_rules import Rule
from hashtag2action.curate.run import run_stage
from hashtag2action.engines.local import LocalEngine
from hashtag2action.manifest import Manifest
from hashtag2action.records import POST, REJECT_REASON

NUM_POSTS = 1_000_000
ROWS_PER_PART = 10_000
MAX_S = 10.0
_GERMAN = "Heute zeige ich euch mein Training fuer zu Hause, ganz ohne Geraete und Studio. "
_ENGLISH = "How I learned to do this trick in a week, one step after the other, no ad here. "


def rules() -> FilterMetadata:
    """Return a filter with every rule on that needs no model."""
    return FilterMetadata.model_validate(
        {
            "hashtags": [f"tag{number}" for number in range(0, 5_000, 5)],
            "min_duration_s": 3,
            "max_duration_s": 120,
            "reference_date": "2026-01-01",
            "min_age_days": 7,
            "max_age_days": 1_800,
            "min_views": 100,
            "min_likes_per_view": 0.005,
            "max_likes_per_view": 0.6,
            "languages": ["de", "en"],
            "regions": ["DE", "US", "VN"],
            "min_hashtags": 1,
            "max_hashtags": 25,
            "max_wanted_hashtags": 4,
            "max_tag_spam_score": 0.7,
            "reject_commercial": True,
            "licenses": ["CC BY*", "consent*"],
            "min_short_side_px": 360,
            "max_aspect": 1.0,
            "rules": [
                Rule(column="num_comments", comparison="below", value=1, reason="no_comments"),
                Rule(column="hashtags", comparison="matches", value="^prank", reason="prank"),
            ],
        }
    )


def posts(num_posts: int) -> pa.Table:
    """Make posts, the same every time."""
    rng = np.random.default_rng(0)
    num_tags = np.minimum(rng.poisson(5, num_posts), 30)
    offsets = np.concatenate(([0], np.cumsum(num_tags))).astype(np.int32)
    vocabulary = pa.array(["fyp", "viral", "ad", *(f"tag{number}" for number in range(20_000))])
    tags = vocabulary.take(pa.array(rng.zipf(1.3, offsets[-1]) % len(vocabulary)))
    views = rng.lognormal(9, 2, num_posts).astype(np.int64)
    texts = pa.array([(text * 4)[: 10 + 3 * n] for text in (_GERMAN, _ENGLISH) for n in range(40)])
    columns: dict[str, pa.Array] = {
        "post_id": pa.array(range(num_posts)).cast(pa.string()),
        "platform": pa.array(["tiktok"]).take(pa.array(np.zeros(num_posts, np.int64))),
        "hashtags": pa.ListArray.from_arrays(pa.array(offsets), tags),
        "description": texts.take(pa.array(rng.integers(0, len(texts), num_posts))),
        "created_unix_s": pa.array(rng.integers(1_600_000_000, 1_760_000_000, num_posts)),
        "region": _one_of(rng, ["DE", "US", "VN", "FR", None], num_posts),
        "duration_s": pa.array(rng.gamma(2, 15, num_posts)),
        "num_views": pa.array(views),
        "num_likes": pa.array((views * rng.beta(2, 20, num_posts)).astype(np.int64)),
        "num_comments": pa.array(rng.poisson(20, num_posts)),
        "num_shares": pa.array(rng.poisson(20, num_posts)),
        "creator": pa.array(rng.zipf(1.5, num_posts) % 300_000).cast(pa.string()),
        "license": _one_of(rng, ["CC BY 4.0", "consent of 2025", "unknown", None], num_posts),
        "file": pa.nulls(num_posts, pa.string()),
        "stated_language": _one_of(rng, ["de", "en", "vi", None], num_posts),
        "stated_width_px": pa.array(rng.choice([360, 576, 720, 1080], num_posts)),
        "stated_height_px": pa.array(rng.choice([640, 1024, 1280, 1920], num_posts)),
        "stated_sha256": pa.nulls(num_posts, pa.string()),
    }
    return pa.table({name: columns[name].cast(POST.field(name).type) for name in POST.names})


def measure(folder: Path) -> list[Figure]:
    """Time the rules on one table, the whole stage over parts on disk, and the guess."""
    table = posts(NUM_POSTS)
    quota = rules().model_copy(update={"max_creator_fraction": 0.05})
    figures = [
        _figure("all rules, one table", _seconds_of(rules(), table)),
        _figure("all rules and the creator quota", _seconds_of(quota, table)),
    ]
    parent = _on_disk(table, folder / "00-posts")
    for name, stage, engine in (
        ("stage over parts on disk, 2 workers", rules(), LocalEngine(num_workers=2)),
        ("stage with the quota, parts on disk", quota, LocalEngine(num_workers=1)),
    ):
        start_s = time.perf_counter()
        run_stage(stage, parent, folder / name.replace(" ", "-"), engine, lambda *_: None)
        figures.append(_figure(name, time.perf_counter() - start_s))
    guess = FilterMetadata(languages=("de", "en"), language_from="description")
    sample = table.slice(0, 50_000).set_column(
        POST.names.index("stated_language"), "stated_language", pa.nulls(50_000, pa.string())
    )
    rows_per_s = sample.num_rows / _seconds_of(guess, sample)
    figures.append(Figure("language guessed, one core", f"{rows_per_s:,.0f} rows/s", "-", True))
    return figures


def _figure(name: str, seconds: float) -> Figure:
    value = f"{seconds:.1f} s, {NUM_POSTS / seconds:,.0f} rows/s"
    return Figure(f"1 M posts: {name}", value, f"< {MAX_S:.0f} s", seconds < MAX_S)


def _seconds_of(stage: FilterMetadata, table: pa.Table) -> float:
    transform = stage.open(Path("unused"))
    start_s = time.perf_counter()
    made = transform(table)
    seconds = time.perf_counter() - start_s
    assert made.num_rows == table.num_rows
    return seconds


def _on_disk(table: pa.Table, folder: Path) -> Manifest:
    manifest = Manifest(folder)
    manifest.begin("posts", "benchmark", "", {})
    rejected = table.slice(0, 0).append_column(REJECT_REASON, pa.nulls(0, pa.string()))
    for number, start in enumerate(range(0, table.num_rows, ROWS_PER_PART)):
        manifest.write_part(f"part-{number:05d}", table.slice(start, ROWS_PER_PART), rejected)
    manifest.finish(table.num_rows)
    return manifest


def _one_of(rng: np.random.Generator, values: list[str | None], num: int) -> pa.Array:
    return pa.array(values, pa.string()).take(pa.array(rng.integers(0, len(values), num)))
