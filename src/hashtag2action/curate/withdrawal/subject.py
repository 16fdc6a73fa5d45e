"""What belongs to a withdrawn post: its rows, files, names and hashes, in every run of a folder."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, AnyStr

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hashtag2action.curate.export_clips import safe_name
from hashtag2action.curate.withdrawal.tombstones import Remains, Tombstones
from hashtag2action.manifest import Manifest
from hashtag2action.sources.base import hash_post_id
from hashtag2action.transfer.store import stored_name
from hashtag2action.vision.candidates import candidate_pairs
from hashtag2action.vision.fingerprint import Fingerprint
from hashtag2action.vision.neighbors import FingerprintMatcher

SIDES = ("kept", "rejected")
LEAST_DISTINCT_CHARS = 6
"""Ids shorter than this are looked for as whole words of a table only, not inside texts."""
_COLUMNS = (
    "post_id",
    "video_id",
    "clip_id",
    "video_path",
    "video_sha256",
    "path",
    "clip_sha256",
)
_PRINT_COLUMNS = ("fingerprints", "fingerprint_times_s")
_BLOCK = 2_000
"""Scenes searched for copies at once. Chosen: some 10 MB of fingerprints."""


@dataclass
class Subject:
    """All that is known of one post."""

    post_id: str
    clip_ids: set[str] = field(default_factory=set)
    files: set[Path] = field(default_factory=set)
    sha256s: set[str] = field(default_factory=set)
    prints: list[Fingerprint] = field(default_factory=list)
    num_rows: int = 0

    def remains(self) -> Remains:
        """Return what a tombstone keeps."""
        return Remains(self.post_id, frozenset(self.sha256s), tuple(self.prints))


class Names:
    """Recognizes texts that speak of certain posts: ids, clip ids, and names made from them."""

    def __init__(
        self,
        post_ids: Collection[str],
        clip_ids: Collection[str] = (),
        others: Collection[str] = (),
    ) -> None:
        """Note names.

        Args:
            post_ids: The posts.
            clip_ids: Their clips.
            others: Ids of other posts and clips; where one holds one of the names, as `clip-2`
                holds `clip`, it speaks of the other.
        """
        made = {safe_name(text) for text in (*post_ids, *clip_ids)}
        made |= {stored_name(text) for text in post_ids}
        # The readable half of a cleaned name, whatever hash follows it.
        made |= {re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:80] for text in post_ids}
        self._whole = {*post_ids, *clip_ids, *made}
        words = _words({text for text in self._whole if len(text) >= LEAST_DISTINCT_CHARS})
        theirs = {name for text in others for name in (text, safe_name(text), stored_name(text))}
        self._whole -= theirs
        theirs = {name for name in theirs if re.search(words, name)}
        self._pattern, self._others = re.compile(words), re.compile(_words(theirs))
        self._bytes = re.compile(words.encode()), re.compile(_words(theirs).encode())

    def in_text(self, text: str) -> bool:
        """Whether a text is one of the names, or speaks of one."""
        return text in self._whole or _is_found(self._pattern, self._others, text)

    def in_bytes(self, content: bytes) -> bool:
        """Whether bytes speak of one of the longer names."""
        return _is_found(*self._bytes, content)

    def in_path(self, path: Path) -> bool:
        """Whether a file's name is made from one of the names."""
        is_found = _is_found(self._pattern, self._others, path.as_posix())
        return path.stem in self._whole or is_found


def _words(names: Collection[str]) -> str:
    """Return a pattern of any of some names as whole words, the longest first."""
    ordered = sorted(names, key=lambda text: (-len(text), text))
    words = "|".join(re.escape(text) for text in ordered)
    return f"(?<![A-Za-z0-9])(?:{words})(?![A-Za-z0-9])" if words else "(?!)"


def _is_found(pattern: re.Pattern[AnyStr], others: re.Pattern[AnyStr], content: AnyStr) -> bool:
    """Whether a pattern is found outside what others are found as."""
    found = [match.span() for match in pattern.finditer(content)]
    if not found:
        return False
    theirs = [match.span() for match in others.finditer(content)]
    return any(all(start < first or end > last for first, last in theirs) for start, end in found)


