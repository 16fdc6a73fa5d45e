"""HTTP on this machine's own address: what may be asked, by whom, and what comes back.

Only who has the key in the printed address may ask, for this machine may have other accounts; the
browser keeps it in a cookie. A `Host` that is no name of this machine is refused, so that no name
on the web can be pointed here, and every answer forbids other pages to embed or read it. A verdict,
the one thing that is written, needs a second key that only these pages show.
"""

import json
import logging
import re
import secrets
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from hashtag2action import __version__
from hashtag2action.curate.verdicts import ANSWERS
from hashtag2action.errors import ConfigError, Hashtag2ActionError, VideoError
from hashtag2action.explore.judge import Judge
from hashtag2action.explore.listings import Shelf
from hashtag2action.explore.media import Span, span_of
from hashtag2action.explore.pages import Pages
from hashtag2action.explore.stills import ROW, SIZES, Stills
from hashtag2action.explore.view import QueryError, View, read_view
from hashtag2action.report.sheets import video_of
from hashtag2action.report.svg import svg, text

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
PORT = 8420
"""Chosen: none of the ports that notebooks and dashboards take by default."""
_NAMES = {"127.0.0.1", "localhost", "[::1]"}
"""Names of this machine, also at the near end of a forwarded port."""
_MAX_QUERY = 20_000  # characters; a view with every bound set has some 4,000
_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # No frame of a video stays in the browser's files.
    "Cache-Control": "no-store",
}

