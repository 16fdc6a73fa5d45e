"""Search TikTok by tag through its Research API: settings, windows and pages.

A cell's window is asked page by page. A 500 or a fault of the cursor halves the window, down to
one day; a day that fails again is given up and recorded with its reason. Which question follows
which depends on the answers alone, so the answers on disk lead through the same steps again.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, ClassVar, Literal, Self

import httpx
from pydantic import Field

from hashtag2action.config import Config, key_of
from hashtag2action.errors import SourceError
from hashtag2action.sources.page_store import Answer, PageStore
from hashtag2action.sources.paid_client import Clock, PaidClient, SystemClock
from hashtag2action.sources.post_rows import RESEARCH_API_COLUMNS, RowReader
from hashtag2action.sources.query import Page, QueryCell
from hashtag2action.sources.research_query import VideoLength, VideoRequest, tagged
from hashtag2action.sources.research_recheck import recheck
from hashtag2action.sources.research_transport import ResearchTransport, secret_from

_log = logging.getLogger(__name__)

ANSWER_COLUMNS = {
    name: field
    for name, field in RESEARCH_API_COLUMNS.items()
    if name not in {"license", "file", "creator"}
}
"""Our column <- field of a kept answer; the creator was hashed before it was kept."""


class ResearchApi(Config):
    """The TikTok Research API: metadata of public posts for approved research."""

    kind: Literal["research_api"] = "research_api"
    base_url: str = "https://open.tiktokapis.com"
    """Where the API is."""
    client_key_variable: str = "TIKTOK_CLIENT_KEY"
    """Environment variable that holds the client key."""
    client_secret_variable: str = "TIKTOK_CLIENT_SECRET"
    """Environment variable that holds the client secret."""
    daily_requests: Annotated[int, Field(ge=1)] = 1_000
    """Requests a day; the quota begins anew at 00:00 UTC. Source: Research API, FAQ."""
    video_lengths: tuple[VideoLength, ...] = ()
    """Lengths asked for; empty asks for all."""
    recheck_days: Annotated[int, Field(ge=1)] = 15
    """Days after which a post is looked up again, to withdraw it if it is gone. Source: Research
    API terms of service, 2023."""
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait for one answer, seconds (chosen)."""
    salt: str = "hashtag2action"
    """Secret that user names are hashed with; set your own for data you pass on."""
    hash_ids: bool = False
    """Hash post ids with the same secret."""

    runtime_fields: ClassVar[tuple[str, ...]] = (
        "base_url",
        "client_key_variable",
        "client_secret_variable",
        "daily_requests",
        "timeout_s",
    )

    def open(self, folder: Path, clock: Clock | None = None) -> "ResearchSearch":
        """Open a search whose answers are kept in a folder.

        Raises:
            SourceError: A credential is not set, or another process holds the folder.
        """
        return ResearchSearch(self, folder, clock or SystemClock())


@dataclass(frozen=True)
class _Fault:
    """An answer that is no page."""

    reason: str
    is_search_id: bool = False


@dataclass(frozen=True)
class _Videos:
    """An answer that is a page."""

    videos: list[Any]
    cursor: int
    search_id: str | None
    has_more: bool


