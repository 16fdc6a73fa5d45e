"""Send questions that cost quota: each once, within the day's quota, with patience.

What belongs to one platform (addresses, credentials, what a refusal looks like) is behind
`Platform`; what every platform needs (the ledger, waiting, a process killed in between) is here.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from typing import Any, Literal, Protocol

import httpx

from hashtag2action.errors import QuotaExhaustedError, SourceError
from hashtag2action.sources.page_store import Answer, PageStore

Verdict = Literal["answered", "throttled", "exhausted", "unauthorized"]
"""Paid and to be kept (failures too); too fast; quota used up; the token is not valid any more."""

FIRST_WAIT_S = 10.0
"""Wait after a refusal that names none (chosen: what users of the Research API report to work)."""
MAX_WAIT_S = 900.0
"""Longest single wait; each is twice the one before (chosen)."""
MAX_TRIES = 8
"""Tries of one question before the run stops; with the waits above, 50 minutes (chosen)."""


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> datetime:
        """Return the time, with its zone."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Platform(Protocol):
    """What the paid client has to know of a platform."""

    name: str

    def prepare(self) -> None:
        """Get a token where one is missing or about to expire; free of quota."""
        ...

    def renew(self) -> None:
        """Forget a token that was refused."""
        ...

    def send(self, request: dict[str, Any]) -> httpx.Response:
        """Send one question."""
        ...

    def judge(self, response: httpx.Response) -> Verdict:
        """Say what a response means.

        Raises:
            SourceError: The platform will not answer this, however often it is asked.
        """
        ...

    def body_to_keep(self, response: httpx.Response) -> str:
        """Return what is kept of a response: all of it but the names of persons."""
        ...


@dataclass(frozen=True)
class _Trouble:
    """Why a try brought no answer, and how long the platform asks to wait."""

    what: str
    wait_s: float | None = None


class PaidClient:
    """Answers from disk, or from the platform within the day's quota."""

    def __init__(
        self, platform: Platform, store: PageStore, daily_units: int, zone: tzinfo, clock: Clock
    ) -> None:
        self._platform = platform
        self._store = store
        self._daily_units = daily_units
        self._zone = zone
        self._clock = clock

    def units_left(self) -> int:
        """Return the units of today's quota that are not spent."""
        day = self.today()
        if self._store.is_exhausted(day):
            return 0
        return max(0, self._daily_units - self._store.spent(day))

    def today(self) -> str:
        """Return the quota day, YYYYMMDD in the platform's zone."""
        return self._clock.now().astimezone(self._zone).strftime("%Y%m%d")

    def ask(
        self, key: str, number: int, request: dict[str, Any], cost: int = 1
    ) -> tuple[Answer, bool]:
        """Return the answer at a place of a question, and whether it was paid now.

        Raises:
            QuotaExhaustedError: It is not on disk, and today's quota does not pay for it.
            SourceError: The platform refuses, or does not answer at all.
        """
        kept = self._store.get(key, number)
        if kept is not None:
            if kept.request != request:
                raise SourceError(
                    f"answer {key}/{number} on disk belongs to another question; "
                    "was it paid with an earlier version? Use another folder"
                )
            return kept, False
        outcome = _Trouble("")
        for attempt in range(MAX_TRIES):
            if attempt:
                wait_s = outcome.wait_s
                self._clock.sleep(
                    min(FIRST_WAIT_S * 2 ** (attempt - 1) if wait_s is None else wait_s, MAX_WAIT_S)
                )
            outcome = self._try(key, number, request, cost)
            if isinstance(outcome, Answer):
                return outcome, True
        raise SourceError(f"{self._platform.name}: {MAX_TRIES} tries, and still {outcome.what}")

    def _try(
        self, key: str, number: int, request: dict[str, Any], cost: int
    ) -> "Answer | _Trouble":
        try:
            self._platform.prepare()
        except httpx.TransportError as error:
            return _Trouble(f"no connection ({type(error).__name__})")
        day = self.today()
        if self.units_left() < cost:
            raise self._exhausted()
        self._store.announce(key, number, day, cost)
        is_known = False
        try:
            response = self._platform.send(request)
            is_known = True
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._store.retract(key, number, day, cost)
            is_known = True
            return _Trouble(f"no connection ({type(error).__name__})")
        except httpx.TransportError as error:
            return _Trouble(f"a lost connection ({type(error).__name__})")
        finally:
            # Whatever interrupts a request, the platform may have charged for it.
            if not is_known:
                self._store.lose(key, number, day, cost)
        return self._settle(key, number, request, response, day, cost)

    def _settle(
        self,
        key: str,
        number: int,
        request: dict[str, Any],
        response: httpx.Response,
        day: str,
        cost: int,
    ) -> "Answer | _Trouble":
        try:
            verdict = self._platform.judge(response)
        except SourceError:
            self._store.retract(key, number, day, cost)
            raise
        if verdict == "answered":
            body = self._platform.body_to_keep(response)
            answer = Answer(request, response.status_code, body, day, cost)
            self._store.put(key, number, answer)
            return answer
        self._store.retract(key, number, day, cost)
        if verdict == "exhausted":
            self._store.note_exhausted(day)
            raise self._exhausted()
        if verdict == "unauthorized":
            self._platform.renew()
            return _Trouble("a refused token", 0.0)
        return _Trouble("too many requests", _retry_after(response, self._clock.now()))

    def _exhausted(self) -> QuotaExhaustedError:
        now = self._clock.now().astimezone(self._zone)
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), self._zone)
        return QuotaExhaustedError(
            f"{self._platform.name}: today's quota of {self._daily_units:,} is used up; "
            f"more from {midnight.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Run again then: "
            "what was paid is on disk"
        )


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Read Retry-After, seconds or a date; None where it says nothing that can be read."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None
