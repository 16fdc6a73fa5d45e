from datetime import date

import pytest
from pydantic import ValidationError

from hashtag2action.sources.query import QueryCell
from hashtag2action.sources.research_query import Condition, Query, VideoRequest, tagged

DAY = date(2026, 3, 1)


def test_request_is_spelled_as_the_platform_documents_it() -> None:
    request = VideoRequest(
        query=tagged(("yoga",), "DE", ("SHORT", "MID")), start_day=DAY, end_day=date(2026, 3, 30)
    )
    assert request.body() == {
        "query": {
            "and": [
                {"operation": "EQ", "field_name": "hashtag_name", "field_values": ["yoga"]},
                {"operation": "EQ", "field_name": "region_code", "field_values": ["DE"]},
                {"operation": "IN", "field_name": "video_length", "field_values": ["SHORT", "MID"]},
            ]
        },
        "start_date": "20260301",
        "end_date": "20260330",
        "max_count": 100,
        "cursor": 0,
    }


@pytest.mark.parametrize(
    ("operation", "field", "values"),
    [
        ("LIKE", "hashtag_name", ("a",)),
        ("EQ", "view_count", ("5",)),
        ("EQ", "hashtag_name", ("a", "b")),
        ("EQ", "hashtag_name", ("",)),
        ("IN", "hashtag_name", ()),
        ("GT", "region_code", ("DE",)),
        ("EQ", "region_code", ("Germany",)),
        ("EQ", "video_length", ("TINY",)),
        ("EQ", "create_date", ("2026-03-01",)),
        ("IN", "video_id", tuple(str(number) for number in range(101))),
    ],
)
def test_condition_the_platform_would_refuse_is_refused_unpaid(
    operation: str, field: str, values: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(
            {"operation": operation, "field_name": field, "field_values": values}
        )


def test_query_needs_a_condition_and_a_window_of_at_most_30_days() -> None:
    with pytest.raises(ValidationError, match="needs a condition"):
        Query()
    for end_day in (date(2026, 2, 28), date(2026, 3, 31)):
        with pytest.raises(ValidationError, match="1 to 30 days"):
            VideoRequest(query=tagged(("yoga",), None), start_day=DAY, end_day=end_day)
        with pytest.raises(ValueError, match="1 to 30 days"):
            QueryCell("yoga", None, DAY, end_day)
    with pytest.raises(ValueError, match="two capital letters"):
        QueryCell("yoga", "de", DAY, DAY)
