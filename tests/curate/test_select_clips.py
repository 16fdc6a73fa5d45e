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
    "hand_fraction": 0.0,
    "motion_score": 4.0,
    "still_fraction": 0.1,
    "black_fraction": 0.0,
    "camera_motion": 0.1,
    "subject_motion": 0.3,
    "photo_fraction": 0.0,
    "drawn_score": 0.1,
    "overlay_fraction": 0.05,
    "crop_left": 0.0,
    "crop_top": 0.2,
    "crop_right": 0.0,
    "crop_bottom": 0.3,
    "sharpness": 300.0,
    "dark_fraction": 0.1,
    "bright_fraction": 0.1,
    "unsafe_score": 0.0,
}

# What the analysis leaves null where a scene is too short to tell.
MEASURED = tuple(GOOD)[tuple(GOOD).index("camera_motion") :]


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
        ({"photo_fraction": 1.0}, "photo"),
        ({"drawn_score": 0.95}, "drawn"),
        ({"unsafe_score": 0.9}, "unsafe"),
    ],
)
def test_each_rule_names_itself(changes: dict[str, Any], reason: str):
    assert judge(SelectClips(), **changes)["reject_reason"] == reason


def test_the_first_broken_rule_is_the_reason():
    row = judge(SelectClips(), end_s=1.5, person_fraction=0.0)
    assert row["reject_reason"] == "too_short"
    assert row["has_person"] is False


def test_hands_at_work_are_an_action_without_a_person():
    hands = {"person_fraction": 0.0, "hand_fraction": 1.0}
    assert judge(SelectClips(), **hands)["has_person"] is True
    assert judge(SelectClips(), **hands)["reject_reason"] is None
    seldom = {"person_fraction": 0.0, "hand_fraction": 0.5}
    assert judge(SelectClips(), **seldom)["reject_reason"] == "no_person"


def test_all_scenes_may_be_taken():
    assert judge(SelectClips(scenes="all"), is_longest_scene=False)["reject_reason"] is None


def test_where_nobody_looked_nobody_is_missed():
    table = pa.Table.from_pylist([GOOD])
    empty = pa.array([None], pa.float32())
    table = table.set_column(table.column_names.index("person_fraction"), "person_fraction", empty)
    row = SelectClips().open(Path("unused"))(table).to_pylist()[0]
    assert row["reject_reason"] is None
    assert row["has_person"] is None


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        ({"min_subject_motion": 0.4}, "little_subject_motion"),
        ({"max_camera_motion": 0.05}, "much_camera_motion"),
        ({"max_overlay_fraction": 0.04}, "overlay"),
        ({"min_inner_fraction": 0.6}, "bars"),
        ({"min_sharpness": 400.0}, "blurred"),
        ({"max_dark_fraction": 0.05}, "dark"),
        ({"max_bright_fraction": 0.05}, "bright"),
    ],
)
def test_rules_that_are_off_judge_when_they_are_set(bound: dict[str, float], reason: str):
    assert judge(SelectClips(**bound))["reject_reason"] == reason


def test_what_was_not_measured_judges_nobody():
    schema = pa.schema([pa.field(name, pa.float32()) for name in MEASURED])
    table = pa.Table.from_pylist([GOOD])
    for column in schema:
        empty = pa.array([None], column.type)
        table = table.set_column(table.column_names.index(column.name), column, empty)
    strict = SelectClips(min_subject_motion=0.4, min_inner_fraction=0.9, max_dark_fraction=0.0)
    assert strict.open(Path("unused"))(table).to_pylist()[0]["reject_reason"] is None