def ids_of_others(runs: Sequence[Path], known: Collection[str]) -> set[str]:
    """Return the ids of posts and clips in the tables of some runs that are not meant.

    Args:
        runs: The runs.
        known: Ids of the posts, or clips, that are meant.
    """
    found: set[str] = set()
    for run in runs:
        for _, row in rows_of(run):
            post_id, clip_id = post_of(row), row.get("clip_id")
            if post_id not in known and clip_id not in known:
                found |= {text for text in (post_id, clip_id) if text}
    return found


def run_folders(folders: Sequence[Path]) -> list[Path]:
    """Return the runs below some folders: what holds stage folders."""
    plans = (plan for folder in folders for plan in folder.rglob("plan.json"))
    return sorted({plan.parent.parent for plan in plans if re.match(r"\d\d-", plan.parent.name)})


def ids_meant(given: Iterable[str], runs: Sequence[Path]) -> list[str]:
    """Return ids, and what stands for them in runs whose source hashes the ids of posts."""
    found = dict.fromkeys(given)
    salts = set()
    for posts in (Manifest(run / "00-posts") for run in runs):
        if (posts.root / "plan.json").exists():
            settings = posts.settings()
            if settings.get("hash_ids"):
                salts.add(settings["salt"])
    return [*found, *(hash_post_id(name, salt) for salt in sorted(salts) for name in found)]


def stages_of(run: Path) -> list[Manifest]:
    """Return the stages of a run, in the order of the line, finished or not."""
    return [Manifest(plan.parent) for plan in sorted(run.glob("[0-9][0-9]-*/plan.json"))]


def parts_of(manifest: Manifest) -> list[str]:
    """Return the names of a stage's parts, halves whose other half is missing included."""
    paths = (path for side in SIDES for path in (manifest.root / side).glob("part-*.parquet"))
    return sorted({path.stem for path in paths})


def rows_of(run: Path, *, with_prints: bool = False) -> Iterator[tuple[Manifest, dict[str, Any]]]:
    """Yield what identifies each row of each stage, kept or rejected."""
    columns = (*_COLUMNS, *_PRINT_COLUMNS) if with_prints else _COLUMNS
    for manifest in stages_of(run):
        for part in parts_of(manifest):
            for side in SIDES:
                path = manifest.root / side / f"{part}.parquet"
                if path.exists():
                    with pq.ParquetFile(path) as file:
                        known = [name for name in columns if name in file.schema_arrow.names]
                        table = file.read(known)
                    for row in table.to_pylist():
                        yield manifest, row


def post_of(row: dict[str, Any]) -> str | None:
    """Return the id of the post a row came from; a repeated row's mark is left out."""
    post_id = row.get("post_id") or row.get("video_id")
    return re.sub(r"#\d+$", "", post_id) if post_id else None


def find_subjects(
    given: Iterable[str], runs: Sequence[Path], tombstones: Sequence[Tombstones]
) -> dict[str, Subject]:
    """Gather all that belongs to posts, given by id or by the id of one of their clips.

    Posts whose ids or files the tombstones know are gathered too.
    """
    wanted = dict.fromkeys(given)
    subjects: dict[str, Subject] = {}
    for run in runs:
        for _, row in rows_of(run):
            post_id, digest = post_of(row), row.get("video_sha256")
            if post_id is None or post_id in subjects:
                continue
            if row.get("clip_id") in wanted:
                wanted[row["clip_id"]] = post_id
                subjects[post_id] = Subject(post_id)
            for stones in tombstones:
                if stones.knows_id(post_id) or (digest and stones.knows_file(digest)):
                    subjects[post_id] = Subject(post_id)
    for name, post_id in wanted.items():
        subjects.setdefault(post_id or name, Subject(post_id or name))
    for run in runs:
        for manifest, row in rows_of(run, with_prints=True):
            subject = subjects.get(post_of(row) or "")
            if subject is not None:
                _note(subject, manifest, row)
    return subjects


