"""What a file is by its first bytes: refuse what is plainly no video; the decoder judges the rest.

Playlists are refused here on purpose: a decoder would follow their addresses, past every rule about
which machines may be asked.
"""

import hashlib
from pathlib import Path

from hashtag2action.errors import ReplacedError, VideoError

HEAD_BYTES = 512
"""Bytes that are looked at (chosen: every signature below lies in them)."""
_BLOCK_BYTES = 1 << 20

_TEXTS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"<!doctype", b"<html", b"<head", b"<?xml"), "a web page"),
    ((b"{", b"[{"), "JSON"),
    ((b"#extm3u", b"ffconcat version", b"[playlist]", b"v=0\r\no=", b"v=0\no=", b"<smil",
      b"<mpd", b"[reference]", b"asf "), "a playlist"),
)  # fmt: skip
_SIGNATURES: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"), "a picture"),
    ((b"%PDF-",), "a PDF"),
    ((b"PK\x03\x04", b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"BZh",
      b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"), "an archive"),
    ((b"\x7fELF", b"MZ", b"#!/"), "a program"),
)  # fmt: skip


def refuse_wrong_content(head: bytes) -> None:
    """Look at the first bytes of a file.

    Raises:
        VideoError: They are those of something else than a video.
    """
    if not head:
        raise VideoError("empty file")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for starts, what in _TEXTS:
        if text.startswith(starts):
            raise VideoError(f"{what}, not a video")
    for starts, what in _SIGNATURES:
        if head.startswith(starts):
            raise VideoError(f"{what}, not a video")


def refuse_wrong_file(path: Path, size_bytes: int, max_size_bytes: int) -> None:
    """Look at a file that is here.

    Raises:
        VideoError: It is empty, too large, or something else than a video.
    """
    if size_bytes > max_size_bytes:
        raise VideoError(f"file of more than {max_size_bytes} bytes")
    with path.open("rb") as file:
        refuse_wrong_content(file.read(HEAD_BYTES))


def sha256_of(path: Path, stated: str | None = None) -> str:
    """Return the SHA-256 of a file.

    Raises:
        VideoError: Another was stated.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
    if stated and stated.strip().lower() != digest.hexdigest():
        raise VideoError("SHA-256 is not the stated one")
    return digest.hexdigest()


def refuse_replaced(path: Path, sha256: str | None) -> None:
    """Look whether a file still holds the bytes that were fetched.

    Size and time of a file are no proof, so all of it is read.

    Args:
        path: The file.
        sha256: Of the bytes that were fetched, hexadecimal; null where nobody took it.

    Raises:
        ReplacedError: It holds others.
        VideoError: It cannot be read.
    """
    if sha256 is None:
        return
    try:
        digest = sha256_of(path)
    except FileNotFoundError as error:
        raise VideoError("no such file") from error
    except OSError as error:
        raise VideoError(f"cannot be opened ({error.strerror})") from error
    if digest != sha256:
        raise ReplacedError("other bytes than were fetched")
