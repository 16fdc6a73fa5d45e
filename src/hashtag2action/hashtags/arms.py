"""What the loop can ask: one arm for each tag and region, its windows of days, what it gave."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import numpy as np

from hashtag2action.hashtags.posterior import Share
from hashtag2action.sources.query import QueryCell

ROWS_PER_PAGE = 100
"""Rows of a full page. Source: TikTok Research API, video query: max_count at most 100."""
_FADE = 0.6
"""Memory of the share of new rows, per page: what was new once is not new again (chosen)."""
_COVERED = 0.9
"""Share of a window that a page may span at most for its order in time to tell how much is left
(chosen: posts in no order span nearly all of it)."""

Window = tuple[date, date]


def windows(first_day: date, last_day: date, num_days: int) -> list[Window]:
    """Cut a span of days into windows of at most `num_days`, the newest first."""
    found = []
    end = last_day
    while end >= first_day:
        start = max(first_day, end - timedelta(days=num_days - 1))
        found.append((start, end))
        end = start - timedelta(days=1)
    return found


@dataclass
class OpenCell:
    """A cell that has more pages."""

    cell: QueryCell
    num_rows: int = 0
    times: tuple[int, int] | None = None
    """Oldest and newest post so far, seconds since 1970."""

    def take(self, times: Sequence[int]) -> None:
        """Count a page's rows by their times."""
        self.num_rows += len(times)
        known = [*times, *(self.times or ())]
        self.times = (min(known), max(known)) if known else None

    def rows_left(self) -> float:
        """Estimate how many rows are left, from how much of the window the pages have covered."""
        if self.times is None or not self.num_rows:
            return float(ROWS_PER_PAGE)
        start = datetime.combine(self.cell.start_day, time(), UTC).timestamp()
        span = self.cell.num_days * 86_400
        low, high = (self.times[0] - start) / span, (self.times[1] - start) / span
        # Pages run from one end of the window to the other, whichever end they began at.
        covered = 1.0 - low if 1.0 - high <= low else high
        if self.num_rows <= ROWS_PER_PAGE and covered > _COVERED:
            return float(ROWS_PER_PAGE)
        return self.num_rows * (1.0 - covered) / max(covered, 1e-6)


@dataclass
class Arm:
    """One tag in one region: where its next request goes, and what the earlier ones gave."""

    hashtag: str
    region: str | None
    unopened: list[Window]
    open_cells: list[OpenCell] = field(default_factory=list)
    num_pages: int = 0
    num_rows: int = 0
    num_new: int = 0
    num_days_read: int = 0
    num_rows_called: int = 0
    days_called: float = 0.0
    """What answers for many tags at once showed of this one, and the days they covered."""
    fullness: Share = field(default_factory=Share)
    """Rows of first pages, as shares of a full page."""
    newness: Share = field(default_factory=Share)
    """Rows not gathered before, as a share, the last pages counting most."""

    @property
    def is_spent(self) -> bool:
        """Whether every window has been read to its end."""
        return not self.open_cells and not self.unopened

    def fullest(self) -> OpenCell | None:
        """Return the open cell with the most rows left."""
        return max(self.open_cells, key=OpenCell.rows_left, default=None)

    def open_window(self, place: int) -> OpenCell:
        """Open the window at a place among the unopened ones."""
        start, end = self.unopened.pop(place)
        opened = OpenCell(QueryCell(self.hashtag, self.region, start, end))
        self.open_cells.append(opened)
        self.num_days_read += opened.cell.num_days
        return opened

    def take(self, opened: OpenCell, times: Sequence[int], num_new: int, is_last: bool) -> None:
        """Count a page of an open cell."""
        num_rows = len(times)
        if opened.num_rows == 0:
            filled = min(num_rows / ROWS_PER_PAGE, 1.0)
            self.fullness.add(filled, 1.0 - filled)
        # A page counts as five trials at most, so that its neighbors still have a say.
        scale = 5.0 / max(num_rows, 5)
        self.newness.add(scale * num_new, scale * (num_rows - num_new), _FADE)
        self.num_pages += 1
        self.num_rows += num_rows
        self.num_new += num_new
        opened.take(times)
        if is_last:
            self.open_cells.remove(opened)

    def posts_per_day(self) -> float:
        """Return the tag's posts a day, those expected behind the open pages among them."""
        if not self.num_days_read:
            return self.num_rows_called / self.days_called if self.days_called else 0.0
        to_come = sum(opened.rows_left() for opened in self.open_cells if opened.num_rows)
        return (self.num_rows + to_come) / self.num_days_read

    def expected_rows(self, first_page: float) -> tuple[float, OpenCell | None]:
        """Return the rows of the best next page, and its cell; None: an unopened window.

        Args:
            first_page: Rows expected of the first page of an unopened window.
        """
        best = self.fullest()
        left = min(best.rows_left(), ROWS_PER_PAGE) if best else 0.0
        if best is None or (self.unopened and first_page > left):
            return first_page, None
        return left, best

    def draw_first_page(self, prior: Share, rng: np.random.Generator) -> float:
        """Draw the rows the first page of a window may have; known once a window was read."""
        if not self.unopened or self.num_days_read:
            return self.mean_first_page(prior)
        if self.days_called:
            drawn = rng.gamma(self.num_rows_called + 0.5) / self.days_called
            return min(drawn * self._longest_unopened(), ROWS_PER_PAGE)
        return ROWS_PER_PAGE * self.fullness.draw(prior, rng)

    def mean_first_page(self, prior: Share) -> float:
        """Return the rows expected of the first page of a window."""
        if not self.unopened:
            return 0.0
        if self.num_days_read or self.days_called:
            return min(self.posts_per_day() * self._longest_unopened(), ROWS_PER_PAGE)
        return ROWS_PER_PAGE * self.fullness.mean(prior)

    def _longest_unopened(self) -> int:
        return max((end - start).days + 1 for start, end in self.unopened)
