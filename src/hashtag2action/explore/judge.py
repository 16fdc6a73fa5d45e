"""What a person says about clips: written to `verdicts.jsonl` of their run, and taken back."""

import math
import secrets
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import pyarrow as pa

from hashtag2action.curate.verdicts import (
    FILE_NAME,
    Verdict,
    Verdicts,
    append_verdict,
    now,
    read_verdicts,
)
from hashtag2action.explore.listings import Listing, Shelf
from hashtag2action.explore.view import QueryError
from hashtag2action.report.discover import Run
from hashtag2action.report.funnel import rule_of

_NO_MEASURES = {"duration_s", "start_s", "end_s"}
"""Columns of fractions that say where a clip is, not how it looks."""


@dataclass(frozen=True)
class Step:
    """One verdict of this process, and what it replaced."""

    run: Run
    stage: str
    side: str
    said: Verdict
    before: str | None


class Judge:
    """Reads and writes verdicts; what was said since the start can be taken back, last first."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self.token = secrets.token_urlsafe(24)
        """What a page of this process shows, and one of another site cannot know."""
        self._steps: list[Step] = []
        self._read: dict[str, tuple[tuple[int, int], Verdicts]] = {}
        self._lock = Lock()

    def verdicts(self, run: Run) -> Verdicts:
        """Return what counts now of all that was said about a run's clips.

        Raises:
            ManifestError: A line of the file is no verdict.
        """
        path = run.folder / FILE_NAME
        try:
            state = path.stat()
        except FileNotFoundError:
            return {}
        stamp = (state.st_mtime_ns, state.st_size)
        known = self._read.get(run.name)
        if known is None or known[0] != stamp:
            known = self._read[run.name] = (stamp, read_verdicts(path))
        return known[1]

    def say(self, listing: Listing, place: int, question: str, answer: str | None) -> Verdict:
        """Write down what a person says about one clip; None takes back what was said before.

        Raises:
            QueryError: The row is a post or a video, in which no clip was found.
        """
        row = listing.whole_row(place)
        row_id = row.get("clip_id")
        if row_id is None:
            raise QueryError("There is no clip to judge in this row.")
        said = Verdict(
            clip_id=row_id,
            video_id=row["video_id"],
            question=question,
            answer=answer,
            hashtag=row.get("hashtag"),
            rule=rule_of(row["reject_reason"]) if row.get("reject_reason") else None,
            measures=_measures(listing, row),
        )
        with self._lock:
            known = self.verdicts(listing.run).get((question, row_id))
            append_verdict(listing.run.folder / FILE_NAME, said)
            before = known.answer if known else None
            self._steps.append(Step(listing.run, listing.stage, listing.side, said, before))
        return said

    def undo(self) -> Step | None:
        """Take the last verdict back that this process wrote; None where there is no more.

        What was said about clips that are gone since, as withdrawn ones are, is passed over: it is
        in the file no more, and must not come back.
        """
        with self._lock:
            while self._steps:
                step = self._steps.pop()
                listing = self._shelf.listing(step.run.name, step.stage, step.side)
                if listing is None or listing.place_of(step.said.clip_id) is None:
                    continue
                again = replace(step.said, answer=step.before, judged=now())
                append_verdict(step.run.folder / FILE_NAME, again)
                return step
            return None


def _measures(listing: Listing, row: dict[str, Any]) -> dict[str, float]:
    """Return the measured fractions and scores; ids and counts stay in the tables."""
    return {
        field.name: float(f"{row[field.name]:.7g}")
        for field in listing.schema
        if pa.types.is_floating(field.type)
        and field.name not in _NO_MEASURES
        and row[field.name] is not None
        and math.isfinite(row[field.name])
    }
