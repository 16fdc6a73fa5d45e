"""A simulated platform behind HTTP, speaking the TikTok Research API, with its faults.

Only this machine can reach it. A fault depends on the question and on how often that question
failed before, never on chance or time, so a run that is stopped and continued meets the same ones.
The server counts what it was paid for and every page it delivered twice.
"""

import contextlib
import hashlib
import json
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hashtag2action.sources.simulated_answers import PlatformIndex, RefusedError, bad_query

CLIENT_KEY = "simulated-key"
CLIENT_SECRET = "simulated-secret"


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong; shares of questions, but for the first two."""

    big_window_rows: int = 1_000_000
    """A window of several days with more results than this is a 500, always."""
    token_requests: int = 1_000_000
    """A token is refused after that many questions."""
    server_error: float = 0.0
    """500 once, then the answer."""
    throttled: float = 0.0
    """429 once; not paid."""
    short_page: float = 0.0
    """Fewer rows than asked for, and more to come."""
    stuck_cursor: float = 0.0
    """A page whose cursor does not move on."""
    bad_cursor: float = 0.0
    """400 'Invalid count or cursor', on later pages, always."""
    bad_search_id: float = 0.0
    """400 'Search Id ... is invalid or expired'; without the id the page comes."""


ROUGH = Faults(
    big_window_rows=4_000,
    token_requests=200,
    server_error=0.02,
    throttled=0.02,
    short_page=0.1,
    stuck_cursor=0.005,
    bad_cursor=0.01,
    bad_search_id=0.02,
)
"""All faults at rates users report (chosen: the reports give no figures)."""


@dataclass
class Ledger:
    """What the server counted."""

    num_paid: int = 0
    """Questions that cost quota: answers, 400 and 500."""
    num_throttled: int = 0
    num_tokens: int = 0
    paid_by_day: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    """Pages by question, without the search_id."""

    @property
    def num_repeated(self) -> int:
        """Pages delivered more than once."""
        return sum(count - 1 for count in self.delivered.values())


class SimulatedServer:
    """Answers token and video questions; one instance may outlive many clients."""

    def __init__(
        self,
        index: PlatformIndex,
        faults: Faults = Faults(),
        daily_requests: int = 1_000,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_request: Callable[[int], None] = lambda number: None,
    ) -> None:
        self.ledger = Ledger()
        self._index = index
        self._faults = faults
        self._daily_requests = daily_requests
        self._now = now
        self._on_request = on_request
        self._num_requests = 0
        self._tokens: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._lock = threading.Lock()

    def token(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """Answer the token question."""
        given = [form.get(name, [""])[0] for name in ("client_key", "client_secret", "grant_type")]
        if given != [CLIENT_KEY, CLIENT_SECRET, "client_credentials"]:
            return 401, {"error": "invalid_client", "error_description": "wrong key or secret"}
        token = f"clt.{secrets.token_hex(12)}"
        self._tokens[token] = 0
        self.ledger.num_tokens += 1
        return 200, {"access_token": token, "expires_in": 7200, "token_type": "Bearer"}

    def videos(
        self, bearer: str, body: dict[str, Any], is_gone: Callable[[], bool]
    ) -> tuple[int, dict[str, Any]] | None:
        """Answer a video question; None where the client is gone, which costs nothing."""
        with self._lock:
            self._num_requests += 1
            self._on_request(self._num_requests)
            if bearer not in self._tokens or self._tokens[bearer] >= self._faults.token_requests:
                return _error(401, "access_token_invalid", "the token is invalid or expired")
            self._tokens[bearer] += 1
            day = self._now().astimezone(UTC).strftime("%Y%m%d")
            if self.ledger.paid_by_day[day] >= self._daily_requests:
                return _error(429, "daily_quota_limit_exceeded", "the daily quota is used up")
            if self._fails_once(body, "throttled"):
                self.ledger.num_throttled += 1
                return _error(429, "rate_limit_exceeded", "too many requests")
            try:
                status, answer = 200, {"data": self._answer(body), "error": {"code": "ok"}}
            except RefusedError as refused:
                status, answer = _error(refused.status, refused.code, str(refused))
            if is_gone():
                return None
            self.ledger.num_paid += 1
            self.ledger.paid_by_day[day] += 1
            if status == 200:
                place = json.dumps(_without(body, "search_id"), sort_keys=True)
                self.ledger.delivered[place] += 1
            return status, answer

    def _answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the data of a page.

        Raises:
            RefusedError: There is no page, but a 400 or a 500.
        """
        question = self._index.question(body)
        found = self._index.search(question)
        is_big = (
            question.start_day != question.end_day and len(found) > self._faults.big_window_rows
        )
        if is_big or self._fails_once(body, "server_error"):
            raise RefusedError(500, "internal_error", "something went wrong")
        search_id = str(_number(self._index.seed, _without(body, "search_id", "cursor")) % 10**18)
        place = _without(body, "search_id")
        is_bad_id = question.search_id not in {None, search_id}
        if is_bad_id or (question.search_id and self._is_struck(body, "bad_search_id")):
            raise bad_query(f"Search Id {question.search_id} is invalid or expired")
        is_beyond = question.cursor > len(found)
        if is_beyond or (question.cursor and self._is_struck(place, "bad_cursor")):
            raise bad_query("Invalid count or cursor")
        count = question.max_count
        if self._is_struck(place, "short_page"):
            count = 1 + _number(self._index.seed, place) % count
        end = min(len(found), question.cursor + count)
        has_more = end < len(found)
        is_stuck = has_more and self._is_struck(place, "stuck_cursor")
        return {
            "videos": [self._index.video(int(post)) for post in found[question.cursor : end]],
            "cursor": question.cursor if is_stuck else end,
            "has_more": has_more,
            "search_id": search_id,
        }

    def _is_struck(self, body: dict[str, Any], fault: str) -> bool:
        share = getattr(self._faults, fault)
        return share > 0 and _number(self._index.seed, {**body, "fault": fault}) % 10_000 < (
            share * 10_000
        )

    def _fails_once(self, body: dict[str, Any], fault: str) -> bool:
        key = json.dumps({**body, "fault": fault}, sort_keys=True)
        if not self._is_struck(body, fault) or self._failures[key]:
            return False
        self._failures[key] += 1
        return True


@contextlib.contextmanager
def serve(server: SimulatedServer) -> Iterator[str]:
    """Serve on a free port of this machine while the block runs; gives the base URL."""

    class Handler(_Handler):
        simulated = server

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    simulated: SimulatedServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle(self) -> None:
        """Answer the questions of one connection; a client may vanish at any time."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_POST(self) -> None:
        """Answer a question."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit(self.path).path
        if path == "/v2/oauth/token/":
            self._say(*self.simulated.token(parse_qs(body.decode())))
        elif path == "/v2/research/video/query/":
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            answer = self.simulated.videos(bearer, json.loads(body), self._is_gone)
            if answer is None:
                self.close_connection = True
            else:
                self._say(*answer)
        else:
            self._say(404, {"error": {"code": "not_found", "message": path}})

    def _is_gone(self) -> bool:
        """Whether the client closed the connection, as a killed process does."""
        try:
            return self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", "0")
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(content)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def _error(status: int, code: str, message: str) -> tuple[int, dict[str, Any]]:
    return status, {"data": {}, "error": {"code": code, "message": message, "log_id": ""}}


def _number(seed: int, value: dict[str, Any]) -> int:
    text = json.dumps([seed, value], sort_keys=True)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}
