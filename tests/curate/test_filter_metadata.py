from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import ValidationError

from hashtag2action.curate.filter_metadata import FilterMetadata
from hashtag2action.errors import ConfigError
from hashtag2action.records import POST


def posts(*rows: dict) -> pa.Table:
    return pa.Table.from_pylist(
        [{"post_id": str(number), "hashtags": []} | row for number, row in enumerate(rows)],
        schema=POST,
    )


def reasons(stage: FilterMetadata, table: pa.Table) -> list[str | None]:
    return stage.open(Path("unused"))(table)["reject_reason"].to_pylist()


def test_each_rule_names_itself_and_what_a_post_does_not_say_breaks_none(tmp_path: Path) -> None:
    withdrawn = tmp_path / "withdrawn.txt"
    withdrawn.write_text("4\n\n")
    stage = FilterMetadata(
        min_duration_s=3, max_duration_s=60, min_views=100, regions=("DE",), withdrawn=withdrawn
    )
    table = posts(
        {"duration_s": 5.0, "num_views": 100, "region": "DE"},
        {"duration_s": 2.9},
        {"duration_s": 60.5},
        {"num_views": 99},
        {},
        {"region": "US"},
        {},
    )
    expected = [None, "too_short", "too_long", "too_few_views", "withdrawn", "other_region", None]
    assert reasons(stage, table) == expected


def test_tag_of_a_post_is_the_first_that_says_anything() -> None:
    table = posts({"hashtags": ["fyp", "salsa", "tango"]}, {"hashtags": ["viral"]}, {})
    made = FilterMetadata().open(Path("unused"))(table)
    assert made["hashtag"].to_pylist() == ["salsa", None, None]
    assert made["reject_reason"].null_count == 3


def test_wanted_tags_win_in_their_order_and_posts_without_one_leave() -> None:
    stage = FilterMetadata(hashtags=("tango", "salsa"))
    table = posts({"hashtags": ["salsa", "tango"]}, {"hashtags": ["polka"]})
    made = stage.open(Path("unused"))(table)
    assert made["hashtag"].to_pylist() == ["tango", None]
    assert made["reject_reason"].to_pylist() == [None, "no_wanted_hashtag"]


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValidationError, match="is above"):
        FilterMetadata(min_duration_s=9, max_duration_s=3)
    with pytest.raises(ConfigError, match="one post id a line"):
        FilterMetadata(withdrawn=Path("absent.txt")).open(Path("unused"))
