"""An open search of a platform that counts requests: its answers, its connection, its pages."""

from collections.abc import Callable, Iterator
from typing import Self

import httpx

from hashtag2action.sources.cell_pages import CellPages
from hashtag2action.sources.page_store import PageStore
from hashtag2action.sources.query import Page, QueryCell


class PaidSearch:
    """What searches of such platforms share; see `PostSearch`.

    Args:
        store: Answers that are paid.
        client: The connection.
        walk: Yields the pages of a cell from its first one.
    """

    def __init__(
        self, store: PageStore, client: httpx.Client, walk: Callable[[QueryCell], Iterator[Page]]
    ) -> None:
        self._store = store
        self._client = client
        self._pages = CellPages(walk)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection and give the folder free."""
        self._client.close()
        self._store.close()

    def next_page(self, cell: QueryCell) -> Page:
        """Return the next page of a cell, from disk or from the platform.

        Raises:
            QuotaExhaustedError: The page is not on disk and today's quota is used up.
            SourceError: The platform refuses, or cannot be reached.
        """
        return self._pages.next_page(cell)
