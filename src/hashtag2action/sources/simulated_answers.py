"""Evaluate queries of the Research API over a simulated platform."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import ValidationError

from hashtag2action.sources.research_query import Condition, Query, VideoRequest
from hashtag2action.sources.simulated_platform import REGIONS, Flags, Ints, SimulatedPlatform

_DAY_S = 86_400
_LENGTHS_S = {"SHORT": (0, 15), "MID": (15, 60), "LONG": (60, 300), "EXTRA_LONG": (300, 10**9)}


class RefusedError(Exception):
    """The platform does not answer a question; carries what it says instead."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def bad_query(message: str) -> RefusedError:
    """Refuse a question that is not understood."""
    return RefusedError(400, "invalid_params", message)


class PlatformIndex:
    """Finds the posts of a simulated platform that a question asks for, the newest first."""

    def __init__(self, platform: SimulatedPlatform, seed: int = 0) -> None:
        self.seed = seed
        self._platform = platform
        self._tags = {tag: number for number, tag in enumerate(platform.tags)}
        self._removed = np.zeros(len(platform.posts.group), np.bool_)
        self._search = lru_cache(maxsize=256)(self._find)

    def remove(self, post_ids: list[str]) -> None:
        """Take posts off the platform, as creators do."""
        self._removed[self._indices(tuple(post_ids))] = True
        self._search.cache_clear()

    def question(self, body: dict[str, Any]) -> VideoRequest:
        """Read the body of a question.

        Raises:
            RefusedError: A part is missing or has a wrong value.
        """
        try:
            return VideoRequest.model_validate(
                {
                    "query": body["query"],
                    "start_day": _date(body["start_date"]),
                    "end_day": _date(body["end_date"]),
                    "cursor": body.get("cursor", 0),
                    "search_id": body.get("search_id"),
                    "max_count": body.get("max_count", 20),
                }
            )
        except ValidationError as error:
            raise bad_query(str(error.errors()[0]["msg"])) from error
        except (KeyError, TypeError) as error:
            raise bad_query(f"missing or wrong: {error}") from error

    def search(self, question: VideoRequest) -> Ints:
        """Return the indices of the posts that match, the newest first."""
        query = question.query.model_dump_json(by_alias=True)
        return self._search(query, question.start_day, question.end_day)

    def video(self, post: int) -> dict[str, Any]:
        """Return a post as the API shows it."""
        posts = self._platform.posts
        tags = self._platform.tags_of(post)
        views = int(posts.num_views[post])
        creator = int(posts.creator[post])
        return {
            "id": int(posts.ids(np.array([post]))[0]),
            "video_description": f"by @user{creator} " + " ".join(f"#{tag}" for tag in tags),
            "create_time": int(posts.created_unix_s[post]),
            "region_code": REGIONS[int(posts.region[post])],
            "share_count": views // 200,
            "view_count": views,
            "like_count": views // 12,
            "comment_count": views // 150,
            "hashtag_names": tags,
            "username": f"user{creator}",
            "video_duration": int(posts.duration_s[post]),
        }

    def _find(self, query_json: str, start_day: date, end_day: date) -> Ints:
        query = Query.model_validate_json(query_json)
        found = self._candidates(query)
        created = self._platform.posts.created_unix_s
        first, last = np.searchsorted(created[found], (_unix(start_day), _unix(end_day) + _DAY_S))
        found = found[first:last]
        keep = ~self._removed[found]
        for condition in query.all_of:
            keep &= self._match(condition, found)
        if query.any_of:
            matches = [self._match(condition, found) for condition in query.any_of]
            keep &= np.logical_or.reduce(matches)
        for condition in query.none_of:
            keep &= ~self._match(condition, found)
        return found[keep][::-1]

    def _candidates(self, query: Query) -> Ints:
        """Return posts that may match, in the order of time."""
        for condition in query.all_of:
            if condition.field_name == "hashtag_name":
                return self._tagged(condition)
            if condition.field_name == "video_id":
                return np.unique(self._indices(condition.field_values))
        return np.arange(len(self._platform.posts.group))

    def _tagged(self, condition: Condition) -> Ints:
        tags = [self._tags[tag] for tag in condition.field_values if tag in self._tags]
        if not tags:
            return np.zeros(0, np.int64)
        if len(tags) == 1:
            return self._platform.posts_of(tags[0])
        return np.unique(np.concatenate([self._platform.posts_of(tag) for tag in tags]))

    def _indices(self, post_ids: tuple[str, ...]) -> Ints:
        """Return the indices of ids that exist."""
        posts = self._platform.posts
        given = (int(post_id) for post_id in post_ids)
        numbers = np.array([number for number in given if 0 <= number < 2**63], np.int64)
        indices = numbers & 0xFFFFFFFF
        indices, numbers = (values[indices < len(posts.group)] for values in (indices, numbers))
        return indices[posts.ids(indices) == numbers]

    def _match(self, condition: Condition, found: Ints) -> Flags:
        posts, values = self._platform.posts, condition.field_values
        match condition.field_name:
            case "hashtag_name":
                return np.isin(found, self._tagged(condition))
            case "video_id":
                return np.isin(found, self._indices(values))
            case "region_code":
                regions = [REGIONS.index(value) for value in values if value in REGIONS]
                return np.isin(posts.region[found], regions)
            case "username":
                users = [int(value[4:]) for value in values if value[4:].isdigit()]
                return np.isin(posts.creator[found], users)
            case "video_length":
                length = posts.duration_s[found]
                spans = [_LENGTHS_S[value] for value in values]
                return np.logical_or.reduce(
                    [(length >= low) & (length < high) for low, high in spans]
                )
            case "create_date":
                return _compare(condition, posts.created_unix_s[found])
            case _:
                raise bad_query(f"{condition.field_name} is not simulated")


def _compare(condition: Condition, created: Ints) -> Flags:
    days = [_unix(_date(value)) // _DAY_S for value in condition.field_values]
    found = created // _DAY_S
    match condition.operation:
        case "EQ" | "IN":
            return np.isin(found, days)
        case "GT":
            return found > days[0]
        case "GTE":
            return found >= days[0]
        case "LT":
            return found < days[0]
        case "LTE":
            return found <= days[0]


def _date(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise bad_query(f"{text[:20]!r} is no date") from error


def _unix(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(seconds=1)
