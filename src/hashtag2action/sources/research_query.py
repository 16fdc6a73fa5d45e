"""The query language of the TikTok Research API, as types.

A query is three lists of conditions: all of `and`, any of `or`, none of `not`. Views, likes and
language cannot be asked for; those are decided afterwards.

Source: TikTok Research API, "Query Videos" specification.
"""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from hashtag2action.config import Config
from hashtag2action.sources.query import MAX_DAYS

Operation = Literal["EQ", "IN", "GT", "GTE", "LT", "LTE"]
FieldName = Literal[
    "create_date",
    "username",
    "region_code",
    "video_id",
    "hashtag_name",
    "keyword",
    "music_id",
    "effect_id",
    "video_length",
]
VideoLength = Literal["SHORT", "MID", "LONG", "EXTRA_LONG"]
"""Below 15 s, 15 s to 60 s, 1 to 5 minutes, longer."""

MAX_COUNT = 100
"""Most rows of one answer; fewer may come."""
VIDEO_FIELDS = (
    "id",
    "video_description",
    "create_time",
    "region_code",
    "share_count",
    "view_count",
    "like_count",
    "comment_count",
    "hashtag_names",
    "username",
    "video_duration",
)
"""Fields asked for: what a post record needs; speech, music and mentions are not."""

_PATTERNS = {
    "create_date": re.compile(r"[0-9]{8}"),
    "region_code": re.compile(r"[A-Z]{2}"),
    "video_id": re.compile(r"[0-9]{1,20}"),
    "music_id": re.compile(r"[0-9]{1,20}"),
    "effect_id": re.compile(r"[0-9]{1,20}"),
    "video_length": re.compile(r"SHORT|MID|LONG|EXTRA_LONG"),
}


class Condition(Config):
    """One comparison of a field with one value, or with a list of them (IN)."""

    operation: Operation
    field_name: FieldName
    field_values: Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_COUNT)]

    @model_validator(mode="after")
    def _is_spelled_as_the_platform_wants(self) -> Self:
        if self.operation != "IN" and len(self.field_values) != 1:
            raise ValueError(f"{self.operation} takes one value; use IN for a list")
        if self.operation not in {"EQ", "IN"} and self.field_name != "create_date":
            raise ValueError(f"{self.operation} compares create_date only")
        pattern = _PATTERNS.get(self.field_name)
        for value in self.field_values:
            if not value or (pattern and not pattern.fullmatch(value)):
                raise ValueError(f"{value[:40]!r} is no {self.field_name}")
        return self


class Query(Config):
    """Conditions joined: all of `and`, any of `or`, none of `not`."""

    all_of: tuple[Condition, ...] = Field(default=(), alias="and")
    any_of: tuple[Condition, ...] = Field(default=(), alias="or")
    none_of: tuple[Condition, ...] = Field(default=(), alias="not")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.all_of or self.any_of or self.none_of):
            raise ValueError("a query needs a condition")
        return self


class VideoRequest(Config):
    """The body of one video query: a query, a window of days and a place in its results."""

    query: Query
    start_day: date
    end_day: date
    cursor: Annotated[int, Field(ge=0)] = 0
    search_id: str | None = None
    max_count: Annotated[int, Field(ge=1, le=MAX_COUNT)] = MAX_COUNT

    @model_validator(mode="after")
    def _window_is_allowed(self) -> Self:
        if not 0 <= (self.end_day - self.start_day).days < MAX_DAYS:
            raise ValueError(f"a window has 1 to {MAX_DAYS} days")
        return self

    def body(self) -> dict[str, Any]:
        """Return the JSON body; lists without conditions and a missing search_id are left out."""
        query = self.query.model_dump(mode="json", by_alias=True)
        body: dict[str, Any] = {
            "query": {name: conditions for name, conditions in query.items() if conditions},
            "start_date": self.start_day.strftime("%Y%m%d"),
            "end_date": self.end_day.strftime("%Y%m%d"),
            "max_count": self.max_count,
            "cursor": self.cursor,
        }
        if self.search_id is not None:
            body["search_id"] = self.search_id
        return body


def tagged(
    hashtags: tuple[str, ...], region: str | None, lengths: tuple[VideoLength, ...] = ()
) -> Query:
    """Ask for posts with any of some tags, where given in one region and of some lengths."""
    operation = "EQ" if len(hashtags) == 1 else "IN"
    conditions = [Condition(operation=operation, field_name="hashtag_name", field_values=hashtags)]
    if region is not None:
        conditions.append(
            Condition(operation="EQ", field_name="region_code", field_values=(region,))
        )
    if lengths:
        conditions.append(
            Condition(operation="IN", field_name="video_length", field_values=lengths)
        )
    return Query.model_validate({"and": conditions})
