"""Take posts out of files that are no stage's table: exports, lists, stored answers, truth files.

What a kind of file holds decides how: lines go, entries of JSON go, rows of a table go, pages and
files named after a post go whole, and so do files with the SHA-256 of one of its own, whatever
their name, also as members of an archive. A kind not known here is left, and `check` tells it.
"""

import csv
import gzip
import hashlib
import html
import io
import json
import tarfile
import zlib
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hashtag2action.curate.withdrawal.subject import SIDES, Names
from hashtag2action.curate.withdrawal.tombstones import FILE_NAME
from hashtag2action.manifest import write_table, write_text
from hashtag2action.transfer.budget import LEDGER, forget

_LINES = {".jsonl", ".txt", ".tsv", ".log", ".ndjson"}
_PAGES = {".html", ".md"}
_GONE = object()

IsTheirs = Callable[[str], bool]


def _nobody(digest: str) -> bool:
    return False


def scrub_folder(
    folder: Path, names: Names, runs: Collection[Path], is_theirs: IsTheirs = _nobody
) -> list[Path]:
    """Take posts out of the files below a folder; returns the files that changed or went.

    Tables of stages and the datasets of runs are left: they are purged and written anew.

    Args:
        folder: Any folder.
        names: What speaks of the posts.
        runs: Runs below the folder.
        is_theirs: Whether a SHA-256, hexadecimal, is that of one of the posts' files.
    """
    changed = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name == FILE_NAME or _is_of_a_run(path, runs):
            continue
        if names.in_path(path.relative_to(folder)) or _is_file_of(path, is_theirs):
            path.unlink()
            changed.append(path)
        elif (path.suffix == ".tar" and _scrub_tar(path, names, is_theirs)) or _scrub(path, names):
            changed.append(path)
    return changed


def _is_file_of(path: Path, is_theirs: IsTheirs) -> bool:
    """Whether a file holds what a digest is of, as it is or compressed."""
    if is_theirs is _nobody:
        return False
    with path.open("rb") as file:
        if is_theirs(hashlib.file_digest(file, "sha256").hexdigest()):
            return True
    if path.suffix != ".gz":
        return False
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error):
        return False
    return is_theirs(hashlib.sha256(content).hexdigest())


