"""Every paid answer of a platform on disk, and the ledger that follows from it.

    store/
      lock                                   one process at a time
      answers/<key>/00002-20261122-1.json.gz the third answer to a question: day, units
      answers/<key>/00003-20261122-1.asked   asked, and not answered yet
      answers/<key>/00003-20261122-1.0.lost  asked, and never answered: it may have been paid
      exhausted-20261122                     the platform said so

The ledger is the names of these files, so it cannot disagree with them. A question is noted before
it is sent; a process killed in between loses at most that one answer, which is counted as paid and
asked again. Failures are answers too: a 500 is paid, kept and replayed like any other.
"""

import fcntl
import gzip
import json
import os
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hashtag2action.errors import SourceError

_DAMAGES = (OSError, EOFError, ValueError, TypeError, zlib.error)
"""What reading a file raises that is not whole; gzip checks length and CRC."""


@dataclass(frozen=True)
class Answer:
    """What a platform said once."""

    request: dict[str, Any]
    """Body or parameters of the question, without credentials."""
    status: int
    """HTTP status."""
    body: str
    """What came back, scrubbed of user names where it is a page of posts."""
    day: str
    """Quota day it was paid on, YYYYMMDD."""
    cost: int
    """Units of quota."""


class PageStore:
    """Answers by question and place, one process at a time.

    Raises:
        SourceError: Another process holds the folder, or it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._answers = folder / "answers"
        try:
            self._answers.mkdir(parents=True, exist_ok=True)
            self._lock = (folder / "lock").open("w")
        except OSError as error:
            raise SourceError(f"{folder}: cannot be written ({error.strerror})") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise SourceError(f"{folder}: another process is paying for answers here") from error
        self._paths: dict[tuple[str, int], Path] = {}
        self._spent: Counter[str] = Counter()
        self._num_lost: Counter[tuple[str, int]] = Counter()
        self._recover()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder free."""
        self._lock.close()

    def spent(self, day: str) -> int:
        """Return the units paid on a quota day, lost answers included."""
        return self._spent[day]

    def is_exhausted(self, day: str) -> bool:
        """Whether the platform itself said that the day's quota is used up."""
        return (self._folder / f"exhausted-{day}").exists()

    def note_exhausted(self, day: str) -> None:
        """Remember that the platform said so."""
        (self._folder / f"exhausted-{day}").touch()

    def questions(self) -> list[str]:
        """Return the questions that have answers, in order."""
        return sorted({key for key, _ in self._paths})

    def get(self, key: str, number: int) -> Answer | None:
        """Read the answer at a place of a question, or None where nothing was paid yet.

        Raises:
            SourceError: The file was damaged after it was written.
        """
        path = self._paths.get((key, number))
        if path is None:
            return None
        try:
            return _read(path)
        except _DAMAGES as error:
            raise SourceError(f"{path}: damaged ({error}); remove it to ask again") from error

    def announce(self, key: str, number: int, day: str, cost: int) -> None:
        """Note that a question is about to be sent; `put`, `lose` or `retract` must follow."""
        path = self._asked(key, number, day, cost)
        path.parent.mkdir(exist_ok=True)
        path.touch(exist_ok=False)

    def put(self, key: str, number: int, answer: Answer) -> None:
        """Keep an answer: written beside, flushed to the disk, renamed."""
        path = self._asked(key, number, answer.day, answer.cost).with_suffix(".json.gz")
        _write(path, answer)
        self._paths[key, number] = path
        self._spent[answer.day] += answer.cost
        self.retract(key, number, answer.day, answer.cost)

    def replace(self, key: str, number: int, answer: Answer) -> None:
        """Write an answer anew, without what must not be kept any longer; it stays paid once."""
        _write(self._paths[key, number], answer)

    def lose(self, key: str, number: int, day: str, cost: int) -> None:
        """Count a question that was sent and never answered as paid."""
        asked = self._asked(key, number, day, cost)
        lost = asked.with_suffix(f".{self._num_lost[key, number]}.lost")
        asked.replace(lost)
        self._count_lost(key, lost)

    def retract(self, key: str, number: int, day: str, cost: int) -> None:
        """Take a note back: the question was refused unpaid, or never left this machine."""
        self._asked(key, number, day, cost).unlink(missing_ok=True)

    def _asked(self, key: str, number: int, day: str, cost: int) -> Path:
        return self._answers / key / f"{number:05d}-{day}-{cost}.asked"

    def _count_lost(self, key: str, lost: Path) -> None:
        number, day, cost = _named(lost)
        self._num_lost[key, number] += 1
        self._spent[day] += cost

    def _recover(self) -> None:
        """Rebuild the ledger from the names on disk, and settle what a killed process left."""
        asked: list[tuple[str, Path]] = []
        for folder in sorted(self._answers.iterdir()):
            for path in sorted(folder.glob(".*.json.gz")):
                _adopt(path)
            for path in sorted(folder.iterdir()):
                if path.suffix == ".asked":
                    asked.append((folder.name, path))
                elif path.suffix == ".lost":
                    self._count_lost(folder.name, path)
                elif path.suffix == ".gz":
                    number, day, cost = _named(path)
                    self._paths[folder.name, number] = path
                    self._spent[day] += cost
        for key, path in asked:
            number, day, cost = _named(path)
            answered = self._paths.get((key, number))
            if answered is not None and _named(answered) == (number, day, cost):
                path.unlink()
            else:
                self.lose(key, number, day, cost)


def _named(path: Path) -> tuple[int, str, int]:
    """Read place, day and cost from a file name."""
    number, day, cost = path.name.partition(".")[0].split("-")
    return int(number), day, int(cost)


def _read(path: Path) -> Answer:
    return Answer(**json.loads(gzip.decompress(path.read_bytes())))


def _adopt(beside: Path) -> None:
    """Keep an answer whose process died before the renaming, if all of it was written."""
    try:
        _read(beside)
    except _DAMAGES:
        beside.unlink()
        return
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(beside.with_name(beside.name[1:]))
    _flush_folder(beside.parent)


def _write(path: Path, answer: Answer) -> None:
    beside = path.with_name(f".{path.name}")
    text = json.dumps(answer.__dict__, ensure_ascii=True, separators=(",", ":"))
    with beside.open("wb") as file:
        file.write(gzip.compress(text.encode(), compresslevel=6, mtime=0))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
