from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hashtag2action.hashtags.consolidate import duplicates
from hashtag2action.hashtags.evidence import timelines
from hashtag2action.hashtags.forms import Candidate
from hashtag2action.hashtags.seeds import candidates

POSTS = pa.schema(
    [
        ("hashtags", pa.list_(pa.string())),
        ("asked_hashtag", pa.string()),
        ("created_unix_s", pa.int64()),
    ]
)


def write(folder: Path, posts: list[tuple[list[str], str | None]]) -> list[Path]:
    rows = [
        {"hashtags": tags, "asked_hashtag": asked, "created_unix_s": 100 * number}
        for number, (tags, asked) in enumerate(posts)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=POSTS), folder / "posts.parquet")
    return [folder / "posts.parquet"]


def row(tag: str, num_views: int, group: str = "gym") -> dict[str, Any]:
    return {"hashtag": tag, "action_group": group, "num_views": num_views}


def same(rows: list[dict[str, Any]], posts: list[Path], folder: Path) -> dict[str, str]:
    pool = {r["hashtag"]: Candidate(r["hashtag"], r["action_group"], "recipe", ()) for r in rows}
    return duplicates(rows, pool, posts, folder / "scratch", 0.9)


def test_a_tag_that_always_stands_beside_a_more_viewed_one_repeats_it(tmp_path: Path) -> None:
    posts = write(tmp_path, [(["gymtok", "gym"], None)] * 60 + [(["gym"], None)] * 60)
    assert same([row("gym", 900), row("gymtok", 100)], posts, tmp_path) == {"gymtok": "gym"}
    assert same([row("gym", 900), row("gymtok", 100, "run")], posts, tmp_path) == {}
    # The less viewed one leaves, whichever covers the other.
    assert same([row("gym", 100), row("gymtok", 900)], posts, tmp_path) == {}


def test_company_that_was_asked_for_proves_nothing(tmp_path: Path) -> None:
    posts = write(tmp_path, [(["gymtok", "gym"], "gym")] * 200 + [(["gymtok"], "gymtok")] * 10)
    assert same([row("gym", 900), row("gymtok", 100)], posts, tmp_path) == {}


def test_few_posts_prove_nothing(tmp_path: Path) -> None:
    posts = write(tmp_path, [(["gymtok", "gym"], None)] * 10)
    assert same([row("gym", 900), row("gymtok", 100)], posts, tmp_path) == {}


def test_of_two_orders_of_noun_and_verb_the_more_viewed_is_kept(tmp_path: Path) -> None:
    pool = candidates(["kinetics400"], {}, {})
    names = ["shufflingcards", "cardshuffle", "cardsshuffling", "shufflecards"]
    known = [name for name in names if name in pool]
    assert {"shufflingcards", "cardshuffle"} <= set(known)
    group = pool["cardshuffle"].action_group
    posts = write(tmp_path, [([name], None) for name in known])
    rows = [row(name, 10 if name != "cardshuffle" else 99, group) for name in known]
    found = duplicates(rows, pool, posts, tmp_path / "scratch", 0.9)
    assert found["shufflingcards"] == "cardshuffle"
    assert "cardshuffle" not in found


def test_posts_are_counted_over_time(tmp_path: Path) -> None:
    posts = write(tmp_path, [(["gym"], None)] * 5 + [(["run"], None)] * 5)
    found = timelines(posts, tmp_path / "scratch", ["gym", "run", "absent"], num_bins=3)
    assert found == {"gym": [3, 2, 0], "run": [0, 1, 4]}
