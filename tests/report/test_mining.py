import json
from pathlib import Path

import pyarrow as pa

from hashtag2action.manifest import Manifest
from hashtag2action.records import HASHTAG, REJECT_REASON
from hashtag2action.report.mining import read_mining
from hashtag2action.report.render import write_report


def test_mined_hashtags_are_listed_with_what_left(tmp_path: Path):
    def table(names: list[str]) -> pa.Table:
        rows = [{"hashtag": name, "num_views": len(name)} for name in names]
        return pa.Table.from_pylist(rows, schema=HASHTAG)

    rejected = table(["rare"]).append_column(REJECT_REASON, pa.array(["too_few_posts"]))
    manifest = Manifest(tmp_path / "01-mine_hashtags")
    manifest.begin("mine_hashtags", "key", "", {})
    manifest.write_part("part-00000", table(["squat", "pushups"]), rejected)
    mining = read_mining("mine", tmp_path)
    assert [row["hashtag"] for row in mining.rows] == ["pushups", "squat"]
    assert [(reason.rule, reason.examples) for reason in mining.reasons] == [
        ("too_few_posts", ("#rare",))
    ]
    assert "#pushups" in write_report(tmp_path).read_text()


def test_a_searched_platform_shows_its_budget_its_company_and_its_time(tmp_path: Path):
    rows = [
        {
            "hashtag": name,
            "action_group": group,
            "num_views": views,
            "companions": [other],
            "companion_npmi": [0.6],
            "posts_over_time": over_time,
            "yield_mean": 0.8,
            "yield_low": 0.7,
            "yield_high": 0.9,
        }
        for name, group, views, other, over_time in [
            ("gym", "gym", 9, "gymtok", [1, 4, 2]),
            ("gymtok", "gym", 5, "gym", None),
            ("waltz", "dance", 3, "<script>", [0, 1, 0]),
        ]
    ]
    kept = pa.Table.from_pylist(rows)
    rejected = pa.Table.from_pylist(
        [{**rows[0], "reject_reason": "generic"}], kept.schema.append(REJECT_REASON)
    )
    manifest = Manifest(tmp_path / "01-mine_hashtags")
    manifest.begin("mine_hashtags", "key", "", {})
    manifest.write_part("part-00000", kept, rejected)
    counts = {"num_requests": 10, "num_new": 500, "num_usable": 30, "num_judged": 60}
    spread = {"entropy_groups": 1.0, "entropy_regions": 2.0, "entropy_languages": 0.5}
    rounds = [counts | spread, counts | spread | {"entropy_groups": 1.5}]
    (tmp_path / "mining.json").write_text(json.dumps({"rounds": rounds}))
    page = write_report(tmp_path).read_text()
    assert "posts over requests: new posts 500 to 1,000; usable posts, expected 250 to 500" in page
    assert "3 hashtags and 1 pairs" in page
    assert "Posts with #gym over time, at most 4 in a step." in page
    assert "90 % between 70% and 90%" in page
    assert "<script>" not in page.split("</style>")[1].split("<script")[0]
