"""Which question follows which, when a window of days is asked page by page.

A 500 or a fault of the cursor halves the window, down to one day; a day that fails again is given
up with its reason. In the middle of a window, whose pages are paid already, and on a single day one
more try comes first. A `search_id` never leaves its window. All of it depends on the answers
alone, so the same answers lead through the same questions again.
"""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from hashtag2action.sources.page_store import Answer
from hashtag2action.sources.research_query import Query, VideoRequest


@dataclass(frozen=True)
class Fault:
    """An answer that is no page."""

    reason: str
    is_search_id: bool = False


@dataclass(frozen=True)
class Videos:
    """An answer that is a page."""

    videos: list[Any]
    cursor: int
    search_id: str | None
    has_more: bool


class WindowWalk:
    """One query over a window of days."""

    def __init__(self, query: Query, start_day: date, end_day: date) -> None:
        self._query = query
        self._windows = [(start_day, end_day)]
        self._faults: list[str] = []
        self._begin()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to ask."""
        return not self._windows

    def request(self) -> VideoRequest:
        """Return the question to ask now."""
        start_day, end_day = self._windows[0]
        return VideoRequest(
            query=self._query,
            start_day=start_day,
            end_day=end_day,
            cursor=self._cursor,
            search_id=self._search_id,
        )

    def take(self, answer: Answer) -> list[Any] | None:
        """Move on by the answer to `request`; return its videos, or None where it is no page."""
        found = read_answer(answer)
        if isinstance(found, Fault):
            self._retry_or_split(found)
            return None
        if found.has_more and found.cursor <= self._cursor:
            self._split(f"the cursor stays at {found.cursor}")
        elif found.has_more:
            self._cursor, self._search_id = found.cursor, found.search_id
            self._was_retried = False
        else:
            self._windows.pop(0)
            self._begin()
        return found.videos

    def take_faults(self) -> tuple[str, ...]:
        """Return the days given up since the last call, with their reasons."""
        faults = tuple(self._faults)
        self._faults.clear()
        return faults

    def _begin(self) -> None:
        self._cursor = 0
        self._search_id: str | None = None
        self._was_retried = False

    def _retry_or_split(self, fault: Fault) -> None:
        start_day, end_day = self._windows[0]
        if not self._was_retried and (self._cursor > 0 or start_day == end_day):
            self._was_retried = True
            if fault.is_search_id:
                self._search_id = None
            return
        self._split(fault.reason)

    def _split(self, reason: str) -> None:
        start_day, end_day = self._windows.pop(0)
        num_days = (end_day - start_day).days + 1
        if num_days > 1:
            middle = start_day + timedelta(days=num_days // 2)
            self._windows[:0] = [(start_day, middle - timedelta(days=1)), (middle, end_day)]
        else:
            self._faults.append(f"{start_day}..{end_day}: {reason}")
        self._begin()


def read_answer(answer: Answer) -> Videos | Fault:
    """Read a kept answer as a page, or say why it is none."""
    try:
        values = json.loads(answer.body)
    except (ValueError, RecursionError):
        values = {}
    values = values if isinstance(values, dict) else {}
    error = values.get("error")
    error = error if isinstance(error, dict) else {}
    if answer.status != 200 or error.get("code", "ok") != "ok":
        message = str(error.get("message") or error.get("code") or "no message")[:200]
        is_search_id = "search id" in message.lower() or "search_id" in message.lower()
        return Fault(f"HTTP {answer.status}: {message!a}", is_search_id)
    data = values.get("data")
    return _read_data(data) if isinstance(data, dict) else Fault("HTTP 200 without data")


def _read_data(data: dict[str, Any]) -> Videos | Fault:
    videos, cursor, has_more = data.get("videos"), data.get("cursor"), data.get("has_more", False)
    search_id = data.get("search_id")
    if not isinstance(videos, list | None) or not isinstance(has_more, bool):
        return Fault("data that cannot be read")
    if not isinstance(cursor, int) or not 0 <= cursor < 2**53:
        if has_more:
            return Fault(f"a cursor that cannot be read: {str(cursor)[:40]!a}")
        cursor = 0
    return Videos(videos or [], cursor, str(search_id) if search_id else None, has_more)
