"""Posts from a list of addresses that somebody wrote down, each with its licence or consent note.

Nothing is downloaded here. Bytes are taken from a folder, where their owner or a lawful tool put
them as `<post id>.mp4`, or later by `fetch_videos`, if its recipe allows that: from the address
itself or from the page it names. An address without a note stops at metadata (`no_license`). The
address, which may name its creator, is kept only where bytes are to come from it.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
from pydantic import Field

from hashtag2action.errors import ConfigError, SourceError
from hashtag2action.records import POST
from hashtag2action.sources.archive import read_rows
from hashtag2action.sources.base import OnProgress, PostSource, pack
from hashtag2action.sources.folder import VIDEO_SUFFIXES
from hashtag2action.sources.post_rows import RowReader

_HOSTS = {"tiktok.com": "tiktok", "youtube.com": "youtube", "youtu.be": "youtube",
          "instagram.com": "instagram"}  # fmt: skip
_PATHS = (
    re.compile(r"/@(?P<user>[\w.]{1,64})/(?:video|photo)/(?P<id>[0-9]{5,20})/?"),
    re.compile(r"/(?:shorts|embed|live|reel|reels|p|tv)/(?P<id>[\w-]{5,64})/?", re.ASCII),
    re.compile(r"/(?P<user>[\w.]{1,64})/(?:reel|p)/(?P<id>[\w-]{5,64})/?", re.ASCII),
)


class UrlList(PostSource):
    """A .txt, .csv, .tsv, .jsonl or .parquet file of addresses."""

    kind: Literal["url_list"] = "url_list"
    urls: Path
    """The list; a .txt file has one address a line, and `;` begins a remark."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Our column -> the list's column, where it has another name; the address is in `url`."""
    license: str | None = None
    """Licence or consent note of every item that has none of its own."""
    videos: Path | None = None
    """Folder of the bytes, each file named by its post's id."""
    bytes_from: Literal["folder", "address", "page"] = "folder"
    """Where bytes come from: `folder` is `videos`; `address` is the address itself, a file;
    `page` is the video of the page, found by yt-dlp (`fetch_videos.pages`)."""
    salt: str = "hashtag2action"
    """Secret that user names are hashed with; set your own for data you pass on."""
    hash_ids: bool = False
    """Hash post ids with the same secret."""

    def tables(
        self, workplace: Path, rows_per_table: int, progress: OnProgress
    ) -> Iterator[pa.Table]:
        """Yield one post per address.

        Raises:
            ConfigError: `columns` names a column that a post does not have, or bytes are to come
                from two places.
            SourceError: The list is missing, of an unknown kind, or not readable at all.
        """
        unknown = sorted(self.columns.keys() - {*POST.names, "url"})
        if unknown:
            raise ConfigError(f"source.columns: a post has no column {', '.join(unknown)}")
        if self.videos and self.bytes_from != "folder":
            raise ConfigError(
                f"source.videos is a folder of bytes, but source.bytes_from is {self.bytes_from}"
            )
        if not self.urls.is_file():
            raise SourceError(f"{self.urls}: no such file; source.urls is the list of addresses")
        mapping = {name: name for name in (*POST.names, "url")} | self.columns
        root = self.videos.resolve() if self.videos else None
        readers = {
            platform: RowReader(platform, self.salt, mapping, self.hash_ids, root, True)
            for platform in {*_HOSTS.values(), "web"}
        }
        files = _files(root)
        rows = self._rows(readers, mapping, files)
        yield from pack(rows, rows_per_table)

    def _rows(
        self, readers: dict[str, RowReader], mapping: dict[str, str], files: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        lines = _text_rows(self.urls) if self.urls.suffix.lower() == ".txt" else None
        for number, values in read_rows(self.urls) if lines is None else lines:
            name = f"row-{number}"
            if isinstance(values, str):
                yield readers["web"].read(name, values)
                continue
            found = read_url(str(values.get(mapping["url"]) or ""))
            if found is None:
                yield readers["web"].read(name, "no address of a post (http or https)")
                continue
            platform, post_id, user = found
            address = str(values[mapping["url"]]).strip()
            known = {
                mapping["post_id"]: post_id,
                mapping["creator"]: values.get(mapping["creator"]) or user,
                mapping["license"]: values.get(mapping["license"]) or self.license,
                mapping["file"]: files.get(post_id),
            }
            row = readers[platform].read(name, {**values, **known})
            if self.bytes_from != "folder" and row["reject_reason"] is None:
                row["file"] = address if self.bytes_from == "address" else f"page+{address}"
            yield row


def read_url(url: str) -> tuple[str, str, str | None] | None:
    """Return platform, post id and user name of an address; None where it is none.

    Addresses of unknown platforms get an id that is a hash of host, path and query.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or "." not in host or not url.isprintable():
        return None
    known = next((name for name in _HOSTS if host == name or host.endswith(f".{name}")), None)
    digest = hashlib.blake2b(f"{host}{parts.path}?{parts.query}".encode(), digest_size=8)
    unknown = f"url-{digest.hexdigest()}"
    if known is None:
        return "web", unknown, None
    for pattern in _PATHS:
        if match := pattern.fullmatch(parts.path):
            return _HOSTS[known], match["id"], match.groupdict().get("user")
    video = parse_qs(parts.query).get("v", [""])[0]
    if known == "youtu.be":
        video = parts.path.strip("/")
    is_id = re.fullmatch(r"[\w-]{5,64}", video, re.ASCII)
    return _HOSTS[known], video if is_id else unknown, None


def _files(root: Path | None) -> dict[str, str]:
    if root is None:
        return {}
    if not root.is_dir():
        raise SourceError(f"{root}: no such folder; source.videos holds the bytes")
    return {
        path.stem: path.name
        for path in sorted(root.iterdir())
        if path.suffix.lower() in VIDEO_SUFFIXES
    }


def _text_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            for number, line in enumerate(lines, start=1):
                if address := line.partition(";")[0].strip():
                    yield number, {"url": address}
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror})") from error
