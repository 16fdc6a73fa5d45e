"""What the pages say, filled into templates; everything that comes from data is escaped."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from hashtag2action.curate.verdicts import ANSWERS, QUESTIONS, Verdicts
from hashtag2action.errors import VideoError
from hashtag2action.explore.finding import count_rules, find, passed_over
from hashtag2action.explore.judge import Judge
from hashtag2action.explore.listings import Listing, Shelf, flat
from hashtag2action.explore.stills import ROW, spanned
from hashtag2action.explore.view import QueryError, View
from hashtag2action.report import render as report
from hashtag2action.report.charts import Threshold, histogram
from hashtag2action.report.measures import MEASURES
from hashtag2action.report.sheets import CLIP_STAGES, video_of
from hashtag2action.report.svg import number
from hashtag2action.report.tables import Row, last_stage, numbers_in, stage_settings
from hashtag2action.report.thresholds import bounds_of

TEMPLATES = Path(__file__).parent / "templates"
ROWS_PER_PAGE = 60
"""Chosen: some screens of strips, decoded as they come into sight."""
MAX_TAGS = 6
"""Tags shown under a strip; chosen as in the report."""
_CARD = (
    "clip_id",
    "hashtag",
    "start_s",
    "end_s",
    "hashtags",
    "person_fraction",
    "motion_score",
    "reject_reason",
)


@dataclass(frozen=True)
class Card:
    """One row in the grid."""

    row_id: str
    caption: str
    tags: tuple[str, ...]
    reason: str
    can_be_judged: bool
    answer: str
    asked: str
    """The tag that is asked about, where that is the question."""


@dataclass(frozen=True)
class Found:
    """A table and the rows of a view in it."""

    view: View
    listing: Listing
    places: np.ndarray
    verdicts: Verdicts

    def answer(self, clip_id: str) -> str:
        """Return what was said about a clip, or ''."""
        verdict = self.verdicts.get((self.view.question, clip_id))
        return (verdict.answer or "") if verdict else ""

    def id_at(self, at: int | None, step: int) -> str | None:
        """Return the id of the row some steps from one of those found, or None."""
        if at is None or not 0 <= at + step < len(self.places):
            return None
        return self.listing.ids[int(self.places[at + step])].as_py()

    @property
    def num_pages(self) -> int:
        """Pages that the rows fill, at least one."""
        return max(1, -(-len(self.places) // ROWS_PER_PAGE))


class Pages:
    """The pages over the runs of a folder."""

    def __init__(self, folder: Path, shelf: Shelf, judge: Judge) -> None:
        """Read the templates."""
        self._shelf, self._judge = shelf, judge
        self._title = folder.resolve().name
        loader = jinja2.FileSystemLoader(TEMPLATES)
        self._environment = jinja2.Environment(
            loader=loader,
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"number": number}
        self._environment.globals |= {"title": self._title, "token": judge.token}
        self._environment.globals |= {"questions": QUESTIONS, "answers": ANSWERS}
        parts = (report.TEMPLATES / "report.css", TEMPLATES / "explore.css")
        self.style = "\n".join(path.read_text(encoding="utf-8") for path in parts)
        self.script = (TEMPLATES / "explore.js").read_text(encoding="utf-8")

    def find(self, view: View) -> Found:
        """Return the rows of a view; of what it leaves open, the first run and its last clips.

        Raises:
            QueryError: There is no such run or table.
        """
        run = view.run or next(iter(self._shelf.runs))
        if run not in self._shelf.runs:
            raise QueryError(f"no run {run!r} here")
        stage = view.stage or last_stage(self._shelf.runs[run].folder, CLIP_STAGES) or "posts"
        view = view.but(run=run, stage=stage, page=view.page)
        listing = self._shelf.listing(run, stage, view.side)
        if listing is None:
            raise QueryError(f"no table {stage}/{view.side} in {run}")
        self._shelf.touch(listing)
        verdicts = self._judge.verdicts(listing.run)
        return Found(view, listing, find(listing, view, verdicts), verdicts)

    def row_named(self, query: Sequence[tuple[str, str]]) -> tuple[Listing, int]:
        """Return the table and the place of the row that a query names.

        Raises:
            QueryError: There is none; it may have been withdrawn a moment ago.
        """
        given = dict(query)
        stage, _, side = given.get("table", "").partition("/")
        listing = self._shelf.listing(given.get("run", ""), stage, side)
        place = listing.place_of(given.get("id", "")) if listing else None
        if listing is None or place is None:
            raise QueryError("There is no such row; was it withdrawn?")
        return listing, place

    def onward(self, found: Found, place: int) -> str | None:
        """Return the id of the row behind one of those found, or None."""
        here = np.flatnonzero(found.places == place)
        return found.id_at(int(here[0]), 1) if here.size else None

    def grid(self, found: Found) -> str:
        """Return the page of a grid of rows."""
        view, listing = found.view, found.listing
        first = (min(view.page, found.num_pages) - 1) * ROWS_PER_PAGE
        places = found.places[first : first + ROWS_PER_PAGE]
        sorted_by = [view.sort] if view.sort in listing.sortable else []
        rows = listing.rows(places, list(dict.fromkeys([*_CARD, *sorted_by])))
        return self._fill(
            "grid.html",
            view=view,
            cards=[_card(row, found) for row in rows],
            num_judged=sum(question == view.question for question, _ in found.verdicts),
            first=first,
            num_found=len(found.places),
            page=min(view.page, found.num_pages),
            num_pages=found.num_pages,
            runs=list(self._shelf.runs),
            tables=self._shelf.tables(view.run),
            rules=count_rules(listing),
            listing=listing,
            notes=passed_over(listing, view),
            chart=_chart(found),
            meaning=listing.meaning(view.sort),
        )

    def clip(self, found: Found, listing: Listing, place: int) -> str:
        """Return the page of one row: its frames, its video, every column of it."""
        here = np.flatnonzero(found.places == place)
        at = int(here[0]) if here.size else None
        near = {"before": found.id_at(at, -1), "after": found.id_at(at, 1)}
        columns = (*ROW, "reject_reason", "description", "clip_id", "hashtag")
        row = spanned(listing.whole_row(place) | listing.rows([place], columns)[0])
        page = 1 if at is None else at // ROWS_PER_PAGE + 1
        try:
            name, fault = video_of(listing.run.folder, row).name, ""
        except VideoError as error:
            name, fault = "", str(error)
        lines = [_line(listing, column, row[column]) for column in listing.schema.names]
        return self._fill(
            "clip.html",
            view=found.view.but(page=page),
            row_id=listing.ids[place].as_py(),
            near=near,
            answer=found.answer(str(row["clip_id"])),
            at=at,
            num_found=len(found.places),
            row=row,
            video=name,
            fault=fault,
            # What it was held to comes first.
            lines=sorted(lines, key=lambda line: not line.bounds),
        )

    def words(self, title: str, text: str) -> str:
        """Return a page that says why there is no other."""
        return self._fill("words.html", said=title, text=text)

    def _fill(self, template: str, **values: Any) -> str:
        return self._environment.get_template(template).render(**values)


@dataclass(frozen=True)
class Line:
    """One column of a row."""

    name: str
    value: str
    bounds: str
    """The thresholds it was held to."""
    is_beyond: bool
    """Whether one of them rejects it."""
    meaning: str


def _line(listing: Listing, name: str, value: Any) -> Line:
    bounds = thresholds(listing, name)
    told = ", ".join(bound.label for bound in bounds)
    is_number = isinstance(value, int | float)
    is_beyond = is_number and any(bound.rejects(value) for bound in bounds)
    return Line(name, flat(value), told, is_beyond, listing.meaning(name))


def thresholds(listing: Listing, column: str) -> list[Threshold]:
    """Return the thresholds that the run's settings put on a column."""
    return [
        bound
        for measure in MEASURES
        if measure.column == column
        for bound in bounds_of(measure, stage_settings(listing.run.folder, measure.stage))
    ]


