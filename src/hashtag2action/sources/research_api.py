"""Search TikTok by tag through its Research API: settings, windows and pages.

Every answer is kept before it is used (`page_store`), and the questions of a cell follow from its
answers alone (`research_windows`), so a search over the same folder gives the same pages, unpaid.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import httpx
from pydantic import Field

from hashtag2action.config import Config, key_of
from hashtag2action.sources.cell_pages import cell_key
from hashtag2action.sources.page_store import PageStore
from hashtag2action.sources.paid_client import Clock, PaidClient, SystemClock
from hashtag2action.sources.paid_search import PaidSearch
from hashtag2action.sources.post_rows import RESEARCH_API_COLUMNS, RowReader
from hashtag2action.sources.query import Page, QueryCell
from hashtag2action.sources.research_query import MAX_COUNT, VideoLength, tagged
from hashtag2action.sources.research_recheck import WITHDRAWN, recheck
from hashtag2action.sources.research_transport import ResearchTransport, secret_from
from hashtag2action.sources.research_windows import WindowWalk

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
    """Hash post ids with the same secret; the answers on disk keep them, look-ups need them."""

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


class ResearchSearch(PaidSearch):
    """An open search of the Research API; see `PostSearch`."""

    platform = "tiktok"
    max_hashtags = MAX_COUNT
    """Source: the specification states no limit for a list; this one is chosen."""

    def __init__(self, config: ResearchApi, folder: Path, clock: Clock) -> None:
        key = secret_from(config.client_key_variable)
        secret = secret_from(config.client_secret_variable)
        self._config = config
        self._folder = folder
        client = httpx.Client(base_url=config.base_url, timeout=config.timeout_s)
        super().__init__(PageStore(folder), client, self._walk)
        transport = ResearchTransport(client, key, secret, clock, config.salt)
        self._paid = PaidClient(transport, self._store, config.daily_requests, UTC, clock)
        self._reader = RowReader(
            platform=self.platform,
            salt=config.salt,
            columns=ANSWER_COLUMNS,
            hash_ids=config.hash_ids,
        )

    def requests_left(self) -> int:
        """Return how many requests today's quota still pays for."""
        return self._paid.units_left()

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
        config = self._config
        return recheck(
            self._paid,
            self._store,
            self._folder / "withdrawn.txt",
            set(post_ids),
            config.recheck_days,
            config.salt if config.hash_ids else None,
        )

    def _walk(self, cell: QueryCell) -> Iterator[Page]:
        config = self._config
        key = cell_key(self.platform, cell, config.video_lengths, config.salt)
        query = tagged(cell.hashtags, cell.region, config.video_lengths)
        walk = WindowWalk(query, cell.start_day, cell.end_day)
        seen: set[str] = set()
        number = place = cost = num_requests = 0
        while not walk.is_done:
            answer, is_new = self._paid.ask(key, place, walk.request().body())
            place += 1
            cost += answer.cost
            num_requests += is_new
            videos = walk.take(answer)
            if videos is None and not walk.is_done:
                continue
            yield Page(
                cell=cell,
                number=number,
                rows=self._rows(videos or [], seen),
                is_last=walk.is_done,
                cost=cost,
                num_requests=num_requests,
                page_hash=key_of(answer.request, answer.body),
                faults=walk.take_faults(),
            )
            number, cost, num_requests = number + 1, 0, 0

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
            if video.get(WITHDRAWN):
                row["reject_reason"] = "withdrawn"
            rows.append(row)
        return rows