def _note(subject: Subject, manifest: Manifest, row: dict[str, Any]) -> None:
    subject.num_rows += 1
    if row.get("clip_id"):
        subject.clip_ids.add(row["clip_id"])
    if row.get("video_path"):
        subject.files.add(Path(row["video_path"]))
    if row.get("path"):
        subject.files.add(manifest.root / "media" / row["path"])
    for name in ("video_sha256", "clip_sha256"):
        if row.get(name):
            subject.sha256s.add(row[name])
    if row.get("fingerprints"):
        found = print_of(row)
        if all(found.to_bytes() != known.to_bytes() for known in subject.prints):
            subject.prints.append(found)


def print_of(row: dict[str, Any]) -> Fingerprint:
    """Return the fingerprint of a row."""
    times_s = np.asarray(row["fingerprint_times_s"], np.float64)
    return Fingerprint.from_bytes(row["fingerprints"], times_s)


def find_copies(
    prints: Sequence[Fingerprint],
    sha256s: Collection[str],
    known: Collection[str],
    runs: Sequence[Path],
) -> set[str]:
    """Return the posts of some runs that show the pictures of these scenes, or of their copies.

    Args:
        prints: Scenes to look for.
        sha256s: Files to look for.
        known: Posts not to ask about.
        runs: Where to look.
    """
    copies: set[str] = set()
    wanted = list(prints)
    while wanted or sha256s:
        found: dict[str, list[Fingerprint]] = {}
        for block in _blocks(runs, {*known, *copies}):
            for post_id, scenes in _copies_in(block, wanted, sha256s).items():
                found.setdefault(post_id, []).extend(scenes)
        copies |= found.keys()
        # A copy of a copy shows the same pictures.
        wanted, sha256s = [scene for scenes in found.values() for scene in scenes], ()
    return copies


_Scene = tuple[str, str | None, Fingerprint | None]


def _blocks(runs: Sequence[Path], known: Collection[str]) -> Iterator[list[_Scene]]:
    """Yield post, SHA-256 and fingerprint of each scene of other posts, once, block by block."""
    block: list[_Scene] = []
    for run in runs:
        seen: set[tuple[str, str | None]] = set()
        for _, row in rows_of(run, with_prints=True):
            post_id = post_of(row)
            if post_id is None or post_id in known:
                continue
            scene = row.get("clip_id") if row.get("fingerprints") else None
            name = (post_id, scene or row.get("video_sha256"))
            if name[1] is None or name in seen:
                continue
            seen.add(name)
            block.append((post_id, row.get("video_sha256"), print_of(row) if scene else None))
            if len(block) == _BLOCK:
                yield block
                block = []
    yield block


def _copies_in(
    block: Sequence[_Scene], wanted: Sequence[Fingerprint], sha256s: Collection[str]
) -> dict[str, list[Fingerprint]]:
    scenes = [(post_id, scene) for post_id, _, scene in block if scene is not None]
    every = [*wanted, *(scene for _, scene in scenes)]
    copies = {post_id for post_id, digest, _ in block if digest in sha256s}
    matcher = FingerprintMatcher()
    for one, other in candidate_pairs(every).tolist() if wanted and scenes else []:
        is_across = one < len(wanted) <= other
        if is_across and matcher.match(every[one], every[other]) is not None:
            copies.add(scenes[other - len(wanted)][0])
    found: dict[str, list[Fingerprint]] = {post_id: [] for post_id in copies}
    for post_id, scene in scenes:
        if post_id in found:
            found[post_id].append(scene)
    return found


def mask_of(table: pa.Table, subjects: Collection[str]) -> list[bool]:
    """Return which rows of a stage's table came from certain posts."""
    names = [name for name in ("post_id", "video_id") if name in table.column_names]
    if not names:
        return [False] * table.num_rows
    rows = table.select(names).to_pylist()
    return [post_of(row) in subjects for row in rows]
