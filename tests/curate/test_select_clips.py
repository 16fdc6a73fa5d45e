from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hashtag2action.curate.select_clips import SelectClips

GOOD: dict[str, Any] = {
    "clip_id": "a-000",
    "start_s": 1.0,
    "end_s": 4.0,
    "is_longest_scene": True,
    "person_fraction": 0.9,
    "motion_score": 4.0,
    "still_fraction": 0.1,
    "black_fraction": 0.0,
}


def judge(stage: SelectClips, **changes: Any) -> dict[str, Any]:
    return stage.open(Path("unused"))(pa.Table.from_pylist([GOOD | changes])).to_pylist()[0]


def test_a_good_clip_stays():
    row = judge(SelectClips())
    assert row["reject_reason"] is None
    assert row["has_person"] is True


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_longest_scene": False}, "not_longest_scene"),
        ({"end_s": 1.5}, "too_short"),
        ({"end_s": 100.0}, "too_long"),
        ({"black_fraction": 0.8}, "black"),
        ({"still_fraction": 1.0}, "still"),
        ({"motion_score": 0.1}, "little_motion"),
        ({"person_fraction": 0.1}, "no_person"),
    ],
)
def test_each_rule_names_itself(changes: dict[str, Any], reason: str):
    assert judge(SelectClips(), **changes)["reject_reason"] == reason


def test_the_first_broken_rule_is_the_reason():
    row = judge(SelectClips(), end_s=1.5, person_fraction=0.0)
    assert row["reject_reason"] == "too_short"
    assert row["has_person"] is False


def test_all_scenes_may_be_taken():
    assert judge(SelectClips(scenes="all"), is_longest_scene=False)["reject_reason"] is None


def test_where_nobody_looked_nobody_is_missed():
    table = pa.Table.from_pylist([GOOD])
    empty = pa.array([None], pa.float32())
    table = table.set_column(table.column_names.index("person_fraction"), "person_fraction", empty)
    row = SelectClips().open(Path("unused"))(table).to_pylist()[0]
    assert row["reject_reason"] is None
    assert row["has_person"] is None
