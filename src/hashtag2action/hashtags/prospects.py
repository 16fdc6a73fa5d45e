"""What is expected of each arm (tag, region, windows of days), and which is asked next.

The next request goes to the arm with the largest draw of

    rows of the next page x share of them that is new x share of those that is usable

each factor drawn from what is believed of it (Thompson sampling).
"""

from collections import Counter
from collections.abc import Mapping
from typing import Literal

import numpy as np

from hashtag2action.hashtags.arms import ROWS_PER_PAGE, Arm, OpenCell, Window, windows
from hashtag2action.hashtags.beliefs import Beliefs, Bin
from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.forms import Candidate
from hashtag2action.hashtags.gathered import Gathered
from hashtag2action.hashtags.posterior import Share
from hashtag2action.hashtags.roll_call import RollCall
from hashtag2action.hashtags.verdicts import Thresholds
from hashtag2action.sources.query import Page

Aim = Literal["explore", "floor", "gain"]
"""What a request is for: a tag that was never asked, the groups and regions that have least, or
as much as can be."""

_NEW = Share(4.0, 1.0)
_LEAST_LEFT = 0.05
"""Share of the budget from which on certainty grows no more (chosen)."""


class Prospects:
    """The arms of all tags, after what has been gathered and judged so far.

    Args:
        budget: What may be asked.
        limits: What a tag must show to be kept.
        gathered: The posts so far.
        beliefs: What the verdicts on them say.
        pool: The tags to begin with.
        max_hashtags: Most tags the platform takes at once.
    """

    def __init__(
        self,
        budget: Budget,
        limits: Thresholds,
        gathered: Gathered,
        beliefs: Beliefs,
        pool: Mapping[str, Candidate],
        max_hashtags: int,
    ) -> None:
        self._budget = budget
        self._limits = limits
        self._gathered = gathered
        self._beliefs = beliefs
        self.pool: dict[str, Candidate] = {}
        self.closed: dict[str, str] = {}
        """Tags that are asked no more, and why."""
        self.num_usable_by_group: Counter[str] = Counter()
        self._arms: dict[tuple[str, str | None], Arm] = {}
        self._windows = windows(budget.first_day, budget.last_day, budget.window_days)
        self._window_worth: dict[Window, Share] = {}
        self._group_pages: Counter[tuple[str, Window]] = Counter()
        for candidate in pool.values():
            self.add(candidate)
        per_question = 1 if budget.regions else min(budget.tags_per_question, max_hashtags)
        self.roll_call = RollCall(list(pool), per_question, self._windows[0])

    def add(self, candidate: Candidate) -> None:
        """Take a tag up."""
        tag = candidate.hashtag
        self.pool[tag] = candidate
        for region in self._budget.regions or (None,):
            self._arms[tag, region] = Arm(tag, region, list(self._windows))

    def arms_of(self, tag: str) -> list[Arm]:
        """Return the arms of a tag, one for each region; none for a tag that was no candidate."""
        regions = self._budget.regions or (None,)
        return [self._arms[tag, region] for region in regions if (tag, region) in self._arms]

    def choose(self, aim: Aim, share_left: float, rng: np.random.Generator) -> Arm | None:
        """Return the arm to ask next; None where none is open.

        Args:
            aim: What the request is for, if there is an arm for it.
            share_left: Share of the budget that is left.
            rng: What expectations are drawn with.
        """
        # What is learned late cannot be used anymore: the last requests go where the mean is best.
        certainty = 1.0 / max(share_left, _LEAST_LEFT)
        aimed = {"explore": self._promising, "floor": self._behind, "gain": self._known}[aim]
        for arms in (aimed, self._known, self._open):
            found = arms()
            if found:
                return max(found, key=lambda arm: self._drawn_gain(arm, certainty, rng))
        return None

    def cell_for(self, arm: Arm, rng: np.random.Generator) -> OpenCell:
        """Return the cell of an arm's best next page: an open one, or a window now opened.

        The window is drawn: a full one, and one least read by the group's other tags.
        """
        _, opened = arm.expected_rows(arm.mean_first_page(self._full_prior(arm)))
        if opened is not None:
            return opened
        group = self.group_of(arm)
        drawn = [
            self._window_worth.get(window, Share()).draw(Share(1.0, 1.0), rng)
            / (1 + self._group_pages[group, window])
            for window in arm.unopened
        ]
        return arm.open_window(int(np.argmax(drawn)))

    def take(
        self, arm: Arm, opened: OpenCell, page: Page, times: list[int], num_new: int, before: Bin
    ) -> None:
        """Count a page of an arm's cell.

        Args:
            arm: The arm.
            opened: The cell.
            page: Its next page.
            times: When the readable posts were made, seconds since 1970.
            num_new: How many were not gathered before.
            before: The arm's bin before the page was gathered.
        """
        is_first_page, is_first_window = opened.num_rows == 0, arm.num_pages == 0
        arm.take(opened, times, num_new, page.is_last)
        window = (opened.cell.start_day, opened.cell.end_day)
        if is_first_page:
            filled = min(len(page.rows) / ROWS_PER_PAGE, 1.0)
            self._window_worth.setdefault(window, Share()).add(filled, 1.0 - filled, 0.95)
            if is_first_window:
                self._beliefs.add_first_page(before, filled)
        self._group_pages[self.group_of(arm), window] += 1

    def close(self) -> dict[str, str]:
        """Close tags that are read to the end or promise too little; returns them, and why."""
        closed: dict[str, str] = {}
        for (tag, _), arm in self._arms.items():
            if tag in self.closed or self.is_fresh(arm):
                continue
            arms = self.arms_of(tag)
            if all(one.is_spent for one in arms):
                self.closed[tag] = closed[tag] = "read_to_the_end"
            elif max(self._mean_gain(one) for one in arms) < self._budget.dry_gain:
                self.closed[tag] = closed[tag] = "dry"
        return closed

    def is_fresh(self, arm: Arm) -> bool:
        """Whether an arm's tag was never asked by itself."""
        return all(one.num_pages == 0 for one in self.arms_of(arm.hashtag))

    def group_of(self, arm: Arm) -> str:
        """Return the action group of an arm's tag."""
        return self.pool[arm.hashtag].action_group

    def bin_of(self, arm: Arm) -> Bin:
        """Return what is known of an arm's tag without asking it."""
        beside = self._gathered.beside.get(arm.hashtag)
        if beside is None:
            seen = 0
        else:
            seen = beside.regions[arm.region] if arm.region else beside.num_posts
            seen = min(seen, 4 * len(beside.creators))
        principle = self.pool[arm.hashtag].principles[0]
        return principle, min(int(np.log2(1 + seen)), 5)

    def _open(self) -> list[Arm]:
        away = self.roll_call.waiting | self.closed.keys()
        return [arm for arm in self._arms.values() if arm.hashtag not in away and not arm.is_spent]

    def _known(self) -> list[Arm]:
        """Return the open arms of whose tag posts were seen, asked for by itself or not."""
        return [arm for arm in self._open() if not self.is_fresh(arm) or self._is_shown(arm)]

    def _promising(self) -> list[Arm]:
        """Return the open arms of tags that were never asked and may be worth keeping."""
        return [arm for arm in self._open() if self._is_promising(arm)]

    def _behind(self) -> list[Arm]:
        """Return the arms of the asked-for group, and of the region, that have least so far."""
        asked = [arm for arm in self._open() if not self.is_fresh(arm) and self._is_good(arm)]
        if not asked:
            return []
        groups = {self.group_of(arm) for arm in asked}
        poorest = min(groups, key=lambda group: (self.num_usable_by_group[group], group))
        arms = [arm for arm in asked if self.group_of(arm) == poorest]
        if self._budget.regions:
            counts = self._gathered.num_by_region
            least = min(self._budget.regions, key=lambda name: (counts[name], name))
            arms += [arm for arm in asked if arm.region == least]
        return arms

    def _is_promising(self, arm: Arm) -> bool:
        if not self.is_fresh(arm) or self._is_shown(arm) or not self._may_reach(arm):
            return False
        # What other groups gave says nothing against a group of which few posts were judged.
        mates = self._beliefs.yield_of_group(self.group_of(arm)).num_trials
        beside = self._beliefs.yield_beside(arm.hashtag).num_trials
        return mates + beside < self._limits.min_judged or self._is_good(arm)

    def _is_shown(self, arm: Arm) -> bool:
        """Whether posts of other tags show enough of a tag to judge it without asking."""
        beside = self._gathered.beside.get(arm.hashtag)
        if beside is None or beside.num_views < self._limits.min_views:
            return False
        judged = self._beliefs.yield_beside(arm.hashtag).num_trials
        enough = judged >= self._limits.min_judged and beside.num_posts >= self._limits.min_posts
        return enough and len(beside.creators) >= self._limits.min_creators

    def _may_reach(self, arm: Arm) -> bool:
        """Whether what a roll call showed of a tag leaves room for the views it needs."""
        if not arm.num_rows_called:
            return True
        days = (self._budget.last_day - self._budget.first_day).days + 1
        num_posts = arm.posts_per_day() * days
        return self.roll_call.views_of(arm.hashtag, num_posts) >= self._limits.min_views

    def _is_good(self, arm: Arm) -> bool:
        share = self._beliefs.yield_of(arm.hashtag).mean(self._yield_prior(arm))
        return share >= self._budget.promising_yield

    def _drawn_gain(self, arm: Arm, certainty: float, rng: np.random.Generator) -> float:
        rows, _ = arm.expected_rows(arm.draw_first_page(self._full_prior(arm), rng))
        own = self._beliefs.yield_of(arm.hashtag)
        usable = own.draw(self._yield_prior(arm), rng, certainty)
        return rows * arm.newness.mean(_NEW) * usable

    def _mean_gain(self, arm: Arm) -> float:
        rows, _ = arm.expected_rows(arm.mean_first_page(self._full_prior(arm)))
        usable = self._beliefs.yield_of(arm.hashtag).mean(self._yield_prior(arm))
        return rows * arm.newness.mean(_NEW) * usable

    def _full_prior(self, arm: Arm) -> Share:
        return self._beliefs.full_prior(self.bin_of(arm))

    def _yield_prior(self, arm: Arm) -> Share:
        return self._beliefs.yield_prior(arm.hashtag, self.group_of(arm), self.bin_of(arm))
