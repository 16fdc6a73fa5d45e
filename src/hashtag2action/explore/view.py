"""What a page shows, as the query of its address says: so a view can be shared, and Back works."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from hashtag2action.curate.verdicts import ANSWERS, QUESTIONS

OPEN = "open"
"""Clips that were not judged yet."""
RANDOM = "random"
"""An order that is none of a column's: a sample is judged from its beginning."""


class QueryError(Exception):
    """A query that asks for nothing there is; the text is for whoever typed it."""


@dataclass(frozen=True)
class View:
    """A run's table, which of its rows, in which order."""

    run: str = ""
    stage: str = ""
    side: str = "kept"
    words: str = ""
    """Each of them is in what a row says."""
    rule: str = ""
    """The rule that rejected the rows; '' for any."""
    sort: str = ""
    """Column; '' leaves the order of the table."""
    is_descending: bool = False
    page: int = 1
    bounds: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """Least and greatest value by column."""
    question: str = "person"
    """What is asked about the clips."""
    judged: str = ""
    """An answer that the clips were given, or `open`; '' for any."""

    def but(self, **changes: Any) -> "View":
        """Return the view with something else; other rows begin on their first page."""
        return replace(self, **({"page": 1} | changes))

    def without(self, column: str) -> "View":
        """Return the view without the bounds of a column."""
        return self.but(bounds={name: ends for name, ends in self.bounds.items() if name != column})

    def pairs(self) -> list[tuple[str, str]]:
        """Return the query, without what is as usual."""
        found = [
            ("run", self.run),
            ("table", f"{self.stage}/{self.side}" if self.stage else ""),
            ("q", self.words),
            ("reason", self.rule),
            ("sort", self.sort),
            ("desc", "1" if self.is_descending else ""),
            ("ask", self.question if self.question != "person" else ""),
            ("judged", self.judged),
            ("page", str(self.page) if self.page > 1 else ""),
        ]
        for name, (least, most) in self.bounds.items():
            found.append((f"min.{name}", "" if least is None else f"{least:.10g}"))
            found.append((f"max.{name}", "" if most is None else f"{most:.10g}"))
        return [(name, value) for name, value in found if value]

    @property
    def query(self) -> str:
        """The query as text."""
        return urlencode(self.pairs())


def read_view(query: Sequence[tuple[str, str]]) -> View:
    """Read a view from the pairs of a query; of a name given twice the last counts.

    Raises:
        QueryError: A number is none, or the question is not asked.
    """
    given = {name: value.strip() for name, value in query}
    stage, _, side = given.get("table", "").partition("/")
    bounds: dict[str, tuple[float | None, float | None]] = {}
    for name, value in given.items():
        end, _, column = name.partition(".")
        if value and column and end in {"min", "max"}:
            least, most = bounds.get(column, (None, None))
            number = _number(value, f"{end} of {column}")
            bounds[column] = (number, most) if end == "min" else (least, number)
    page = given.get("page") or "1"
    if not page.isdecimal() or len(page) > 9:
        raise QueryError(f"page: {page!r} is no page")
    question, judged = given.get("ask") or "person", given.get("judged", "")
    if question not in QUESTIONS or judged not in {"", OPEN, *ANSWERS}:
        raise QueryError("ask, judged: there is no such question or answer")
    return View(
        run=given.get("run", ""),
        stage=stage,
        side=side or "kept",
        words=given.get("q", ""),
        rule=given.get("reason", ""),
        sort=given.get("sort", ""),
        is_descending=given.get("desc") == "1",
        page=max(1, int(page)),
        bounds=bounds,
        question=question,
        judged=judged,
    )


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise QueryError(f"{what}: {text!r} is no number")
    return number
