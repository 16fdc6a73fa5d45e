"""A small web server on this machine, whose answers a test writes down."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(range(256)) * 3_000
"""Bytes that begin like an MP4."""


@dataclass
class Exchange:
    """One question, and how to answer it."""

    handler: BaseHTTPRequestHandler

    @property
    def path(self) -> str:
        return self.handler.path

    @property
    def headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.handler.headers.items()}

    def answer(
        self,
        status: int,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        promised: int | None = None,
    ) -> None:
        """Answer; with `promised` above the body's length, the connection breaks after the body."""
        self.handler.send_response_only(status)
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        self.handler.send_header("Content-Length", str(len(body) if promised is None else promised))
        self.handler.end_headers()
        self.handler.wfile.write(body)
        if promised is not None:
            self.handler.close_connection = True

    def answer_file(self, body: bytes, etag: str = '"1"', cut_after: int | None = None) -> None:
        """Answer as a file store does: whole, or from where the question says."""
        start, status = 0, 200
        headers = {"ETag": etag, "Accept-Ranges": "bytes"}
        given = self.headers.get("range")
        if given and self.headers.get("if-range") == etag:
            start = int(given.removeprefix("bytes=").rstrip("-"))
            if start >= len(body):
                self.answer(416, {"Content-Range": f"bytes */{len(body)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        rest = body[start:]
        self.answer(status, headers, rest[:cut_after], len(rest))


@dataclass
class FileServer:
    """A running server; `answer` may be changed at any time."""

    port: int
    answer: Callable[[Exchange], None]
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers of every question."""
    most_at_once: int = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextmanager
def serve(answer: Callable[[Exchange], None]) -> Iterator[FileServer]:
    """Run a server for a test."""
    lock = threading.Lock()
    num_open = 0

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            nonlocal num_open
            exchange = Exchange(self)
            with lock:
                num_open += 1
                here.most_at_once = max(here.most_at_once, num_open)
                here.asked.append((self.path, exchange.headers))
            try:
                here.answer(exchange)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            finally:
                with lock:
                    num_open -= 1

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address) -> None:
            # A client that leaves early is what many tests are about.
            if not isinstance(sys.exc_info()[1], ConnectionError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = FileServer(server.server_address[1], answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
