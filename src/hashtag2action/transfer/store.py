"""Where fetched bytes lie: inside one folder, under names made here, whole or not at all."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hashtag2action.errors import OverTotalBytesError, VideoError
from hashtag2action.manifest import write_json
from hashtag2action.transfer.budget import ByteBudget
from hashtag2action.transfer.content import HEAD_BYTES, refuse_wrong_content, sha256_of

_STEP_BYTES = 1024**2
"""Bytes held at a time for a file of unknown size (chosen: few steps for a short video)."""


class CutOffError(Exception):
    """A file ended before it was whole."""


def stored_name(post_id: str) -> str:
    """Return the name of a post's file, without suffix: equal for equal ids, safe for any."""
    return hashlib.blake2b(post_id.encode(errors="replace"), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Store:
    """A folder of files by the ids of their posts, with what they may hold."""

    folder: Path
    budget: ByteBudget
    max_size_bytes: int

    def place(self, post_id: str) -> "Place":
        """Return the place of a post's file; no id leads out of the folder."""
        name = stored_name(post_id)
        return Place(self, name, (self.folder / name[:2] / f"{name}.video").resolve())


@dataclass(frozen=True)
class Place:
    """One file, and beside it what has come of it so far."""

    store: Store
    name: str
    path: Path

    @property
    def _partial(self) -> Path:
        return self.path.with_suffix(".partial")

    @property
    def _note(self) -> Path:
        return self.path.with_suffix(".partial.json")

    @property
    def is_whole(self) -> bool:
        """Whether the file is here."""
        return self.path.exists()

    def begun(self, address: str) -> tuple[int, str | None]:
        """Return how many bytes of this address are here, and what tells its version."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            if note["address"] == _digest(address):
                return self._partial.stat().st_size, note["version"]
        except (OSError, ValueError, KeyError, TypeError):
            # Nothing was begun, or a kill fell between its two files: it begins anew.
            pass
        return 0, None

    def begin(self, address: str, version: str | None) -> None:
        """Begin anew, and note of what, so that it may be gone on with."""
        self._note.unlink(missing_ok=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._partial.write_bytes(b"")
        if version:
            write_json(self._note, {"address": _digest(address), "version": version})

    def expect(self, num_bytes: int) -> None:
        """Hold as many bytes as the whole file is said to have.

        Raises:
            VideoError: That is more than one file may have.
            OverTotalBytesError: That is more than the run may hold.
        """
        if num_bytes > self.store.max_size_bytes:
            raise VideoError(f"file of more than {self.store.max_size_bytes} bytes")
        self.store.budget.hold(self.name, num_bytes)

    def append(self, blocks: Iterable[bytes], expected_bytes: int | None) -> None:
        """Write what comes, looking at the first bytes as soon as they are here.

        Raises:
            VideoError: It is too large, or something else than a video.
            OverTotalBytesError: The run may hold no more.
            CutOffError: It ended early.
        """
        with self._partial.open("ab+") as file:
            size, held, is_seen = file.tell(), 0, False
            if expected_bytes is not None:
                self.expect(expected_bytes)
                held = expected_bytes
            for block in blocks:
                size += len(block)
                if size > held:
                    held = self._expect_more(size)
                file.write(block)
                if not is_seen and size >= HEAD_BYTES:
                    _look(file)
                    is_seen = True
            if expected_bytes is not None and size != expected_bytes:
                raise CutOffError(f"{size} of {expected_bytes} bytes")
            _look(file)

    def _expect_more(self, num_bytes: int) -> int:
        """Hold a step more than is here, or just that where no step is left."""
        step = min(num_bytes + _STEP_BYTES, max(self.store.max_size_bytes, num_bytes))
        try:
            self.expect(step)
        except OverTotalBytesError:
            self.expect(num_bytes)
            return num_bytes
        return step

    def finish(self, stated_sha256: str | None) -> tuple[str, int]:
        """Give the whole file its name; returns its SHA-256 and size.

        Raises:
            VideoError: Another SHA-256 was stated.
        """
        size = self._partial.stat().st_size
        digest = sha256_of(self._partial, stated_sha256)
        self.store.budget.hold(self.name, size)
        self._partial.replace(self.path)
        self._note.unlink(missing_ok=True)
        return digest, size

    def give_up(self) -> None:
        """Leave nothing of the file."""
        for path in (self.path, self._partial, self._note):
            path.unlink(missing_ok=True)
        self.store.budget.hold(self.name, 0)


def _look(file: BinaryIO) -> None:
    file.flush()
    file.seek(0)
    refuse_wrong_content(file.read(HEAD_BYTES))
    file.seek(0, 2)


def _digest(address: str) -> str:
    return hashlib.sha256(address.encode(errors="replace")).hexdigest()
