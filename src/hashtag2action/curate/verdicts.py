"""What a person said about clips: `verdicts.jsonl` of a run, a line each time something is said.

A line is appended and synced at once. The last line about a clip and a question counts, and one
whose `answer` is null takes back what was said. A line names no other post than its own, so that a
withdrawal, which takes the lines of a post out, leaves those of all others.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from hashtag2action.errors import ManifestError

FILE_NAME = "verdicts.jsonl"
QUESTIONS = {
    "person": "Does it show a person doing something?",
    "tag": "Does it show what its hashtag says?",
}
"""What is asked, by the name it has in the file."""
ANSWERS = ("yes", "no", "unsure")


def now() -> str:
    """Return the time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Verdict:
    """One line of the file."""

    clip_id: str
    video_id: str
    question: str
    answer: str | None
    """None takes back what was said before."""
    hashtag: str | None = None
    """The tag that was asked about."""
    rule: str | None = None
    """The rule that had rejected the clip."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """What was measured of the clip, by column, for whoever chooses a threshold later."""
    judged: str = field(default_factory=now)
    """When, ISO 8601 in UTC."""


Verdicts = dict[tuple[str, str], Verdict]
"""What counts, by question and clip."""


def append_verdict(path: Path, verdict: Verdict) -> None:
    """Append one line and have it on disk.

    What a killed writer left of a line, which nobody was told is saved, makes room for it.

    Raises:
        OSError: It cannot be written.
    """
    line = json.dumps(asdict(verdict), ensure_ascii=True) + "\n"
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _drop_half_a_line(file)
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def _drop_half_a_line(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    if not size:
        return
    file.seek(size - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


def read_verdicts(path: Path) -> Verdicts:
    """Read what counts; nothing where there is no file.

    Raises:
        ManifestError: A line is no verdict; the message names it.
    """
    if not path.is_file():
        return {}
    found: Verdicts = {}
    lines = path.read_text("utf-8", errors="replace").split("\n")
    for place, line in enumerate(lines[:-1]):  # behind the last break is a line half written
        verdict = _parsed(line)
        if verdict is None:
            raise ManifestError(f"{path}: line {place + 1} is no verdict; mend or remove it")
        name = (verdict.question, verdict.clip_id)
        found.pop(name, None)
        if verdict.answer is not None:
            found[name] = verdict
    return found


def _parsed(line: str) -> Verdict | None:
    try:
        verdict = Verdict(**json.loads(line))
    except (ValueError, TypeError):
        return None
    is_known = verdict.question in QUESTIONS and verdict.answer in {*ANSWERS, None}
    return verdict if is_known and isinstance(verdict.clip_id, str) else None
