"""Ask for many tags at once to see which of them are used at all.

A vocabulary opened into forms has thousands of tags, a day has a thousand requests, and most forms
are used by nobody. A question for any of fifty tags is answered by the newest posts with one of
them: the tags that show are used, and the others are asked for again without those. When an
answer is complete, the tags that never showed are idle: nobody posted them in that window.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hashtag2action.hashtags.arms import Window
from hashtag2action.sources.query import QueryCell

_DAY_S = 86_400
_LEAST_DAYS = 1 / 24
"""Shortest span that posts per day are reckoned from (chosen: an hour)."""
_VIEWS_WEIGHT = 5.0
"""Posts that the views of all posts count as, beside those of a tag (chosen: views of posts differ
by orders of magnitude)."""
_VIEWS_SLACK = 2.0
"""How much the views of a tag may be underrated from a few posts (chosen)."""


@dataclass(frozen=True)
class Called:
    """What one answer says."""

    rows: Mapping[str, list[dict[str, Any]]]
    """Tag -> the posts that carry it and no tag named before it in the question."""
    days: float
    """Days that the answer covers."""
    idle: tuple[str, ...]
    """Tags that nobody posted in the window."""


class RollCall:
    """Calls tags in batches until each has shown or is idle."""

    def __init__(self, hashtags: Sequence[str], per_question: int, window: Window) -> None:
        """Take the tags in the order they are called; 1 per question calls none."""
        self._window = window
        self._batches = (
            [
                list(hashtags[start : start + per_question])
                for start in range(0, len(hashtags), per_question)
            ]
            if per_question > 1
            else []
        )
        self.waiting = {tag for batch in self._batches for tag in batch}
        """Tags of which nothing is known yet."""
        self._views: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()

    def views_of(self, tag: str, num_posts: float) -> float:
        """Return how many views a tag may have, generously, if it has so many posts in all."""
        of_all = self._views.total() / max(self._counts.total(), 1)
        views, count = self._views[tag], self._counts[tag]
        mean = (views + _VIEWS_WEIGHT * of_all) / (count + _VIEWS_WEIGHT)
        return _VIEWS_SLACK * num_posts * mean

    @property
    def is_over(self) -> bool:
        """Whether every tag has shown or is idle."""
        return not self._batches

    def cell(self) -> QueryCell:
        """Return the question to ask now."""
        first, *also = self._batches[0]
        return QueryCell(first, None, *self._window, also=tuple(also))

    def take(self, rows: Sequence[dict[str, Any]], is_last: bool) -> Called:
        """Read the first answer to `cell`.

        Args:
            rows: Posts, POST values.
            is_last: Whether these are all posts of the window.
        """
        batch = self._batches[0]
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            carried = set(row.get("hashtags") or ())
            tag = next((tag for tag in batch if tag in carried), None)
            if tag is not None:
                found.setdefault(tag, []).append(row)
                self._views[tag] += row.get("num_views") or 0
                self._counts[tag] += 1
        shown = {tag for row in rows for tag in row.get("hashtags") or ()}
        left = [tag for tag in batch if tag not in shown]
        # An answer that shows none of the tags says nothing more however often it is asked for.
        is_done = is_last or len(left) == len(batch)
        self.waiting -= set(batch) if is_done else shown
        self._batches[:1] = [] if is_done or not left else [left]
        start, end = self._window
        days = float((end - start).days + 1)
        if not is_last:
            times = [row["created_unix_s"] for row in rows if row.get("created_unix_s")]
            span = (max(times) - min(times)) / _DAY_S if times else 0.0
            days = min(days, max(span, _LEAST_DAYS))
        return Called(found, days, tuple(left) if is_last else ())
