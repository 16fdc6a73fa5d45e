"""Search YouTube by tag through its Data API: the second platform behind `PostSearch`.

A page is one search (100 units) and the details of its videos (1 unit for up to 50). The platform
states no shares, and no region of a video: a row carries the region that was asked for. Its short
videos are those below four minutes. Its developer policies forbid downloading, so rows name no
file.

Source: YouTube Data API v3, `search.list`, `videos.list`, quota costs.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import httpx
from pydantic import Field

from hashtag2action.config import Config, key_of
from hashtag2action.sources.cell_pages import cell_key
from hashtag2action.sources.page_store import Answer, PageStore
from hashtag2action.sources.paid_client import Clock, PaidClient, SystemClock
from hashtag2action.sources.paid_search import PaidSearch
from hashtag2action.sources.post_rows import RowReader
from hashtag2action.sources.query import Page, QueryCell
from hashtag2action.sources.research_transport import secret_from
from hashtag2action.sources.youtube_transport import YouTubeTransport

SEARCH_UNITS = 100
DETAILS_UNITS = 1
"""Units of a day's quota that search.list and videos.list cost. Source: the API's own pages."""
VIDEOS_PER_PAGE = 50
"""Most results of one search and most ids of one look-up."""
PACIFIC = ZoneInfo("America/Los_Angeles")
"""Zone in which the platform's quota days begin."""
MAX_TRIES = 3
"""Tries of a question that brings a 5xx before its cell is given up (chosen)."""
_HASHTAG = re.compile(r"#(\w{1,150})")

_COLUMNS = {
    name: name
    for name in (
        "post_id", "hashtags", "description", "created_unix_s", "region", "duration_s",
        "num_views", "num_likes", "num_comments", "license",
    )
}  # fmt: skip


class YouTube(Config):
    """The YouTube Data API: metadata of public videos below four minutes."""

    kind: Literal["youtube"] = "youtube"
    base_url: str = "https://www.googleapis.com/youtube/v3"
    """Where the API is."""
    api_key_variable: str = "YOUTUBE_API_KEY"
    """Environment variable that holds the API key."""
    daily_units: Annotated[int, Field(ge=1)] = 10_000
    """Units a day; the quota begins anew at midnight Pacific time. Source: Data API, quota."""
    license: Literal["any", "creativeCommon", "youtube"] = "creativeCommon"
    """Licence asked for (chosen: the only one that lets others use a video)."""
    language: str | None = None
    """Language results should be in, ISO 639-1."""
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait for one answer, seconds (chosen)."""
    salt: str = "hashtag2action"
    """Secret that channels are hashed with; set your own for data you pass on."""
    hash_ids: bool = False
    """Hash video ids with the same secret."""

    runtime_fields: ClassVar[tuple[str, ...]] = (
        "base_url",
        "api_key_variable",
        "daily_units",
        "timeout_s",
    )

    def open(self, folder: Path, clock: Clock | None = None) -> "YouTubeSearch":
        """Open a search whose answers are kept in a folder.

        Raises:
            SourceError: The key is not set, or another process holds the folder.
        """
        return YouTubeSearch(self, folder, clock or SystemClock())


class YouTubeSearch(PaidSearch):
    """An open search of the Data API; see `PostSearch`."""

    platform = "youtube"
    max_hashtags = 1

    def __init__(self, config: YouTube, folder: Path, clock: Clock) -> None:
        key = secret_from(config.api_key_variable)
        self._config = config
        client = httpx.Client(base_url=config.base_url, timeout=config.timeout_s)
        super().__init__(PageStore(folder), client, self._walk)
        transport = YouTubeTransport(client, key, config.salt)
        self._paid = PaidClient(transport, self._store, config.daily_units, PACIFIC, clock)
        self._reader = RowReader(self.platform, config.salt, _COLUMNS, config.hash_ids)

    def requests_left(self) -> int:
        """Return how many pages, each a search and its details, today's quota still pays for."""
        return self._paid.units_left() // (SEARCH_UNITS + DETAILS_UNITS)

    def _walk(self, cell: QueryCell) -> Iterator[Page]:
        config = self._config
        key = cell_key(self.platform, cell, config.license, config.language, config.salt)
        steps = _Steps(self._paid, key)
        token: str | None = None
        seen: set[str] = set()
        number = 0
        while True:
            found = steps.ask(self._search_request(cell, token), SEARCH_UNITS)
            ids = [video_id for video_id in _video_ids(found) if video_id not in seen]
            seen.update(ids)
            details = steps.ask(_details_request(ids), DETAILS_UNITS) if ids else {}
            rows = [self._row(item, cell) for item in _items(details)]
            last_token, token = token, found.get("nextPageToken")
            is_last = steps.fault is not None or not isinstance(token, str) or token == last_token
            yield Page(
                cell=cell,
                number=number,
                rows=rows,
                is_last=is_last,
                cost=steps.cost,
                num_requests=steps.num_requests,
                page_hash=key_of(found, details),
                faults=(f"{cell.start_day}..{cell.end_day}: {steps.fault}",) if steps.fault else (),
            )
            if is_last:
                return
            steps.cost = steps.num_requests = 0
            number += 1

    def _search_request(self, cell: QueryCell, token: str | None) -> dict[str, Any]:
        after = datetime.combine(cell.start_day, time(), UTC)
        before = datetime.combine(cell.end_day + timedelta(days=1), time(), UTC)
        request: dict[str, Any] = {
            "method": "search",
            "part": "id",
            "q": f"#{cell.hashtag}",
            "type": "video",
            "videoDuration": "short",
            "videoLicense": self._config.license,
            "publishedAfter": after.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "publishedBefore": before.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "order": "date",
            "maxResults": VIDEOS_PER_PAGE,
        }
        optional = {
            "regionCode": cell.region,
            "relevanceLanguage": self._config.language,
            "pageToken": token,
        }
        return request | {name: value for name, value in optional.items() if value is not None}

    def _row(self, item: Any, cell: QueryCell) -> dict[str, Any]:
        item = item if isinstance(item, dict) else {}
        parts = [item.get(name) for name in ("snippet", "contentDetails", "statistics", "status")]
        snippet, content, counts, status = (
            part if isinstance(part, dict) else {} for part in parts
        )
        text = f"{snippet.get('title', '')} {snippet.get('description', '')}".strip()
        keywords = snippet.get("tags")
        values = {
            "post_id": item.get("id"),
            "hashtags": _HASHTAG.findall(text) + (keywords if isinstance(keywords, list) else []),
            "description": text,
            "created_unix_s": snippet.get("publishedAt"),
            "region": cell.region,
            "duration_s": content.get("duration"),
            "num_views": counts.get("viewCount"),
            "num_likes": counts.get("likeCount"),
            "num_comments": counts.get("commentCount"),
            "license": status.get("license"),
        }
        name = f"unread-{key_of(str(item))}"
        return {**self._reader.read(name, values), "creator": snippet.get("creator")}


