"""Stage 2: bring the bytes, look at what they are, and give every video a hash.

Files of this machine are read in place. What lies elsewhere is brought only where the recipe allows
its scheme, only from public machines, and only with a licence or consent note; without one, a post
stops at its metadata.
"""

import ipaddress
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pydantic import Field, field_validator

from hashtag2action.config import Config
from hashtag2action.curate.stage import Row, Stage, Transform, per_row
from hashtag2action.errors import FetchError, VideoError
from hashtag2action.records import REJECT_REASON, VIDEO
from hashtag2action.transfer.addresses import Guard
from hashtag2action.transfer.budget import LEDGER, ByteBudget
from hashtag2action.transfer.content import refuse_wrong_file, sha256_of
from hashtag2action.transfer.download import Downloader, Patience
from hashtag2action.transfer.objects import ObjectScheme, ObjectStores, bring_object
from hashtag2action.transfer.pace import HostPace
from hashtag2action.transfer.pages import Pages
from hashtag2action.transfer.store import Place, Store
from hashtag2action.transfer.web import Web

Scheme = Literal["file", "http", "https", "s3", "gs"]
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://|(file):")
_PAGE = "page+"
Found = dict[str, str | int]


class FetchRuntime(Config):
    """How fast videos are brought; never which."""

    num_at_once: Annotated[int, Field(ge=1)] = 8
    """Files a worker brings at once."""
    max_at_once_per_host: Annotated[int, Field(ge=1)] = 2
    """Connections to one host, of all workers of a machine together (chosen: a polite guest)."""
    requests_per_s_per_host: Annotated[float, Field(gt=0)] = 2.0
    """Questions to one host, of all workers of a machine together (chosen: the same)."""
    patience: Patience = Patience()


