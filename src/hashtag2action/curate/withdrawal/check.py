"""Prove that nothing is left of withdrawn posts: read every file, whatever made it.

Looked for are the ids given, in names and in content, also inside compressed files and archives;
files and members of an archive with the SHA-256 of withdrawn ones; rows whose id or whose
fingerprint the tombstones know. It goes through the files by itself, whatever made them.
"""

import gzip
import hashlib
import html
import re
import tarfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hashtag2action.curate.withdrawal.scrub import speaks
from hashtag2action.curate.withdrawal.subject import (
    LEAST_DISTINCT_CHARS,
    Names,
    find_copies,
    ids_meant,
    ids_of_others,
    post_of,
    rows_of,
    run_folders,
)
from hashtag2action.curate.withdrawal.tombstones import FILE_NAME, Tombstones

_WORDS = (re.compile(r"[A-Za-z0-9_-]{3,160}"), re.compile(r"[^\s\"',;<>]{3,160}"))


@dataclass
class Leftovers:
    """What a search found."""

    num_places: int = 0
    """Files, members of archives and tables that were searched."""
    places: list[str] = field(default_factory=list)
    """Where something is left, and what."""


def check_withdrawn(post_ids: Collection[str], folders: Sequence[Path]) -> Leftovers:
    """Search folders for what is left of posts, and of all their tombstones stand for.

    Raises:
        ManifestError: A file of tombstones is none.
    """
    runs = run_folders(folders)
    stones = [Tombstones.read(run / FILE_NAME) for run in runs if (run / FILE_NAME).exists()]
    meant = ids_meant(post_ids, runs)
    rows = ((manifest, post_of(row)) for run in runs for manifest, row in rows_of(run))
    left = [row for row in rows if row[1] and any(one.knows_id(row[1]) for one in stones)]
    others = ids_of_others(runs, {*meant, *(post_id for _, post_id in left if post_id)})
    names = Names(meant, others=others)
    withdrawn = _Withdrawn(stones, others)
    found = Leftovers()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name != FILE_NAME:
                _search(path, path.relative_to(folder), names, withdrawn, found)
    found.places += [f"{manifest.root}: a row of a withdrawn post" for manifest, _ in left]
    prints = [scene for one in stones for scene in one.prints()]
    for post_id in sorted(find_copies(prints, (), (), runs)):
        found.places.append(f"{post_id}: shows a withdrawn scene")
    return found


def _search(
    path: Path, relative: Path, names: Names, withdrawn: "_Withdrawn", found: Leftovers
) -> None:
    if names.in_path(relative):
        found.places.append(f"{path}: is named after it")
    for place, content in _contents(path):
        found.num_places += 1
        digest = hashlib.sha256(content).hexdigest()
        if any(one.knows_file(digest) for one in withdrawn.stones):
            found.places.append(f"{place}: is one of its files")
        if names.in_bytes(content):
            found.places.append(f"{place}: speaks of it")
        elif withdrawn.is_told_in(content):
            found.places.append(f"{place}: speaks of a withdrawn post")
    if path.suffix == ".parquet":
        found.num_places += 1
        if _table_speaks(path, names, withdrawn.stones):
            found.places.append(f"{path}: has rows that speak of it")


@dataclass(frozen=True)
class _Withdrawn:
    """Posts known by their tombstones alone, among others whose ids may hold theirs."""

    stones: Sequence[Tombstones]
    others: Collection[str]

    def is_told_in(self, content: bytes) -> bool:
        """Whether a text has a word that is the id of one, and no part of another's id."""
        words = [word for word in _words(content) if any(one.knows_id(word) for one in self.stones)]
        return any(
            len(word) < LEAST_DISTINCT_CHARS or Names([word], others=self.others).in_bytes(content)
            for word in words
        )


def _words(content: bytes) -> set[str]:
    """Return what may be an id in a text, longest and shortest reading; nothing for other bytes."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return set()
    return {word for kind in _WORDS for word in kind.findall(text)}


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    content = path.read_bytes()
    yield str(path), content
    if path.suffix == ".html":
        yield f"{path} (as shown)", html.unescape(content.decode(errors="replace")).encode()
    if path.suffix == ".gz":
        try:
            yield f"{path} (unpacked)", gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
    if path.suffix == ".tar":
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    file = archive.extractfile(member)
                    yield f"{path}:{member.name}", file.read() if file else b""
        except tarfile.TarError:
            return


def _table_speaks(path: Path, names: Names, stones: Sequence[Tombstones]) -> bool:
    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except pa.ArrowException:
        return False
    for name in table.column_names:
        values = table[name].to_pylist()
        if any(speaks(value, names) for value in values):
            return True
        if name.endswith("sha256"):
            digests = [value for value in values if isinstance(value, str)]
            if any(one.knows_file(digest) for digest in digests for one in stones):
                return True
    return False
