"""Which tags are kept, and why the others are not: every threshold on tags lives here."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from hashtag2action.config import Config


class Thresholds(Config):
    """What a tag must show to be kept. Rules are tried in the order of the fields."""

    min_posts: Annotated[int, Field(ge=1)] = 3
    """Fewest posts that must carry a tag (chosen: below it nothing can be said of a tag)."""
    min_creators: Annotated[int, Field(ge=1)] = 2
    """Fewest creators: the reach of a single one says nothing about an action."""
    min_views: Annotated[int, Field(ge=0)] = 0
    """Fewest views of all posts with the tag."""
    min_specificity: Annotated[float, Field(ge=0, le=1)] = 0.4
    """Least specificity (chosen: between the tags that ask for reach, 0.22 to 0.39, and those that
    name something, from 0.41, in 17,559 posts of 2020 and 2025). Asked of tags that
    company proposed."""
    generic_creators: Annotated[int, Field(ge=1)] = 20
    """Creators from which on a tag can be called generic (chosen: what few use is no habit)."""
    min_group_npmi: Annotated[float, Field(ge=-1, le=1)] = 0.2
    """Least NPMI of a tag found in posts with the tags of its action group (chosen)."""
    min_yield: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Least share of a tag's posts that survive curation (chosen: more hit than miss)."""
    min_judged: Annotated[int, Field(ge=1)] = 8
    """Posts of a tag that must have been curated before its yield is believed (chosen)."""
    max_overlap: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Largest share of a tag's posts that may carry a more viewed tag of the group (chosen)."""


def reason_for(row: Mapping[str, Any], limits: Thresholds) -> str | None:
    """Return why a tag is not kept, or None.

    Args:
        row: Evidence; a measure that was not taken is absent or null and breaks no rule.
        limits: The thresholds.
    """
    # A class list or a person named the others: small archives must not overrule them.
    may_be_generic = row["is_proposed"] and row["num_creators"] >= limits.generic_creators
    is_judged = row.get("num_judged") is not None
    views = row.get("num_views_estimated") or row["num_views"]
    rules = (
        (f"sensitive:{row.get('sensitive')}", bool(row.get("sensitive"))),
        ("too_few_posts", row["num_posts"] < limits.min_posts),
        ("too_few_creators", row["num_creators"] < limits.min_creators),
        ("too_few_views", views < limits.min_views),
        ("generic", may_be_generic and _below(row.get("specificity"), limits.min_specificity)),
        ("not_an_action", _below(row.get("group_npmi"), limits.min_group_npmi)),
        ("not_judged", is_judged and row["num_judged"] < limits.min_judged),
        ("impure", is_judged and _below(row["yield_mean"], limits.min_yield)),
        (f"duplicate_of:{row.get('duplicate_of')}", bool(row.get("duplicate_of"))),
    )
    return next((reason for reason, is_broken in rules if is_broken), None)


def _below(value: float | None, limit: float) -> bool:
    return value is not None and value < limit