class FetchVideos(Stage):
    """Resolve each post's file to bytes on this machine."""

    name: ClassVar[str] = "fetch_videos"
    row_id: ClassVar[str] = "post_id"
    reads: ClassVar[tuple[str, ...]] = ("post_id", "file", "license", "stated_sha256")
    adds: ClassVar[pa.Schema] = VIDEO

    schemes: tuple[Scheme, ...] = ("file",)
    """What may be asked: `file` is this machine, and nothing else is on unless it is named."""
    allowed_networks: tuple[str, ...] = ()
    """Networks that are not public and may be asked all the same, such as `10.1.0.0/16`."""
    pages: Pages | None = None
    """How to find the video of a page, for lists that ask for it; null: pages are not read."""
    objects: ObjectStores = ObjectStores()
    """How `s3` and `gs` are asked."""
    max_size_bytes: Annotated[int, Field(gt=0)] = 2 * 1024**3
    """Largest file taken (chosen: a ten-minute 4K upload is below it)."""
    max_total_bytes: Annotated[int, Field(gt=0)] | None = None
    """Most bytes brought from elsewhere in all, by all workers and over restarts; null: any."""
    runtime: FetchRuntime = FetchRuntime()

    @field_validator("allowed_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for text in networks:
            ipaddress.ip_network(text)
        return networks

    def open(self, media: Path) -> Transform:
        """Return the fetcher; what lies on this machine is copied nowhere."""
        bring = _Bringer(self, media)
        # Files that are here need the processor, not patience: a worker reads one at a time.
        num_at_once = 1 if set(self.schemes) <= {"file"} else self.runtime.num_at_once

        def transform(table: pa.Table) -> pa.Table:
            given = [name for name in self.reads if name in table.column_names]
            rows = table.select(given).to_pylist()
            with ThreadPoolExecutor(num_at_once) as pool:
                made = list(pool.map(partial(per_row, bring), rows))
            found = [values or {} for values, _ in made]
            for column in VIDEO:
                values = [row.get(column.name) for row in found]
                if column.name == "video_id":
                    values = table["post_id"].to_pylist()
                table = table.append_column(column, pa.array(values, column.type))
            reasons = [reason for _, reason in made]
            return table.append_column(REJECT_REASON, pa.array(reasons, pa.string()))

        return transform


class _NoLicenseError(FetchError):
    """Bytes from elsewhere need a note that they may be used."""

    @property
    def reject_reason(self) -> str:
        return "no_license"


class _Bringer:
    """Brings one row's file; what a scheme needs is opened at its first row, once a worker."""

    def __init__(self, settings: FetchVideos, media: Path) -> None:
        self._settings = settings
        self._media = media
        # What is missing is told before the first row, not by it.
        for scheme in _object_schemes(settings):
            settings.objects.open(scheme)
        self._pages = None if settings.pages is None else settings.pages.open(self._web)

    def __call__(self, row: Row) -> Found:
        address = row["file"]
        if not address:
            raise VideoError("the post names no file")
        stated = row.get("stated_sha256")
        found = _SCHEME.match(address.removeprefix(_PAGE))
        if found is None:
            return self._here(Path(address), stated)
        scheme = (found[1] or found[2]).lower()
        if scheme not in self._settings.schemes:
            raise FetchError(f"{scheme} is not allowed")
        if scheme == "file" and not address.startswith(_PAGE):
            return self._here(_local_path(address), stated)
        if address.startswith(_PAGE) and scheme not in {"http", "https"}:
            raise FetchError("no web address")
        if not row.get("license"):
            raise _NoLicenseError("no licence or consent note")
        return self._from_elsewhere(row, scheme, stated)

    def _from_elsewhere(self, row: Row, scheme: str, stated: str | None) -> Found:
        place = self._store.place(row["post_id"])
        if place.is_whole:
            return self._here(place.path, stated)
        try:
            self._way(row["file"], scheme)(place)
            digest, size = place.finish(stated)
        except (FetchError, VideoError):
            place.give_up()
            raise
        return {"video_path": place.path.as_posix(), "video_sha256": digest, "size_bytes": size}

    def _way(self, address: str, scheme: str) -> Callable[[Place], None]:
        if scheme in {"s3", "gs"}:
            store = self._settings.objects.open("s3" if scheme == "s3" else "gs")
            return partial(bring_object, store, address)
        if not address.startswith(_PAGE):
            return partial(self._downloader.bring, address)
        if self._pages is None:
            raise FetchError("pages are not read")
        media_address, headers = self._pages.find(address.removeprefix(_PAGE))
        return partial(self._downloader.bring, media_address, headers=headers)

    def _here(self, path: Path, stated: str | None) -> Found:
        try:
            size = path.stat().st_size
            if not path.is_file():
                raise VideoError("not a file")
            refuse_wrong_file(path, size, self._settings.max_size_bytes)
            digest = sha256_of(path, stated)
        except FileNotFoundError as error:
            raise VideoError("no such file") from error
        except OSError as error:
            raise VideoError(f"cannot be opened ({error.strerror})") from error
        return {"video_path": path.as_posix(), "video_sha256": digest, "size_bytes": size}

    @cached_property
    def _web(self) -> Web:
        settings, runtime = self._settings, self._settings.runtime
        pace = HostPace(
            self._media / ".hosts", runtime.max_at_once_per_host, runtime.requests_per_s_per_host
        )
        guard = Guard(settings.allowed_networks)
        return Web(guard, pace, frozenset(settings.schemes), runtime.patience.timeout_s)

    @cached_property
    def _downloader(self) -> Downloader:
        return Downloader(self._web, self._settings.runtime.patience)

    @cached_property
    def _store(self) -> Store:
        budget = ByteBudget(self._media / LEDGER, self._settings.max_total_bytes)
        return Store(self._media, budget, self._settings.max_size_bytes)


def _object_schemes(settings: FetchVideos) -> list[ObjectScheme]:
    schemes: tuple[ObjectScheme, ...] = ("s3", "gs")
    return [scheme for scheme in schemes if scheme in settings.schemes]


def _local_path(address: str) -> Path:
    parts = urlsplit(address)
    if parts.netloc not in {"", "localhost"}:
        raise FetchError("a file of another machine")
    return Path(unquote(parts.path))