def _scrub_tar(path: Path, names: Names, is_theirs: IsTheirs) -> bool:
    """Write an archive anew without the members that are theirs; an empty one goes."""

    def is_gone(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bool:
        file = archive.extractfile(member)
        content = file.read() if file else b""
        digest = hashlib.sha256(content).hexdigest()
        return is_theirs(digest) or names.in_text(member.name) or names.in_bytes(content)

    try:
        with tarfile.open(path) as archive:
            are_gone = [is_gone(archive, member) for member in archive]
            if not any(are_gone):
                return False
            left = [m for m, gone in zip(archive.getmembers(), are_gone, strict=True) if not gone]
            if left:
                beside = path.with_name(f".{path.name}.scrubbed")
                with tarfile.open(beside, "w") as after:
                    for member in left:
                        after.addfile(member, archive.extractfile(member))
                beside.replace(path)
    except tarfile.TarError:
        return False
    if not left:
        path.unlink()
    return True


def _is_of_a_run(path: Path, runs: Collection[Path]) -> bool:
    is_part = path.parent.name in SIDES and (path.parent.parent / "plan.json").exists()
    return is_part or any(path.is_relative_to(run / "dataset") for run in runs)


def _scrub(path: Path, names: Names) -> bool:
    how: dict[str, Callable[[Path, Names], bool]] = {
        ".json": _scrub_json,
        ".gz": _scrub_gzip,
        ".csv": _scrub_csv,
        ".parquet": _scrub_parquet,
    }
    if path.name == LEDGER:
        return forget(path, names.in_text)
    if path.suffix in _LINES:
        return _scrub_lines(path, names)
    if path.suffix in _PAGES:
        return _remove_page(path, names)
    return how[path.suffix](path, names) if path.suffix in how else False


def _scrub_lines(path: Path, names: Names) -> bool:
    lines = path.read_text("utf-8", errors="surrogateescape").splitlines(keepends=True)
    kept = [line for line in lines if not names.in_text(line.strip())]
    if path.suffix in {".jsonl", ".ndjson"}:
        kept = [line for line in kept if _without(_parsed(line), names) is not _GONE]
    if len(kept) == len(lines):
        return False
    _write_bytes(path, "".join(kept).encode("utf-8", errors="surrogateescape"))
    return True


def _remove_page(path: Path, names: Names) -> bool:
    text = path.read_text("utf-8", errors="replace")
    if not names.in_text(text) and not names.in_text(html.unescape(text)):
        return False
    path.unlink()
    return True


def _scrub_json(path: Path, names: Names) -> bool:
    before = _parsed(path.read_text("utf-8", errors="surrogateescape"))
    after = _without(before, names)
    if after is _GONE:
        path.unlink()
        return True
    if after == before:
        return False
    write_text(path, json.dumps(after, indent=1, ensure_ascii=True) + "\n")
    return True


def _scrub_gzip(path: Path, names: Names) -> bool:
    """Scrub a stored answer of a platform; its name, which is its ledger, stays."""
    try:
        before = _parsed(gzip.decompress(path.read_bytes()).decode("utf-8", "surrogateescape"))
    except (OSError, EOFError, zlib.error):
        return False
    after = _without(before, names)
    if after is _GONE or after == before:
        return False
    text = json.dumps(after, ensure_ascii=True, separators=(",", ":"))
    _write_bytes(path, gzip.compress(text.encode(), compresslevel=6, mtime=0))
    return True


def _scrub_csv(path: Path, names: Names) -> bool:
    text = path.read_text("utf-8", errors="surrogateescape")
    rows = list(csv.reader(io.StringIO(text)))
    kept = [row for row in rows if not any(names.in_text(cell) for cell in row)]
    if len(kept) == len(rows):
        return False
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(kept)
    _write_bytes(path, out.getvalue().encode("utf-8", errors="surrogateescape"))
    return True


def _scrub_parquet(path: Path, names: Names) -> bool:
    table = pq.read_table(path)
    gone = [False] * table.num_rows
    for name in table.column_names:
        for place, value in enumerate(table[name].to_pylist()):
            gone[place] = gone[place] or speaks(value, names)
    if not any(gone):
        return False
    write_table(path, table.filter(pa.array([not yes for yes in gone], pa.bool_())))
    return True


def speaks(value: Any, names: Names) -> bool:
    """Whether a cell of a table speaks of a post."""
    if isinstance(value, str):
        return names.in_text(value)
    if isinstance(value, bytes):
        return names.in_bytes(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return names.in_text(str(value))
    if isinstance(value, dict):
        return any(speaks(item, names) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(speaks(item, names) for item in value)
    return False


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _without(value: Any, names: Names) -> Any:
    """Return JSON without what speaks of a post: list items, keys, objects that carry its id."""
    if isinstance(value, str):
        return _text_without(value, names)
    if isinstance(value, list):
        kept = [_without(item, names) for item in value if not _is_about(item, names)]
        return [item for item in kept if item is not _GONE]
    if isinstance(value, dict):
        return _object_without(value, names)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return _GONE if is_number and names.in_text(str(value)) else value


def _is_about(item: Any, names: Names) -> bool:
    """Whether an item of a list says, outside lists of its own, that it is about a post."""
    if not isinstance(item, dict):
        return False
    return any(
        _is_about(value, names) if isinstance(value, dict) else _without(value, names) is _GONE
        for value in item.values()
        if not isinstance(value, list)
    )


def _text_without(text: str, names: Names) -> Any:
    """Return a text that does not speak of a post; one that holds JSON is looked into."""
    if not names.in_text(text):
        return text
    inner = _parsed(text) if text[:1] in "{[" else None
    kept = _GONE if inner is None else _without(inner, names)
    return _GONE if kept is _GONE else json.dumps(kept, ensure_ascii=False)


def _object_without(value: dict[str, Any], names: Names) -> Any:
    pairs = {key: _without(item, names) for key, item in value.items() if not names.in_text(key)}
    for key, item in pairs.items():
        if item is _GONE and not isinstance(value[key], (dict, list)):
            return _GONE
    return {key: item for key, item in pairs.items() if item is not _GONE}


def _write_bytes(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.scrubbed")
    beside.write_bytes(content)
    beside.replace(path)
