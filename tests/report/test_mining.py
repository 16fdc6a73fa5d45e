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