class _Steps:
    """The questions of one cell, in order; a 5xx is tried again, and then ends the cell."""

    def __init__(self, paid: PaidClient, key: str) -> None:
        self._paid = paid
        self._key = key
        self._place = 0
        self.cost = 0
        self.num_requests = 0
        self.fault: str | None = None

    def ask(self, request: dict[str, Any], units: int) -> dict[str, Any]:
        """Return an answer as a JSON object; an empty one where the cell has to be given up."""
        if self.fault is not None:
            return {}
        status = 0
        for _ in range(MAX_TRIES):
            answer, is_new = self._paid.ask(self._key, self._place, request, units)
            self._place += 1
            # A page is counted by its search: the details cost a hundredth of it.
            self.cost += units == SEARCH_UNITS
            self.num_requests += is_new and units == SEARCH_UNITS
            status = answer.status
            if status == 200:
                return _object(answer)
        self.fault = f"HTTP {status}, {MAX_TRIES} times"
        return {}


def _details_request(ids: list[str]) -> dict[str, Any]:
    return {
        "method": "videos",
        "part": "snippet,contentDetails,statistics,status",
        "id": ",".join(ids),
        "maxResults": VIDEOS_PER_PAGE,
    }


def _object(answer: Answer) -> dict[str, Any]:
    try:
        values = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return values if isinstance(values, dict) else {}


def _items(values: dict[str, Any]) -> list[Any]:
    items = values.get("items")
    return items if isinstance(items, list) else []


def _video_ids(values: dict[str, Any]) -> list[str]:
    """Return the ids of a search's videos, each once."""
    ids = []
    for item in _items(values)[:VIDEOS_PER_PAGE]:
        identity = item.get("id") if isinstance(item, dict) else None
        video_id = identity.get("videoId") if isinstance(identity, dict) else None
        if isinstance(video_id, str) and re.fullmatch(r"[\w-]{1,64}", video_id, re.ASCII):
            ids.append(video_id)
    return list(dict.fromkeys(ids))
