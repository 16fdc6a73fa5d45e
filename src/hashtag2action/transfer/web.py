"""Ask for a web address: every hop judged, in its host's turn, with nothing sent but the question.

No cookies are kept, no proxy is read from the environment, and no address is logged: what follows
the `?` of one is often a credential.
"""

import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore
import httpx

from hashtag2action import __version__
from hashtag2action.errors import FetchError
from hashtag2action.transfer.addresses import Guard, PinnedBackend
from hashtag2action.transfer.deadline import Deadline
from hashtag2action.transfer.pace import HostPace

MAX_REDIRECTS = 5
"""Hops of one question (chosen: what stores of files need, twice over)."""
_HEAD_SILENCES = 2.0
"""Longest time for a connection and the head of its answer, in longest silences (chosen: the name,
the handshake and the first byte may each take a good part of one)."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True)
class Answer:
    """What a host said, before its body is read."""

    url: httpx.URL
    status: int
    headers: httpx.Headers
    body: Iterator[bytes]


class Web:
    """Asks hosts; one for a process, used by its threads."""

    def __init__(
        self, guard: Guard, pace: HostPace, schemes: frozenset[str], timeout_s: float
    ) -> None:
        self._deadline = Deadline()
        backend = PinnedBackend(guard, self._deadline)
        self._pool = httpcore.ConnectionPool(network_backend=backend)
        self._pace = pace
        self._schemes = schemes
        self.timeout_s = timeout_s
        """Longest silence."""
        # A worker has no last row: the connections end with what holds them.
        self.close = weakref.finalize(self, self._pool.close)
        """Close all connections."""

    @contextmanager
    def ask(
        self,
        address: str,
        headers: Mapping[str, str],
        method: str = "GET",
        content: bytes | None = None,
        max_body_s: float = float("inf"),
    ) -> Iterator[Answer]:
        """Ask once, and follow where the host points to.

        Args:
            address: What to ask for.
            headers: What to say beside.
            method: Of HTTP.
            content: What to send.
            max_body_s: Longest time for the body, from when its head is here.

        Raises:
            FetchError: An address on the way may not be asked, or there is no end to the way.
            httpcore.NetworkError: There is no connection, or it broke.
            httpcore.TimeoutException: A host is silent.
            httpcore.ProtocolError: It does not speak HTTP.
        """
        url = self._checked(address)
        for _ in range(MAX_REDIRECTS + 1):
            with self._pace.turn(url.host), self._one(url, headers, method, content) as answer:
                self._deadline.set_in(max_body_s)
                where = answer.headers.get("location")
                if answer.status not in _REDIRECTS or not where:
                    yield answer
                    return
                before, url = url, self._next(url, where)
            if url.host != before.host:
                headers = {
                    name: value
                    for name, value in headers.items()
                    if name.lower() != "authorization"
                }
        raise FetchError(f"more than {MAX_REDIRECTS} redirects")

    def postpone(self, host: str, wait_s: float) -> None:
        """Ask a host nothing for some seconds."""
        self._pace.postpone(host, wait_s)

    @contextmanager
    def _one(
        self, url: httpx.URL, headers: Mapping[str, str], method: str, content: bytes | None
    ) -> Iterator[Answer]:
        sent = {
            "User-Agent": f"hashtag2action/{__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **headers,
        }
        self._deadline.set_in(_HEAD_SILENCES * self.timeout_s)
        seconds = dict.fromkeys(("connect", "read", "write", "pool"), self.timeout_s)
        with self._pool.stream(
            method,
            httpcore.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=list(sent.items()),
            content=content,
            extensions={"timeout": seconds},
        ) as response:
            body = response.iter_stream()
            yield Answer(url, response.status, httpx.Headers(response.headers), iter(body))

    def _next(self, url: httpx.URL, where: str) -> httpx.URL:
        try:
            target = url.join(where)
        except (httpx.InvalidURL, ValueError) as error:
            raise FetchError("redirect to no address") from error
        if url.scheme == "https" and target.scheme == "http":
            raise FetchError("redirect from https to http")
        return self._checked(str(target))

    def _checked(self, address: str) -> httpx.URL:
        try:
            url = httpx.URL(address)
        except (httpx.InvalidURL, ValueError) as error:
            raise FetchError("no address") from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise FetchError("no web address")
        if url.scheme not in self._schemes:
            raise FetchError(f"{url.scheme} is not allowed")
        if url.userinfo:
            raise FetchError("password in the address")
        return url
