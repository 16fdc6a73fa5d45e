"""Search files for what belongs to some posts: it shares no code with the withdrawal it judges."""

import base64
import gzip
import hashlib
import io
import re
import tarfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

RUN_BYTES = 32
"""A run of bytes this long is somebody's. Chosen: no two encodings of one film agree so far."""
_EVERY = 64
"""Bytes from one run to the next: any 95 bytes in a row that are left hold a whole one."""
_HASH_BITS = 27  # chosen: one place in a thousand is taken by chance
_ODD = np.uint64(0x9E3779B97F4A7C15)
_PICTURE = re.compile(rb"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)")
KINDS = ("whole files, by SHA-256", "runs of bytes", "ids, names and digests", "fingerprints")


@dataclass
class Evidence:
    """What belongs to the posts."""

    digests: set[str]
    """SHA-256 of their videos and clips, hexadecimal."""
    words: set[bytes]
    """Their ids, those of their clips, names made from them, digests."""
    prints: set[bytes]
    """Fingerprints of their scenes, as tables hold them."""
    runs: "Runs"
    """Runs of bytes of their media, without those that others' media hold, too."""


class Runs:
    """Runs of bytes that can be looked for at any offset, all at once."""

    def __init__(self, contents: Iterable[bytes]) -> None:
        self._runs: dict[bytes, set[bytes]] = {}
        for content in contents:
            for start in range(0, len(content) - RUN_BYTES + 1, _EVERY):
                run = content[start : start + RUN_BYTES]
                # Runs of few different bytes are padding and tables of nothing.
                if len(set(run)) > RUN_BYTES // 2:
                    self._runs.setdefault(run[:8], set()).add(run)
        self._index()

    def __len__(self) -> int:
        return sum(len(runs) for runs in self._runs.values())

    def _index(self) -> None:
        heads = np.frombuffer(b"".join(self._runs), np.uint64)
        self._is_known = np.zeros(1 << _HASH_BITS, np.bool_)
        self._is_known[_hashed(heads)] = True

    def without(self, contents: Iterable[bytes]) -> "Runs":
        """Leave out the runs that these contents hold, too."""
        for content in contents:
            for run in self.found_in(content):
                self._runs[run[:8]].discard(run)
        self._index()
        return self

    def found_in(self, content: bytes) -> set[bytes]:
        """Return the runs that a content holds, at any offset."""
        found = set()
        for offset in range(8):
            count = (len(content) - offset) // 8
            heads = np.frombuffer(content, np.uint64, max(0, count), offset if count > 0 else 0)
            for place in np.flatnonzero(self._is_known[_hashed(heads)]):
                start = offset + 8 * int(place)
                run = content[start : start + RUN_BYTES]
                if run in self._runs.get(run[:8], ()):
                    found.add(run)
        return found


def _hashed(heads: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return (heads * _ODD) >> np.uint64(64 - _HASH_BITS)


@dataclass
class Search:
    """Goes through files, and counts what it finds of each kind."""

    evidence: Evidence
    num_files: int = 0
    num_bytes: int = 0
    found: Counter[str] = field(default_factory=Counter)
    places: list[str] = field(default_factory=list)

    def folder(self, folder: Path, apart: str = "") -> "Search":
        """Search every file below a folder but those named `apart`, their names, too."""
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != apart:
                self.file(path)
        return self

    def file(self, path: Path) -> "Search":
        """Search a file, whatever it holds."""
        self.num_files += 1
        self._note(str(path), path.as_posix().encode())
        for place, content in contents_of(path):
            self.num_bytes += len(content)
            self._note(place, content)
        return self

    def size(self) -> str:
        """Say how much was searched."""
        return f"{self.num_bytes / 1e6:.0f} in {self.num_files}"

    def _note(self, place: str, content: bytes) -> None:
        known = self.evidence
        found = {
            KINDS[0]: int(hashlib.sha256(content).hexdigest() in known.digests),
            KINDS[1]: len(known.runs.found_in(content)),
            KINDS[2]: sum(word in content for word in known.words),
            KINDS[3]: sum(one in content for one in known.prints),
        }
        self.found.update(found)
        self.places += [f"{place}: {kind}" for kind, count in found.items() if count]


def contents_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield a file's content, and what is packed into it: members, cells, pictures of a page."""
    content = path.read_bytes()
    yield str(path), content
    if path.suffix == ".gz":
        yield f"{path} (unpacked)", gzip.decompress(content)
    if path.suffix == ".tar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                file = archive.extractfile(member)
                yield f"{path}:{member.name}", file.read() if file else b""
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        for name in table.column_names:
            yield f"{path}:{name}", _cells(table[name].combine_chunks())
    if path.suffix in {".html", ".md"}:
        for number, found in enumerate(_PICTURE.findall(content)):
            yield f"{path} (picture {number})", base64.b64decode(found)


def _cells(values: pa.Array) -> bytes:
    """Return all cells of a column, one after the other, a line each."""
    while pa.types.is_list(values.type):
        values = values.flatten()
    if pa.types.is_binary(values.type):
        return b"\n".join(value for value in values.to_pylist() if value is not None)
    return "\n".join(str(value) for value in values.to_pylist() if value is not None).encode()


def pictures_of(uris: Collection[str]) -> list[bytes]:
    """Return the pictures of data URIs."""
    return [base64.b64decode(uri.partition(",")[2]) for uri in uris if uri]