class ResearchSearch:
    """An open search of the Research API; see `PostSearch`."""

    platform = "tiktok"

    def __init__(self, config: ResearchApi, folder: Path, clock: Clock) -> None:
        key = secret_from(config.client_key_variable)
        secret = secret_from(config.client_secret_variable)
        self._config = config
        self._folder = folder
        self._clock = clock
        self._store = PageStore(folder)
        self._client = httpx.Client(base_url=config.base_url, timeout=config.timeout_s)
        transport = ResearchTransport(self._client, key, secret, clock, config.salt)
        self._paid = PaidClient(transport, self._store, config.daily_requests, UTC, clock)
        self._reader = RowReader(
            platform=self.platform,
            salt=config.salt,
            columns=ANSWER_COLUMNS,
            hash_ids=config.hash_ids,
        )
        self._walks: dict[QueryCell, Iterator[Page]] = {}
        self._num_given: dict[QueryCell, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and give the folder free."""
        self._client.close()
        self._store.close()

    def requests_left(self) -> int:
        """Return how many requests today's quota still pays for."""
        return self._paid.units_left()

    def next_page(self, cell: QueryCell) -> Page:
        """Return the next page of a cell, from disk or from the platform.

        Raises:
            QuotaExhaustedError: The page is not on disk and today's quota is used up.
            SourceError: The platform refuses, or cannot be reached.
        """
        if cell not in self._walks:
            self._walks[cell] = self._walk(cell)
            # A walk that an error ended is taken up again: what it gave before is on disk.
            for _ in range(self._num_given.get(cell, 0)):
                next(self._walks[cell])
        try:
            page = next(self._walks[cell])
        except SourceError:
            del self._walks[cell]
            raise
        self._num_given[cell] = page.number + 1
        return page

    def recheck(self, post_ids: Iterable[str]) -> list[str]:
        """Look posts up again that were not seen for `recheck_days`, and withdraw those gone.

        Args:
            post_ids: Ids as they stand in the posts table; those not collected here are left out.

        Returns:
            Every id withdrawn so far; `withdrawn.txt` in the search's folder lists the same.

        Raises:
            QuotaExhaustedError: Today's quota is used up; the next call goes on.
            SourceError: The platform refuses, or cannot be reached.
        """
        today = self._clock.now().astimezone(UTC).date()
        config = self._config
        return recheck(
            self._paid, self._store, self._folder / "withdrawn.txt", set(post_ids), today,
            config.recheck_days, config.salt if config.hash_ids else None,
        )  # fmt: skip

    def _walk(self, cell: QueryCell) -> Iterator[Page]:
        key = key_of("cell", self._config.video_lengths, self._config.salt, _spelled(cell))
        query = tagged(cell.hashtag, cell.region, self._config.video_lengths)
        windows = [cell]
        seen: set[str] = set()
        number = place = cost = num_requests = 0
        faults: list[str] = []
        is_last = False
        while windows:
            window = windows.pop(0)
            cursor, search_id, was_retried = 0, None, False
            while True:
                request = VideoRequest(
                    query=query,
                    start_day=window.start_day,
                    end_day=window.end_day,
                    cursor=cursor,
                    search_id=search_id,
                )
                answer, is_new = self._paid.ask(key, place, request.body())
                place += 1
                cost += answer.cost
                num_requests += is_new
                found = _read(answer)
                fault = found if isinstance(found, _Fault) else None
                if fault and not was_retried and (cursor > 0 or window.num_days == 1):
                    # Pages of this window are paid already: one more try is cheaper than halves.
                    was_retried = True
                    search_id = None if fault.is_search_id else search_id
                    continue
                if isinstance(found, _Videos):
                    if found.has_more and found.cursor <= cursor:
                        fault = _Fault(f"the cursor stays at {found.cursor}")
                    is_last = not windows and not found.has_more
                    rows = self._rows(found.videos, seen)
                    yield Page(cell, number, rows, is_last, cost, num_requests, _hash(answer),
                               tuple(faults))  # fmt: skip
                    number, cost, num_requests = number + 1, 0, 0
                    faults.clear()
                if fault and window.num_days > 1:
                    windows[:0] = window.halves()
                elif fault:
                    faults.append(f"{window.start_day}..{window.end_day}: {fault.reason}")
                    _log.warning("#%s, %s: %s", cell.hashtag, window.start_day, fault.reason)
                if fault or (isinstance(found, _Videos) and not found.has_more):
                    break
                assert isinstance(found, _Videos)
                cursor, search_id, was_retried = found.cursor, found.search_id, False
        if not is_last:
            yield Page(cell, number, [], True, cost, num_requests, "", tuple(faults))

    def _rows(self, videos: list[Any], seen: set[str]) -> list[dict[str, Any]]:
        """Read the posts of an answer that this cell has not given before."""
        rows = []
        for video in videos:
            if not isinstance(video, dict):
                name = f"unread-{len(seen)}"
                seen.add(name)
                rows.append(self._reader.read(name, "not a JSON object"))
                continue
            identity = str(video.get("id"))[:200]
            if identity in seen:
                continue
            seen.add(identity)
            row = self._reader.read(f"unread-{len(seen)}", video)
            row["creator"] = video.get("creator")
            rows.append(row)
        return rows


def _spelled(cell: QueryCell) -> list[str | None]:
    return [cell.hashtag, cell.region, cell.start_day.isoformat(), cell.end_day.isoformat()]


def _hash(answer: Answer) -> str:
    return key_of(answer.request, answer.body)


def _read(answer: Answer) -> _Videos | _Fault:
    """Read a kept answer as a page, or say why it is none."""
    try:
        values = json.loads(answer.body)
    except (ValueError, RecursionError):
        values = {}
    values = values if isinstance(values, dict) else {}
    error = values.get("error")
    error = error if isinstance(error, dict) else {}
    message = str(error.get("message") or error.get("code") or "no message")[:200]
    if answer.status != 200 or error.get("code", "ok") != "ok":
        is_search_id = "search id" in message.lower() or "search_id" in message.lower()
        return _Fault(f"HTTP {answer.status}: {ascii(message)}", is_search_id)
    data = values.get("data")
    if not isinstance(data, dict):
        return _Fault("HTTP 200 without data")
    videos, cursor, has_more = data.get("videos"), data.get("cursor"), data.get("has_more", False)
    search_id = data.get("search_id")
    if not isinstance(videos, list | None) or not isinstance(has_more, bool):
        return _Fault("data that cannot be read")
    if has_more and not (isinstance(cursor, int) and 0 <= cursor < 2**53):
        return _Fault(f"a cursor that cannot be read: {ascii(str(cursor)[:40])}")
    cursor = cursor if isinstance(cursor, int) else 0
    return _Videos(videos or [], cursor, str(search_id) if search_id else None, has_more)
