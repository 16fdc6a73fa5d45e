"""The adaptive loop: a budget of requests spent where new, unique, usable posts are expected.

Every request goes to the arm (tag, region, window of days) with the largest draw of

    rows of the next page x share of them that is new x share of those that is usable

each factor drawn from what is believed of it (Thompson sampling). Before a tag is asked by itself,
a roll call of many tags at once says whether anybody uses it. After a round a sample of the new
posts is judged, tags are proposed from the posts, and spent arms are closed.

State follows from the pages and the verdicts, which are both on disk: a run that was stopped walks
through them again, unpaid, and goes on. What does not belong here: which tags are kept (verdicts).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hashtag2action.hashtags.arms import ROWS_PER_PAGE, Arm, OpenCell, Window, windows
from hashtag2action.hashtags.beliefs import Beliefs, Bin
from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.forms import Candidate
from hashtag2action.hashtags.gathered import Gathered, entropy
from hashtag2action.hashtags.posterior import Share
from hashtag2action.hashtags.roll_call import RollCall
from hashtag2action.hashtags.rounds import AskedPage, Round
from hashtag2action.hashtags.verdicts import Thresholds
from hashtag2action.sources.query import Page, PostSearch

logger = logging.getLogger(__name__)

Judge = Callable[[int, Sequence[str]], Mapping[str, bool]]
"""Given a round and posts, says which of them survive curation; posts it does not know are absent.

