"""Parts of a video file for a player that seeks: byte ranges, as in RFC 9110, section 14."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hashtag2action.video.container import open_video

_BLOCK = 2**18  # bytes sent at once
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_KINDS = {
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo",
    ".mov": "video/quicktime",
}
"""What is not here is sent as MP4, the form that platforms serve."""


@dataclass(frozen=True)
class Span:
    """Bytes of a file, from `first` up to, but without, `end`."""

    path: Path
    first: int
    end: int
    size: int
    """Of the whole file."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the file."""
        return (self.first, self.end) == (0, self.size)

    @property
    def kind(self) -> str:
        """Its media type."""
        return _KINDS.get(self.path.suffix.lower(), "video/mp4")

    def blocks(self) -> Iterator[bytes]:
        """Read the bytes; fewer where the file has shrunk."""
        with self.path.open("rb") as file:
            file.seek(self.first)
            left = self.end - self.first
            while left > 0 and (block := file.read(min(_BLOCK, left))):
                left -= len(block)
                yield block


def span_of(path: Path, asked: str | None) -> Span | None:
    """Return the bytes that a `Range` header asks for; all of them without one, or with several.

    Args:
        path: A video file; what a table names may be any other, and that is not sent.
        asked: Value of the header.

    Returns:
        None where the range begins beyond the file.

    Raises:
        VideoError: The file is no video.
    """
    with open_video(path):
        size = path.stat().st_size
    found = _RANGE.fullmatch((asked or "").strip())
    if found is None or not any(found.groups()):
        return Span(path, 0, size, size)
    first, last = found.groups()
    if not first:  # the last so many bytes
        return Span(path, max(0, size - int(last)), size, size) if int(last) else None
    end = min(size, int(last) + 1) if last else size
    if last and int(last) < int(first):
        return Span(path, 0, size, size)
    return Span(path, int(first), end, size) if int(first) < size else None
