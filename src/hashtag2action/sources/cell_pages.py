"""Hand out the pages of many cells, one at a time and in any order of cells."""

from collections.abc import Callable, Iterator

from hashtag2action.config import key_of
from hashtag2action.errors import SourceError
from hashtag2action.sources.query import Page, QueryCell


class CellPages:
    """Walks over cells; a walk that an error ended is taken up again at its page."""

    def __init__(self, walk: Callable[[QueryCell], Iterator[Page]]) -> None:
        """Take what yields the pages of a cell from its first one."""
        self._walk = walk
        self._walks: dict[QueryCell, Iterator[Page]] = {}
        self._num_given: dict[QueryCell, int] = {}

    def next_page(self, cell: QueryCell) -> Page:
        """Return the next page of a cell.

        Raises:
            SourceError: What the walk raises; the next call tries the same page again.
        """
        if cell not in self._walks:
            self._walks[cell] = self._walk(cell)
            # What was given before the error is on disk, so going there again costs nothing.
            for _ in range(self._num_given.get(cell, 0)):
                next(self._walks[cell])
        try:
            page = next(self._walks[cell], None)
        except SourceError:
            del self._walks[cell]
            raise
        assert page is not None, "nothing more comes after a cell's last page"
        self._num_given[cell] = page.number + 1
        return page


def cell_key(platform: str, cell: QueryCell, *settings: object) -> str:
    """Return the key that a cell's answers are kept under."""
    days = (cell.start_day.isoformat(), cell.end_day.isoformat())
    also = [list(cell.also)] if cell.also else []
    return key_of(platform, cell.hashtag, cell.region, *days, *settings, *also)
