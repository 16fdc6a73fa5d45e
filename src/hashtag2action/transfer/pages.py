"""Find the video of a page that a person named, by yt-dlp.

All that yt-dlp asks goes through the same door as every download, with the same rules; no cookies
are sent, no browser is imitated, and no program is started. What it finds is then brought like any
other file.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any

import httpcore
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.errors import FetchError, MissingExtraError
from hashtag2action.transfer.web import Web

_FORMAT = "b[protocol^=http][height<=?{0}]/b[protocol^=http]"
"""One file with picture and sound, by plain HTTP: pieces would need another program to join."""

MAX_PAGE_BYTES = 32 * 1024**2
"""Most of a page that is read (chosen: ten times the largest of common sites)."""
_PAGE_SILENCES = 4.0
"""Longest time for the body of a page, in longest silences (chosen: a slow site's, no dripping
one's)."""


class Pages(Config):
    """Read pages by yt-dlp (extra `[pages]`), for addresses that a person wrote down."""

    max_height_px: Annotated[int, Field(gt=0)] = 1080
    """Largest height taken where a page offers several (chosen: what a short is uploaded in)."""

    def open(self, web: Web) -> "PageReader":
        """Load yt-dlp.

        Raises:
            MissingExtraError: It is not installed.
        """
        try:
            import yt_dlp  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError("yt-dlp", "pages") from error
        return PageReader(web, self.max_height_px)


@dataclass(frozen=True)
class PageReader:
    """Finds the file behind a page."""

    web: Web
    max_height_px: int

    def find(self, page: str) -> tuple[str, dict[str, str]]:
        """Return the address of a page's video, and the headers it is to be asked with.

        Raises:
            FetchError: There is none, or the page may not be asked.
        """
        from yt_dlp import YoutubeDL
        from yt_dlp.utils import YoutubeDLError

        refusals: list[FetchError] = []
        handler: Any = _handler(self.web, refusals)
        settings: Any = self._settings()

        class Reader(YoutubeDL):
            def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
                return super().build_request_director([handler])

        try:
            with Reader(settings) as reader:
                found = reader.extract_info(page, download=False)
        except YoutubeDLError as error:
            raise (refusals or [FetchError("no video on the page")])[-1] from error
        address = (found or {}).get("url")
        if not found and refusals:
            raise refusals[-1]
        if not address or not str((found or {}).get("protocol", "")).startswith("http"):
            raise FetchError("no video on the page")
        headers = (found or {}).get("http_headers") or {}
        return address, {name: value for name, value in headers.items() if name != "Cookie"}

    def _settings(self) -> dict[str, Any]:
        return {
            "quiet": True,
            # Its readers of pages raise whatever a strange page makes them raise.
            "ignoreerrors": True,
            "no_warnings": True,
            "noprogress": True,
            "logger": _Silence(),
            "cachedir": False,
            "noplaylist": True,
            "proxy": "",
            "skip_download": True,
            "js_runtimes": {},
            "remote_components": [],
            "format": _FORMAT.format(self.max_height_px),
        }


class _Silence:
    """Takes what yt-dlp would print: its lines hold addresses."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


class _Body(io.RawIOBase):
    """A body as a file that is read from once."""

    def __init__(self, blocks: Iterator[bytes], close: Callable[[], None]) -> None:
        self._blocks = blocks
        self._close = close
        self._rest = b""
        self._num_read = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes | None:
        return super().read(-1 if size is None else size)

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                block = next(self._blocks, None)
            except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
                # As where a page is cut short anyhow: what came is read, and holds a video or not.
                return 0
            if block is None or self._num_read > MAX_PAGE_BYTES:
                return 0
            self._rest = block
            self._num_read += len(block)
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def _handler(web: Web, refusals: list[FetchError]) -> type:
    """Return the one way by which yt-dlp may ask; refusals are kept, as it hides their cause."""
    from yt_dlp.networking import Request, RequestHandler, Response
    from yt_dlp.networking.exceptions import HTTPError, TransportError

    class GuardedRH(RequestHandler):
        _SUPPORTED_URL_SCHEMES = ("http", "https")
        _SUPPORTED_PROXY_SCHEMES = ()
        _SUPPORTED_FEATURES = ()

        def _send(self, request: Request) -> Response:
            headers = {
                name: value
                for name, value in self._get_headers(request).items()
                if name.lower() not in {"cookie", "accept-encoding"}
            }
            data = request.data
            content = data if isinstance(data, bytes) or data is None else b"".join(data)
            with ExitStack() as stack:
                try:
                    answer = stack.enter_context(
                        web.ask(
                            request.url,
                            headers,
                            request.method,
                            content,
                            _PAGE_SILENCES * web.timeout_s,
                        )
                    )
                except FetchError as error:
                    refusals.append(error)
                    raise TransportError("refused") from error
                except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                    raise TransportError("no connection") from error
                except httpcore.ProtocolError as error:
                    raise TransportError("no HTTP") from error
                body = _Body(answer.body, stack.pop_all().close)
            response = Response(body, str(answer.url), dict(answer.headers), answer.status)
            if not 200 <= answer.status < 300:
                raise HTTPError(response)
            return response

    return GuardedRH
