"""Bring an object from a store of objects: `s3://bucket/key` and `gs://bucket/key`, by fsspec.

Which machines are asked is up to the store's own library and the recipe, never to a post: a post
names bucket and key only. Credentials come from the library's usual places in the environment; none
stand in a recipe.
"""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from hashtag2action.config import Config
from hashtag2action.errors import FetchError, MissingExtraError
from hashtag2action.transfer.store import CutOffError, Place

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_logger = logging.getLogger(__name__)
_BLOCK_BYTES = 4 * 1024**2
"""Bytes of one request (chosen: a short video takes one to ten)."""
_MAX_TRIES = 6
"""Tries of an object (chosen: as of a web address; the libraries wait between their own)."""
ObjectScheme = Literal["s3", "gs"]


class ObjectStores(Config):
    """How stores of objects are asked; needs the extra `[remote]`."""

    is_anonymous: bool = False
    """Ask without credentials, for public buckets."""
    s3_endpoint_url: str | None = None
    """Address of an S3-compatible store of one's own; null is Amazon's."""

    def open(self, scheme: ObjectScheme) -> "AbstractFileSystem":
        """Open a store.

        Raises:
            MissingExtraError: Its library is not installed.
        """
        package = {"s3": "s3fs", "gs": "gcsfs"}[scheme]
        try:
            from fsspec import filesystem
        except ModuleNotFoundError as error:
            raise MissingExtraError("fsspec", "remote") from error
        settings: dict[str, Any] = {}
        if scheme == "s3":
            settings = {"anon": self.is_anonymous, "endpoint_url": self.s3_endpoint_url}
        elif self.is_anonymous:
            settings = {"token": "anon"}
        try:
            return filesystem(scheme, **settings)
        except ImportError as error:
            raise MissingExtraError(package, "remote") from error


def bring_object(store: "AbstractFileSystem", address: str, place: Place) -> None:
    """Bring all bytes of an object to a place, not yet under its name.

    What was begun is gone on with if the object is still the same version.

    Raises:
        FetchError: The object is not there, may not be read, or does not come.
        VideoError: It is too large, or no video.
        OverTotalBytesError: The run may hold no more bytes.
    """
    trouble = "cut off"
    for _ in range(_MAX_TRIES):
        try:
            about = store.info(address)
            size, version = about.get("size"), _version(about)
            num_bytes, begun = place.begun(address)
            if not num_bytes or begun != version or not size or num_bytes > size:
                place.begin(address, version)
                num_bytes = 0
            place.append(_blocks(store, address, num_bytes, size), size)
        except FileNotFoundError as error:
            raise FetchError("no such object") from error
        except PermissionError as error:
            raise FetchError("no leave to read the object") from error
        except CutOffError:
            trouble = "cut off"
        except _failures():
            trouble = "no connection"
        except OSError as error:
            # Libraries of stores raise it for a broken connection, after tries of their own; a
            # full disk here is ours, and ends the run.
            if error.errno is not None:
                raise
            trouble = "no connection"
        else:
            return
    raise FetchError(trouble)


def _failures() -> tuple[type[Exception], ...]:
    """Return what libraries of stores raise for a broken connection beside OSError."""
    found: list[type[Exception]] = []
    try:
        from botocore.exceptions import BotoCoreError  # pyright: ignore[reportMissingImports]

        found.append(BotoCoreError)
    except ModuleNotFoundError:
        _logger.debug("botocore is not installed: nothing of it can be raised")
    try:
        from aiohttp import ClientError  # pyright: ignore[reportMissingImports]

        found.append(ClientError)
    except ModuleNotFoundError:
        _logger.debug("aiohttp is not installed: nothing of it can be raised")
    return tuple(found)


def _blocks(
    store: "AbstractFileSystem", address: str, start: int, size: int | None
) -> Iterator[bytes]:
    if size is None:
        raise FetchError("an object of unknown size")
    while start < size:
        block: Any = store.cat_file(address, start=start, end=min(start + _BLOCK_BYTES, size))
        if not block:
            return
        yield block
        start += len(block)


def _version(about: dict[str, Any]) -> str | None:
    found = about.get("ETag") or about.get("etag") or about.get("generation")
    return str(found) if found else None
