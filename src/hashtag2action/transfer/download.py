"""Bring a file from the web with patience: go on where it broke, wait when told to."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated

import httpcore
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.errors import FetchError
from hashtag2action.transfer.store import CutOffError, Place
from hashtag2action.transfer.web import Answer, Web

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15}|\*)")


class Patience(Config):
    """How often and how long a file is waited for."""

    max_tries: Annotated[int, Field(ge=1)] = 6
    """Tries in a row that bring nothing new before a file is given up; one that brings bytes
    begins the count anew (chosen: with the waits below, half a minute of silence)."""
    first_wait_s: Annotated[float, Field(ge=0)] = 1.0
    """Wait after the first such try; each is twice the one before (chosen)."""
    max_wait_s: Annotated[float, Field(ge=0)] = 120.0
    """Longest wait; a host that asks for a longer one is given up (chosen)."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest silence of a connection (chosen)."""
    min_bytes_per_s: Annotated[float, Field(ge=0)] = 1_000.0
    """Least pace of a file over each `timeout_s`; a host that drips is given up (chosen: a
    twentieth of what the lightest short plays at)."""
    max_seconds_per_file: Annotated[float, Field(gt=0)] = 3_600.0
    """Longest time for a file, waits included (chosen: 2 GiB at 5 Mbit/s)."""


@dataclass(frozen=True)
class Clock:
    """Time, which tests need not wait for."""

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class _TroubleError(Exception):
    """Why a try did not bring the file, and how long the host asks to wait."""

    def __init__(self, what: str, wait_s: float | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.wait_s = wait_s


@dataclass(frozen=True)
class Downloader:
    """Brings files from the web."""

    web: Web
    patience: Patience
    clock: Clock = field(default_factory=Clock)

    def bring(self, address: str, place: Place, headers: Mapping[str, str] | None = None) -> None:
        """Bring all bytes of an address to a place, not yet under its name.

        Raises:
            FetchError: They do not come.
            VideoError: They are too many, or no video's.
            OverTotalBytesError: The run may hold no more.
        """
        end_s = self.clock.now_s() + self.patience.max_seconds_per_file
        num_idle, most_bytes = 0, place.begun(address)[0]
        while trouble := self._try(address, place, headers or {}, end_s):
            num_bytes = place.begun(address)[0]
            num_idle = 0 if num_bytes > most_bytes else num_idle + 1
            most_bytes = max(most_bytes, num_bytes)
            if num_idle >= self.patience.max_tries:
                raise FetchError(trouble.what)
            self._wait(trouble, max(num_idle, 1), end_s)

    def _wait(self, trouble: _TroubleError, num_tries: int, end_s: float) -> None:
        wait_s = trouble.wait_s
        if wait_s is None:
            doubled_s = self.patience.first_wait_s * 2.0 ** (num_tries - 1)
            wait_s = min(doubled_s, self.patience.max_wait_s)
        if wait_s > self.patience.max_wait_s:
            raise FetchError(f"{trouble.what}, asks for a longer wait")
        if self.clock.now_s() + wait_s > end_s:
            raise FetchError("took too long")
        self.clock.sleep(wait_s)

    def _try(
        self, address: str, place: Place, headers: Mapping[str, str], end_s: float
    ) -> "_TroubleError | None":
        """Try once; returns what stands in the way, if it may pass."""
        num_bytes, version = place.begun(address)
        sent = dict(headers)
        if num_bytes and version:
            sent |= {"Range": f"bytes={num_bytes}-", "If-Range": version}
        try:
            left_s = max(0.0, end_s - self.clock.now_s())
            with self.web.ask(address, sent, max_body_s=left_s) as answer:
                self._take(answer, address, place, (num_bytes, version), end_s)
        except _TroubleError as error:
            return error
        except httpcore.TimeoutException:
            return _TroubleError("no answer")
        except httpcore.ConnectError:
            return _TroubleError("no connection")
        except (CutOffError, httpcore.NetworkError, httpcore.ProtocolError):
            return _TroubleError("cut off")
        return None

    def _take(
        self,
        answer: Answer,
        address: str,
        place: Place,
        begun: tuple[int, str | None],
        end_s: float,
    ) -> None:
        if answer.status in _PASSING:
            wait_s = _retry_after_s(answer)
            if wait_s is not None and wait_s <= self.patience.max_wait_s:
                self.web.postpone(answer.url.host, wait_s)
            raise _TroubleError(f"HTTP {answer.status}", wait_s)
        if answer.status == 416:
            # What is here is not a beginning of what is there.
            place.begin(address, None)
            raise _TroubleError("HTTP 416", 0.0)
        if answer.status not in {200, 206}:
            raise FetchError(f"HTTP {answer.status}")
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise FetchError("packed bytes, though none were asked for")
        expected = _whole_size(answer, begun[0])
        if answer.status == 206 and _version(answer) not in {None, begun[1]}:
            place.begin(address, None)
            raise _TroubleError("another version", 0.0)
        if answer.status == 200:
            place.begin(address, _version(answer))
        place.append(self._in_time(answer.body, end_s), expected)

    def _in_time(self, blocks: Iterator[bytes], end_s: float) -> Iterator[bytes]:
        patience = self.patience
        least = patience.min_bytes_per_s * patience.timeout_s
        since_s, num_bytes = self.clock.now_s(), 0
        for block in blocks:
            yield block
            now_s = self.clock.now_s()
            if now_s > end_s:
                raise FetchError("took too long")
            num_bytes += len(block)
            if now_s - since_s >= patience.timeout_s:
                if num_bytes < least:
                    raise FetchError("too slow")
                since_s, num_bytes = now_s, 0


def _whole_size(answer: Answer, num_bytes: int) -> int | None:
    """Return the size of the whole file, where it is said.

    Raises:
        FetchError: A part was answered that was not asked for.
    """
    if answer.status == 200:
        said = answer.headers.get("content-length", "")
        return int(said) if re.fullmatch("[0-9]{1,15}", said) else None
    part = _RANGE.fullmatch(answer.headers.get("content-range", ""))
    if part is None or int(part[1]) != num_bytes:
        raise FetchError("another range than asked for")
    return None if part[2] == "*" else int(part[2])


def _version(answer: Answer) -> str | None:
    """Return what tells this version of the file from others: a strong ETag, else its date."""
    etag = answer.headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    return answer.headers.get("last-modified")


def _retry_after_s(answer: Answer) -> float | None:
    """Read Retry-After: seconds or a date."""
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch("[0-9]{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
