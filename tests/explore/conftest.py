"""A server over a small run, and a browser that knows nothing but HTTP."""

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest
from tests.report.conftest import write_curation

from hashtag2action.explore.server import Server


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Browser:
    """Asks one server, with the key to it, which a browser keeps in a cookie."""

    def __init__(self, port: int, cookie: str, url: str) -> None:
        self.port, self.cookie, self.url = port, cookie, url

    def get(self, path: str, headers: dict[str, str] | None = None, **query: object) -> Reply:
        return self.send("GET", f"{path}?{urlencode(query)}" if query else path, headers)

    def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, body, {"Cookie": self.cookie, **(headers or {})})
        got = connection.getresponse()
        reply = Reply(got.status, dict(got.getheaders()), got.read())
        connection.close()
        return reply


@contextmanager
def serving(folder: Path) -> Iterator[Browser]:
    with Server(folder, 0) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield Browser(server.server_port, server.cookie, server.url)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> Callable:
    return serving


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser before a run that nobody changes."""
    folder = tmp_path_factory.mktemp("line")
    write_curation(folder / "line" / "curate", folder / "bytes", 12)
    with serving(folder / "line") as browser:
        yield browser


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run to do with as one likes."""
    return write_curation(tmp_path / "curate", tmp_path / "bytes", 12)
