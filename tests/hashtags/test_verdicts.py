from typing import Any

import pytest

from hashtag2action.hashtags.verdicts import Thresholds, reason_for

LIMITS = Thresholds(min_posts=3, min_creators=2, min_views=100)


def row(**changes: Any) -> dict[str, Any]:
    good = {"num_posts": 50, "num_creators": 30, "num_views": 500, "is_proposed": True}
    return {**good, "specificity": 0.8, "group_npmi": 0.5, **changes}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"sensitive": "weapons"}, "sensitive:weapons"),
        ({"num_posts": 2}, "too_few_posts"),
        ({"num_creators": 1}, "too_few_creators"),
        ({"num_views": 99}, "too_few_views"),
        ({"num_views": 99, "num_views_estimated": 1_000}, None),
        ({"specificity": 0.1}, "generic"),
        ({"specificity": 0.1, "num_creators": 5}, None),
        ({"specificity": 0.1, "is_proposed": False}, None),
        ({"group_npmi": 0.0}, "not_an_action"),
        ({"num_judged": 2, "yield_mean": 0.9}, "not_judged"),
        ({"num_judged": 20, "yield_mean": 0.2}, "impure"),
        ({"num_judged": 20, "yield_mean": 0.6}, None),
        ({"duplicate_of": "gym"}, "duplicate_of:gym"),
        ({"specificity": None, "group_npmi": None}, None),
    ],
)
def test_each_rule_names_its_reason(changes: dict[str, Any], reason: str | None) -> None:
    assert reason_for(row(**changes), LIMITS) == reason
