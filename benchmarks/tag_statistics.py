"""Count tags, creators, regions and NPMI in 10 million posts with five tags each.

    python benchmarks/tag_statistics.py --out runs/tag-statistics [--posts 10000000]

Prints rows a second and peak memory; exits 1 above 3 minutes or 4 GiB.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hashtag2action.hashtags.evidence import StatisticsLimits, tag_statistics

MAX_MINUTES = 3.0
MAX_GIB = 4.0
NUM_TAGS = 500_000
NUM_TOPICS = 20_000
POSTS_PER_FILE = 1_000_000
TAGS_PER_POST = 5


def write_posts(folder: Path, num_posts: int) -> list[Path]:
    """Write posts: two tags that all use, three of a topic; tags, creators, regions by Zipf."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    names = pa.array([f"tag{number:06d}" for number in range(NUM_TAGS)])
    regions = pa.array([f"{chr(65 + n // 10)}{chr(65 + n % 10)}" for n in range(60)])
    for number in range(-(-num_posts // POSTS_PER_FILE)):
        path = folder / f"posts-{number:03d}.parquet"
        files.append(path)
        if path.exists():
            continue
        size = min(POSTS_PER_FILE, num_posts - number * POSTS_PER_FILE)
        rng = np.random.default_rng([7, number])
        tags = np.empty((size, TAGS_PER_POST), np.int32)
        tags[:, :2] = _zipf(rng, NUM_TAGS, (size, 2))
        topic = _zipf(rng, NUM_TOPICS, size)
        tags[:, 2:] = (topic[:, None] * 25 + _zipf(rng, 400, (size, 3))) % NUM_TAGS
        offsets = pa.array(np.arange(0, TAGS_PER_POST * size + 1, TAGS_PER_POST, dtype=np.int32))
        listed = pa.DictionaryArray.from_arrays(pa.array(tags.ravel()), names).cast(pa.string())
        creators = _zipf(rng, 2_000_000, size)
        table = pa.table(
            {
                "post_id": pa.array(np.arange(size) + number * POSTS_PER_FILE).cast(pa.string()),
                "hashtags": pa.ListArray.from_arrays(offsets, listed),
                "creator": pa.array([f"{creator:016x}" for creator in creators]),
                "region": pa.DictionaryArray.from_arrays(
                    pa.array(_zipf(rng, 60, size).astype(np.int32)), regions
                ).cast(pa.string()),
                "num_views": pa.array(rng.lognormal(9.0, 1.6, size).astype(np.int64)),
            }
        )
        beside = path.with_suffix(".part")
        pq.write_table(table, beside, compression="zstd")
        beside.replace(path)
    return files


def _zipf(rng: np.random.Generator, num: int, size: int | tuple[int, ...]) -> np.ndarray:
    """Draw ranks from 0 with a probability that falls as 1 / (rank + 10)."""
    return np.minimum(10 * (num / 10 + 1) ** rng.random(size) - 10, num - 1).astype(np.int64)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/tag-statistics"))
    parser.add_argument("--posts", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true", help="figures as JSON on the last line")
    parser.add_argument("--only-write", action="store_true")
    given = parser.parse_args()
    if given.only_write:
        write_posts(given.out / "posts", given.posts)
        return 0
    # Written by another process: its memory is not ours.
    command = [sys.executable, __file__, "--out", str(given.out), "--posts", str(given.posts)]
    subprocess.run([*command, "--only-write"], check=True)
    files = sorted((given.out / "posts").glob("posts-*.parquet"))
    begun = time.monotonic()
    table = tag_statistics(files, given.out / "scratch", StatisticsLimits(threads=2))
    minutes = (time.monotonic() - begun) / 60
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    speed = given.posts / minutes / 60
    print(
        f"{given.posts} posts, {table.num_rows} tags: {minutes:.2f} minutes, {speed:,.0f} posts/s, "
        f"{TAGS_PER_POST * speed:,.0f} tag rows/s, peak {gib:.2f} GiB"
    )
    figures = [
        {"name": "tag statistics: minutes", "value": f"{minutes:.2f}", "bar": f"<= {MAX_MINUTES}",
         "is_ok": minutes <= MAX_MINUTES},
        {"name": "tag statistics: peak memory (GiB)", "value": f"{gib:.2f}",
         "bar": f"<= {MAX_GIB}", "is_ok": gib <= MAX_GIB},
    ]  # fmt: skip
    if given.json:
        print(json.dumps(figures))
        return 0
    return 0 if all(figure["is_ok"] for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