Query = list[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What goes back for one request."""

    body: bytes | Span
    kind: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    headers: dict[str, str] = field(default_factory=dict)


class Explorer:
    """Answers requests about the curations of a folder; knows nothing of connections."""

    def __init__(self, folder: Path) -> None:
        """Find the runs.

        Raises:
            ManifestError: There is no run of a curation in the folder.
        """
        self._shelf = Shelf(folder)
        self._stills = Stills()
        self._judge = Judge(self._shelf)
        self._pages = Pages(folder, self._shelf, self._judge)
        self._files = {
            "/style.css": Answer(self._pages.style.encode(), "text/css; charset=utf-8"),
            "/explore.js": Answer(self._pages.script.encode(), "text/javascript; charset=utf-8"),
        }

    def get(self, path: str, query: Query, asked_range: str | None = None) -> Answer:
        """Answer a request for something to see."""
        if path == "/media":
            return self._media(query, asked_range)
        pages = {"/": self._grid, "/clip": self._clip, "/still": self._still}
        if path in pages:
            return pages[path](query)
        if path in self._files:
            return self._files[path]
        return self.refusal(HTTPStatus.NOT_FOUND, "There is no such page.")

    def judge(self, form: Query, *, as_json: bool) -> Answer:
        """Write a verdict down, or take the last one back, and lead on.

        Args:
            form: `token`; `answer`, one of the answers, `none` or `undo`; `view`, the query of the
                page; `run`, `table`, `id`, the row; `from`, `grid` or `clip`.
            as_json: Whether a script asks, which stays on its page.
        """
        given = dict(form)
        if not secrets.compare_digest(given.get("token", "").encode(), self._judge.token.encode()):
            return self.refusal(HTTPStatus.FORBIDDEN, "Load the page again: its key is an old one.")
        query = pairs_of(given.get("view", ""))
        view, answer = read_view(query), given.get("answer", "")
        if answer == "undo":
            return self._undo(view)
        if answer not in {*ANSWERS, "none"}:
            raise QueryError(f"no answer {answer!r}")
        listing, place = self._pages.row_named(form)
        # Before it is written: the clip may then no longer be among those that the view finds.
        onward = self._pages.onward(self._pages.find(view), place)
        said = self._judge.say(listing, place, view.question, None if answer == "none" else answer)
        if as_json:
            body = json.dumps({"id": said.clip_id, "answer": said.answer or ""})
            return Answer(body.encode(), "application/json")
        if given.get("from") == "grid":
            return _see(f"/?{view.query}")
        return _see(f"/clip?{view.query}&{urlencode({'id': onward or said.clip_id})}")

    def _undo(self, view: View) -> Answer:
        step = self._judge.undo()
        if step is None:
            return _see(f"/?{view.query}")
        table = (step.run.name, step.stage, step.side)
        if (view.run, view.stage, view.side) != table:
            view = View(*table)
        view = view.but(question=step.said.question, page=view.page)
        return _see(f"/clip?{view.query}&{urlencode({'id': step.said.clip_id})}")

    def refusal(self, status: HTTPStatus, why: str) -> Answer:
        """Say in words why there is nothing else."""
        return Answer(self._pages.words(status.phrase, why).encode(), status=status)

    def _grid(self, query: Query) -> Answer:
        if any(not value.strip() for _, value in query):
            # A form sends its empty fields, too: the address that stays is the short one.
            return _see(f"/?{read_view(query).query}")
        return Answer(self._pages.grid(self._pages.find(read_view(query))).encode())

    def _clip(self, query: Query) -> Answer:
        listing, place = self._pages.row_named(query)
        found = self._pages.find(read_view(query))
        return Answer(self._pages.clip(found, listing, place).encode())

    def _media(self, query: Query, asked_range: str | None) -> Answer:
        listing, place = self._pages.row_named(query)
        row = listing.rows([place], ROW)[0]
        try:
            span = span_of(video_of(listing.run.folder, row), asked_range)
        except VideoError as error:
            return self.refusal(HTTPStatus.NOT_FOUND, f"No video: {error}")
        if span is None:
            return Answer(b"", "text/plain", HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        told = {"Accept-Ranges": "bytes"}
        if span.is_whole:
            return Answer(span, span.kind, headers=told)
        told["Content-Range"] = f"bytes {span.first}-{span.end - 1}/{span.size}"
        return Answer(span, span.kind, HTTPStatus.PARTIAL_CONTENT, told)

    def _still(self, query: Query) -> Answer:
        given = dict(query)
        size = given.get("size", "small")
        if size not in SIZES:
            raise QueryError(f"no size {size!r}")
        try:
            listing, place = self._pages.row_named(query)
            row = listing.rows([place], ROW)[0]
            return Answer(self._stills.of(listing.run.folder, row, size), "image/jpeg")
        except VideoError as error:
            return Answer(_in_a_picture(str(error)), "image/svg+xml")


class Server(ThreadingHTTPServer):
    """A server of one explorer, on this machine's own address only."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path, port: int = PORT) -> None:
        """Find the runs and take a port.

        Args:
            folder: A curation, or a folder of runs.
            port: 0 takes any that is free.

        Raises:
            ManifestError: There is no run of a curation in the folder.
            ConfigError: The port cannot be had.
        """
        self.explorer = Explorer(folder)
        self._key = secrets.token_urlsafe(24)
        # Cookies are the same for all ports: each server needs a name of its own.
        self._cookie_name = f"h2a-{secrets.token_hex(4)}"
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise ConfigError(f"--port {port}: {error}; --port 0 takes any that is free") from error

    @property
    def url(self) -> str:
        """Where the first page is, with the key."""
        return f"http://{ADDRESS}:{self.server_port}/?key={self._key}"

    @property
    def cookie(self) -> str:
        """What a browser shows that was let in, as a `Cookie` header has it."""
        return f"{self._cookie_name}={self._key}"

    def admits(self, cookies: str) -> bool:
        """Whether a `Cookie` header holds ours."""
        shown = (one.strip() for one in cookies.split(";"))
        return any(secrets.compare_digest(one.encode(), self.cookie.encode()) for one in shown)

    def let_in(self, path: str, asked: str) -> Answer | None:
        """Give whoever asks for a page with the key the cookie, and send them on without it."""
        try:
            query = pairs_of(asked)
        except QueryError:
            return None
        given = dict(query).get("key", "")
        if not secrets.compare_digest(given.encode(), self._key.encode()):
            return None
        rest = urlencode([pair for pair in query if pair[0] != "key"])
        # Set anew by each process, and gone with the browser.
        told = {"Set-Cookie": f"{self.cookie}; Path=/; HttpOnly; SameSite=Lax"}
        return _see(f"{path}?{rest}" if rest else path, told)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a connection that broke, as browsers break many; tell what is our own fault."""
        is_broken = isinstance(sys.exception(), OSError)
        log.log(logging.DEBUG if is_broken else logging.ERROR, "a request failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = f"hashtag2action/{__version__}"
    sys_version = ""
    timeout = 60
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Answer GET."""
        self._answer(self._got)

    def do_POST(self) -> None:
        """Answer POST."""
        self._answer(self._told)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
        """Keep requests off the terminal."""
        log.debug(format % args)

    def _got(self) -> Answer:
        url = urlsplit(self.path)
        asked_range = self.headers.get("Range")
        return self.server.explorer.get(url.path, pairs_of(url.query), asked_range)

    def _told(self) -> Answer:
        explorer = self.server.explorer
        # What was sent may be left unread: then nothing else can come on this connection.
        self.close_connection = True
        if urlsplit(self.path).path != "/verdict":
            return explorer.refusal(HTTPStatus.NOT_FOUND, "There is no such page.")
        origin = self.headers.get("Origin")
        is_foreign = origin is not None and urlsplit(origin).netloc != self.headers["Host"]
        if is_foreign or self.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return explorer.refusal(HTTPStatus.FORBIDDEN, "Only pages of this server may judge.")
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > _MAX_QUERY:
            return explorer.refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is no verdict.")
        form = pairs_of(self.rfile.read(int(size)).decode("ascii", errors="replace"))
        as_json = self.headers.get("Accept") == "application/json"
        return explorer.judge(form, as_json=as_json)

    def _answer(self, make: Any) -> None:
        explorer = self.server.explorer
        try:
            answer = self._stranger() or self._locked() or make()
        except QueryError as error:
            answer = explorer.refusal(HTTPStatus.NOT_FOUND, str(error))
        except Hashtag2ActionError as error:
            answer = explorer.refusal(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except OSError as error:
            why = f"{error.filename}: {error.strerror}; was the run changed a moment ago?"
            answer = explorer.refusal(HTTPStatus.INTERNAL_SERVER_ERROR, why)
        self._send(answer)

    def _stranger(self) -> Answer | None:
        """Refuse who does not call this machine by its own name."""
        host = self.headers.get("Host", "")
        name = re.sub(r":\d+$", "", host)
        if name.lower() in _NAMES:
            return None
        # What a stranger sees names nothing of the run.
        self.close_connection = True  # what was sent is left unread
        return Answer(b"not for this host", "text/plain", HTTPStatus.MISDIRECTED_REQUEST)

    def _locked(self) -> Answer | None:
        """Refuse who has no key, and let in who comes with the one in the printed address."""
        url = urlsplit(self.path)
        # Its own address only: what begins with two slashes would be another machine's.
        if self.command == "GET" and url.path in {"/", "/clip"} and not url.netloc:
            let_in = self.server.let_in(url.path, url.query)
            if let_in is not None:
                return let_in
        if self.server.admits(self.headers.get("Cookie", "")):
            return None
        self.close_connection = True
        why = b"Open the address that h2a explore printed: it ends in a key."
        return Answer(why, "text/plain; charset=utf-8", HTTPStatus.FORBIDDEN)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in (_HEADERS | answer.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        body = answer.body
        size = body.end - body.first if isinstance(body, Span) else len(body)
        self.send_header("Content-Length", str(size))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        for block in body.blocks() if isinstance(body, Span) else (body,):
            self.wfile.write(block)


def pairs_of(query: str) -> Query:
    """Read a query, or a form's fields.

    Raises:
        QueryError: It is too long, or not UTF-8.
    """
    if len(query) > _MAX_QUERY:
        raise QueryError("the address is too long")
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise QueryError("the address cannot be read") from error


def _see(address: str, headers: dict[str, str] | None = None) -> Answer:
    told = {"Location": address, **(headers or {})}
    return Answer(b"", status=HTTPStatus.SEE_OTHER, headers=told)


def _in_a_picture(words: str) -> bytes:
    """Write in place of a strip why there is none."""
    lines = [words[start : start + 42] for start in range(0, min(len(words), 126), 42)]
    marks = [text(140, 46 + 16 * place, line, "why") for place, line in enumerate(lines)]
    drawn = str(svg(280, 100, words, marks)).replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" fill="#777" font-size="12" '
        'font-family="sans-serif" ', 1
    )  # fmt: skip
    return drawn.encode()
