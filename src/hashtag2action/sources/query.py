"""What a platform that can be searched by tag is, seen from the mining loop.

    with ResearchApi(...).open(folder) as search:       # or YouTube(...), the same protocol
        page = search.next_page(QueryCell("yoga", "DE", date(2026, 3, 1), date(2026, 3, 30)))

A cell is asked page by page. Every answer is on disk before the caller sees it, so a new search
over the same folder gives the same pages of the same cells again, in any order of cells, unpaid.
"""

import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

MAX_DAYS = 30
"""Longest window of one cell, both ends counted.

Source: TikTok Research API, video query: end_date at most 30 days after start_date.
"""


@dataclass(frozen=True, order=True)
class QueryCell:
    """One question to a platform: tags, where, and a window of days (UTC, both inclusive).

    A post that carries any of the tags is an answer.

    Raises:
        ValueError: The tag is empty, the region is no country code, or the window is empty or
            longer than 30 days.
    """

    hashtag: str
    region: str | None
    start_day: date
    end_day: date
    also: tuple[str, ...] = ()
    """Further tags, where the platform takes several: `PostSearch.max_hashtags`."""

    def __post_init__(self) -> None:
        if not all(self.hashtags):
            raise ValueError("a cell needs a tag")
        if self.region is not None and not re.fullmatch(r"[A-Z]{2}", self.region):
            raise ValueError(f"a region is two capital letters, found {self.region!r}")
        if not 1 <= self.num_days <= MAX_DAYS:
            raise ValueError(
                f"a window has 1 to {MAX_DAYS} days, found {self.start_day} to {self.end_day}"
            )

    @property
    def hashtags(self) -> tuple[str, ...]:
        """All tags, in the order they are named."""
        return (self.hashtag, *self.also)

    @property
    def num_days(self) -> int:
        """Days in the window."""
        return (self.end_day - self.start_day).days + 1


@dataclass(frozen=True)
class Page:
    """Posts of one paid answer.

    `cost` is equal in a replay and in the first run, so a budget counted in it leads to the same
    decisions after a crash; `num_requests` is what was paid in this process.
    """

    cell: QueryCell
    number: int
    """Place among the cell's pages, from 0."""
    rows: list[dict[str, Any]]
    """POST values and `reject_reason`; 0 to 100 rows; a post appears once in a cell."""
    is_last: bool
    """Nothing more will come from this cell; asking again is a programming error."""
    cost: int
    """Requests this page took, failures on the way to it included, whenever they were paid."""
    num_requests: int
    """Those of them paid now: 0 when the page was replayed."""
    page_hash: str
    """16 hexadecimal digits of the raw answer: provenance of its rows."""
    faults: tuple[str, ...] = ()
    """Days given up on the way to this page, '<first day>..<last day>: <reason>'."""


class PostSearch(AbstractContextManager["PostSearch"], Protocol):
    """An open search: one process, one folder of answers, one quota. Leaving it closes it."""

    platform: str
    max_hashtags: int
    """Most tags of one cell."""

    def requests_left(self) -> int:
        """Return how many requests today's quota still pays for."""
        ...

    def next_page(self, cell: QueryCell) -> Page:
        """Return the next page of a cell, from disk or from the platform.

        The first call for a cell gives page 0. A cell without posts has one page of no rows.

        Raises:
            QuotaExhaustedError: The page is not on disk and today's quota is used up.
            SourceError: The platform refuses, or cannot be reached.
        """
        ...

    def close(self) -> None:
        """Close the connection and give the folder free."""
        ...


class SearchSource(Protocol):
    """Settings that open into a search; what a mining recipe names as its platform."""

    def open(self, folder: Path) -> PostSearch:
        """Open a search whose answers are kept in a folder.

        Raises:
            SourceError: Credentials are missing, or another process holds the folder.
        """
        ...