def _card(row: Row, found: Found) -> Card:
    parts, sorted_by = [], found.view.sort
    if row["start_s"] is not None and row["end_s"] is not None:
        parts.append(f"{row['start_s']:.1f}-{row['end_s']:.1f} s")
    if row["person_fraction"] is not None:
        parts.append(f"person {row['person_fraction']:.0%}")
    if row["motion_score"] is not None:
        parts.append(f"motion {row['motion_score']:.1f}")
    value = row.get(sorted_by)
    if sorted_by not in _CARD and isinstance(value, int | float):
        parts.append(f"{sorted_by} {number(value)}")
    tags = tuple(str(tag) for tag in (row["hashtags"] or [])[:MAX_TAGS])
    row_id = str(row["id"])
    return Card(
        row_id,
        ", ".join(parts),
        tags,
        row["reject_reason"] or "",
        row["clip_id"] is not None,
        found.answer(row_id),
        (row["hashtag"] or "") if found.view.question == "tag" else "",
    )


def _chart(found: Found) -> Markup:
    """Draw the histogram of the column that a view sorts by, over the rows it is about."""
    name = found.view.sort
    if name not in found.listing.numeric or not len(found.places):
        return Markup("")
    values: Sequence[float] = numbers_in(found.listing.column(name).take(found.places))
    bounds = thresholds(found.listing, name)
    return histogram({found.listing.side: values}, bounds, name)