The loop assumes that a sample of each round's posts is curated before the next round is planned.
"""


_NEW = Share(4.0, 1.0)
_LEAST_LEFT = 0.05
"""Share of the budget from which on certainty grows no more (chosen)."""


class MiningLoop:
    """One run of the loop; see the module."""

    def __init__(
        self,
        budget: Budget,
        search: PostSearch,
        judge: Judge,
        pool: Mapping[str, Candidate],
        limits: Thresholds,
        banned: frozenset[str] = frozenset(),
    ) -> None:
        self._banned = banned
        self._limits = limits
        self.budget = budget
        self.gathered = Gathered()
        self.pool: dict[str, Candidate] = dict(pool)
        self.beliefs = Beliefs()
        self.verdicts: dict[str, bool] = {}
        self.closed: dict[str, str] = {}
        self.arms: dict[tuple[str, str | None], Arm] = {}
        self.num_spent = 0
        self.num_usable_by_group: Counter[str] = Counter()
        self.num_by_region: Counter[str] = Counter()
        self._search = search
        self._judge = judge
        self._windows = windows(budget.first_day, budget.last_day, budget.window_days)
        self._window_worth: dict[Window, Share] = {}
        self._group_pages: Counter[tuple[str, Window]] = Counter()
        self._posts_of: dict[str, list[str]] = {}
        for tag in self.pool:
            self._add_arms(tag)
        per_question = min(budget.tags_per_question, search.max_hashtags)
        self._roll_call = RollCall(
            list(self.pool), 1 if budget.regions else per_question, self._windows[0]
        )

    def rounds(self) -> Iterator[Round]:
        """Spend the budget round by round.

        Raises:
            QuotaExhaustedError: The platform gives no more today; run again to go on.
            SourceError: The platform refuses, or cannot be reached.
        """
        number = 0
        while self.num_spent < self.budget.num_requests:
            rng = np.random.default_rng([self.budget.seed, number])
            report = Round(number)
            pages = self._spend(report, rng)
            if not pages:
                return
            self._learn(pages, report, rng)
            self._propose(report)
            self._close(report)
            self._measure(report)
            yield report
            number += 1

    def belief(self, tag: str) -> Share:
        """Return the yield of a tag: of its own posts, or of those it stood on beside others."""
        own, beside = self.beliefs.yield_of(tag), self.beliefs.yield_beside(tag)
        is_enough = own.num_trials >= min(self._limits.min_judged, beside.num_trials)
        return own if own.num_trials and is_enough else beside

    def arms_of(self, tag: str) -> list[Arm]:
        """Return the arms of a tag, one for each region; none for a tag that was no candidate."""
        regions = self.budget.regions or (None,)
        return [self.arms[tag, region] for region in regions if (tag, region) in self.arms]

    def _add_arms(self, tag: str) -> None:
        for region in self.budget.regions or (None,):
            self.arms[tag, region] = Arm(tag, region, list(self._windows))

    def _spend(self, report: Round, rng: np.random.Generator) -> list[AskedPage]:
        pages = []
        left = min(self.budget.requests_per_round, self.budget.num_requests - self.num_spent)
        num_explore = round(self.budget.explore_share * left)
        num_floor = round(self.budget.floor_share * left)
        while report.num_requests < left:
            done = report.num_requests
            arm = None
            if done < num_explore and not self._roll_call.is_over:
                pages += self._call(report)
                continue
            if done < num_explore:
                arm = self._best([arm for arm in self._open() if self._is_promising(arm)], rng)
            elif done < num_explore + num_floor:
                arm = self._best(self._below_floor(), rng)
            if arm is None:
                arm = self._best([arm for arm in self._open() if self._is_told_of(arm)], rng)
            arm = arm or self._best(self._open(), rng)
            if arm is None:
                break
            pages.append(self._ask(arm, report, rng))
        return pages

    def _open(self) -> list[Arm]:
        away = self._roll_call.waiting | self.closed.keys()
        return [arm for arm in self.arms.values() if arm.hashtag not in away and not arm.is_spent]

    def _is_fresh(self, arm: Arm) -> bool:
        return all(one.num_pages == 0 for one in self.arms_of(arm.hashtag))

    def _is_told_of(self, arm: Arm) -> bool:
        return not self._is_fresh(arm) or self._is_known(arm)

    def _is_promising(self, arm: Arm) -> bool:
        """Whether a tag that was never asked may be worth keeping."""
        if not self._is_fresh(arm) or self._is_known(arm) or not self._may_reach(arm):
            return False
        # What other groups gave says nothing against a group of which few posts were judged.
        mates = self.beliefs.yield_of_group(self._group(arm)).num_trials
        beside = self.beliefs.yield_beside(arm.hashtag).num_trials
        return mates + beside < self._limits.min_judged or self._is_good(arm)

    def _is_known(self, arm: Arm) -> bool:
        """Whether posts of other tags show enough of a tag to judge it without asking."""
        beside = self.gathered.beside.get(arm.hashtag)
        if beside is None or beside.num_views < self._limits.min_views:
            return False
        judged = self.beliefs.yield_beside(arm.hashtag).num_trials
        enough = judged >= self._limits.min_judged and beside.num_posts >= self._limits.min_posts
        return enough and len(beside.creators) >= self._limits.min_creators

    def _may_reach(self, arm: Arm) -> bool:
        """Whether what a roll call showed of a tag leaves room for the views it needs."""
        if not arm.num_rows_called:
            return True
        days = (self.budget.last_day - self.budget.first_day).days + 1
        num_posts = arm.posts_per_day() * days
        return self._roll_call.views_of(arm.hashtag, num_posts) >= self._limits.min_views

    def _is_good(self, arm: Arm) -> bool:
        share = self.beliefs.yield_of(arm.hashtag).mean(self._yield_prior(arm))
        return share >= self.budget.promising_yield

    def _below_floor(self) -> list[Arm]:
        """Return the arms of the asked-for group, and of the region, that have least so far."""
        asked = [arm for arm in self._open() if not self._is_fresh(arm) and self._is_good(arm)]
        if not asked:
            return []
        groups = {self.pool[arm.hashtag].action_group for arm in asked}
        poorest = min(groups, key=lambda group: (self.num_usable_by_group[group], group))
        arms = [arm for arm in asked if self.pool[arm.hashtag].action_group == poorest]
        if self.budget.regions:
            least = min(self.budget.regions, key=lambda name: (self.num_by_region[name], name))
            arms += [arm for arm in asked if arm.region == least]
        return arms

    def _best(self, arms: list[Arm], rng: np.random.Generator) -> Arm | None:
        if not arms:
            return None
        return max(arms, key=lambda arm: self._drawn_gain(arm, rng))

    def _drawn_gain(self, arm: Arm, rng: np.random.Generator) -> float:
        full = self.beliefs.full_prior(self._bin(arm))
        rows, _ = arm.expected_rows(arm.draw_first_page(full, rng))
        own = self.beliefs.yield_of(arm.hashtag)
        usable = own.draw(self._yield_prior(arm), rng, self._certainty())
        return rows * arm.newness.mean(_NEW) * usable

    def _certainty(self) -> float:
        """Return how much nearer to their means shares are drawn, the less budget is left.

        What is learned late cannot be used anymore: the last requests go where the mean is best.
        """
        left = 1.0 - self.num_spent / self.budget.num_requests
        return 1.0 / max(left, _LEAST_LEFT)

    def _mean_gain(self, arm: Arm) -> float:
        rows, _ = arm.expected_rows(arm.mean_first_page(self.beliefs.full_prior(self._bin(arm))))
        usable = self.beliefs.yield_of(arm.hashtag).mean(self._yield_prior(arm))
        return rows * arm.newness.mean(_NEW) * usable

    def _group(self, arm: Arm) -> str:
        return self.pool[arm.hashtag].action_group

    def _yield_prior(self, arm: Arm) -> Share:
        return self.beliefs.yield_prior(arm.hashtag, self._group(arm), self._bin(arm))

    def _bin(self, arm: Arm) -> Bin:
        beside = self.gathered.beside.get(arm.hashtag)
        if beside is None:
            seen = 0
        else:
            seen = beside.regions[arm.region] if arm.region else beside.num_posts
            seen = min(seen, 4 * len(beside.creators))
        principle = self.pool[arm.hashtag].principles[0]
        return principle, min(int(np.log2(1 + seen)), 5)

    def _ask(self, arm: Arm, report: Round, rng: np.random.Generator) -> AskedPage:
        bin_before = self._bin(arm)
        if self._is_fresh(arm):
            report.opened.append(arm.hashtag)
        opened = self._cell_for(arm, rng)
        is_first_page, is_first_window = opened.num_rows == 0, arm.num_pages == 0
        page = self._search.next_page(opened.cell)
        new, readable = self._gather(page.rows, arm, page.page_hash)
        times = [row["created_unix_s"] for row in readable if row["created_unix_s"] is not None]
        arm.take(opened, times, len(new), page.is_last)
        window = (opened.cell.start_day, opened.cell.end_day)
        if is_first_page:
            filled = min(len(page.rows) / ROWS_PER_PAGE, 1.0)
            self._window_worth.setdefault(window, Share()).add(filled, 1.0 - filled, 0.95)
            if is_first_window:
                self.beliefs.add_first_page(bin_before, filled)
        self._group_pages[self._group(arm), window] += 1
        self._count(report, page, len(new))
        by_tag = report.requests_by_hashtag
        by_tag[arm.hashtag] = by_tag.get(arm.hashtag, 0) + page.cost
        return AskedPage(arm, [row["post_id"] for row in readable], self.budget.judged_per_page)

    def _call(self, report: Round) -> list[AskedPage]:
        """Ask for many tags at once; returns their shares of the answer."""
        page = self._search.next_page(self._roll_call.cell())
        called = self._roll_call.take(page.rows, page.is_last)
        pages, num_new = [], 0
        for tag, rows in called.rows.items():
            (arm,) = self.arms_of(tag)
            new, readable = self._gather(rows, arm, page.page_hash)
            arm.num_rows_called += len(readable)
            arm.days_called += called.days
            num_new += len(new)
            judged = -(-self.budget.judged_per_page * len(rows) // len(page.rows))
            pages.append(AskedPage(arm, [row["post_id"] for row in readable], judged))
        for tag in called.idle:
            self.closed[tag] = report.closed[tag] = "idle"
        report.num_roll_calls += page.cost
        self._count(report, page, num_new)
        return pages

    def _gather(
        self, rows: Sequence[dict[str, Any]], arm: Arm, page_hash: str
    ) -> tuple[list[str], list[dict[str, Any]]]:
        """Keep the posts of an arm; returns the new ones and the readable rows."""
        new = self.gathered.add(rows, arm.hashtag, self._group(arm), page_hash)
        self._posts_of.setdefault(arm.hashtag, []).extend(new)
        for post in new:
            self.num_by_region[self.gathered.rows[post].get("region") or ""] += 1
        return new, [row for row in rows if row["post_id"] in self.gathered.rows]

    def _count(self, report: Round, page: Page, num_new: int) -> None:
        self.num_spent += page.cost
        report.num_requests += page.cost
        report.num_rows += len(page.rows)
        report.num_new += num_new

    def _cell_for(self, arm: Arm, rng: np.random.Generator) -> OpenCell:
        """Return the cell of an arm's best next page: an open one, or a window now opened.

        The window is drawn: a full one, and one least read by the group's other tags.
        """
        full = self.beliefs.full_prior(self._bin(arm))
        _, opened = arm.expected_rows(arm.mean_first_page(full))
        if opened is not None:
            return opened
        group = self._group(arm)
        drawn = [
            self._window_worth.get(window, Share()).draw(Share(1.0, 1.0), rng)
            / (1 + self._group_pages[group, window])
            for window in arm.unopened
        ]
        return arm.open_window(int(np.argmax(drawn)))

    def _learn(self, pages: list[AskedPage], report: Round, rng: np.random.Generator) -> None:
        """Have a sample of the posts of each page judged; what was judged before costs nothing."""
        samples: list[tuple[Arm, list[str]]] = []
        for page in pages:
            num = min(page.num_judged, len(page.posts))
            places = sorted(rng.choice(len(page.posts), num, replace=False)) if num else ()
            samples.append((page.arm, [page.posts[place] for place in places]))
        samples += self._second_samples(rng)
        asked = dict.fromkeys(post for _, posts in samples for post in posts)
        fresh = [post for post in asked if post not in self.verdicts]
        found = self._judge(report.number, fresh)
        self.verdicts |= {post: found[post] for post in fresh if post in found}
        for post in fresh:
            if post in found:
                self._learn_beside(self.gathered.rows[post], found[post])
        for arm, posts in samples:
            known = [post for post in posts if post in self.verdicts]
            hits = float(sum(self.verdicts[post] for post in known))
            self.beliefs.add_verdicts(
                arm.hashtag, self._group(arm), self._bin(arm), hits, len(known) - hits
            )
        report.num_judged = len(fresh)
        report.num_usable = sum(found.get(post, False) for post in fresh)

    def _second_samples(self, rng: np.random.Generator) -> list[tuple[Arm, list[str]]]:
        """Return further posts of the tags whose verdict hangs on the few that were judged."""
        samples = []
        for tag in self.beliefs.unsure(self._limits.min_yield, self._limits.min_judged):
            left = [post for post in self._posts_of[tag] if post not in self.verdicts]
            num = min(self.budget.judged_per_page, len(left))
            places = sorted(rng.choice(len(left), num, replace=False)) if num else ()
            samples.append((self.arms_of(tag)[0], [left[place] for place in places]))
        return samples

    def _learn_beside(self, row: dict[str, Any], is_usable: bool) -> None:
        """Count a verdict for the post's group, and faintly for the tags that nobody asked for."""
        self.num_usable_by_group[row["action_group"]] += int(is_usable)
        for tag in row["hashtags"]:
            if tag != row["asked_hashtag"]:
                self.beliefs.add_beside(tag, is_usable)

    def _propose(self, report: Round) -> None:
        """Add tags that stand beside an action group more than by chance, by several creators."""
        for tag, beside in self.gathered.beside.items():
            if (
                tag in self.pool
                or tag in self._banned
                or beside.num_posts < self.budget.min_beside_posts
            ):
                continue
            if len(beside.creators) < self.budget.min_beside_creators:
                continue
            company = self.gathered.lift_of(tag)
            is_near = company.npmi >= self.budget.min_group_npmi
            if not is_near or company.num_posts < self.budget.min_beside_posts:
                continue
            group = company.group
            self.pool[tag] = Candidate(tag, group, f"beside: {group}", ("specification",))
            self._add_arms(tag)
            report.proposed.append(tag)

    def _close(self, report: Round) -> None:
        for (tag, _), arm in self.arms.items():
            if tag in self.closed or self._is_fresh(arm):
                continue
            arms = self.arms_of(tag)
            if all(one.is_spent for one in arms):
                self.closed[tag] = "read_to_the_end"
            elif max(self._mean_gain(one) for one in arms) < self.budget.dry_gain:
                self.closed[tag] = "dry"
            else:
                continue
            report.closed[tag] = self.closed[tag]

    def _measure(self, report: Round) -> None:
        report.entropy_groups = entropy(self.gathered.num_by_group.values())
        report.entropy_regions = entropy(self.gathered.num_by_region.values())
        report.entropy_languages = entropy(self.gathered.num_by_language.values())
