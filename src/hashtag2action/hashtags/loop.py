"""The adaptive loop: a budget of requests spent where new, unique, usable posts are expected.

Every request goes to the arm (tag, region, window of days) that `prospects` chooses. Before a tag
is asked by itself, a roll call of many tags at once says whether anybody uses it. After a round a
sample of the new posts is judged, tags are proposed from the posts, and spent arms are closed.

State follows from the pages and the verdicts, which are both on disk: a run that was stopped walks
through them again, unpaid, and goes on. What does not belong here: which tags are kept (verdicts).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hashtag2action.hashtags.arms import Arm
from hashtag2action.hashtags.beliefs import Beliefs
from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.forms import Candidate
from hashtag2action.hashtags.gathered import Gathered, entropy
from hashtag2action.hashtags.posterior import Share
from hashtag2action.hashtags.prospects import Aim, Prospects
from hashtag2action.hashtags.rounds import AskedPage, Round
from hashtag2action.hashtags.verdicts import Thresholds
from hashtag2action.sources.query import Page, PostSearch

logger = logging.getLogger(__name__)

Judge = Callable[[int, Sequence[str]], Mapping[str, bool]]
"""Given a round and posts, says which of them survive curation; posts it does not know are absent.

The loop assumes that a sample of each round's posts is curated before the next round is planned.
"""


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
        self.beliefs = Beliefs()
        self.prospects = Prospects(
            budget, limits, self.gathered, self.beliefs, pool, search.max_hashtags
        )
        self.verdicts: dict[str, bool] = {}
        self.num_spent = 0
        self._search = search
        self._judge = judge
        self._posts_of: dict[str, list[str]] = {}

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
            report.closed |= self.prospects.close()
            self._measure(report)
            yield report
            number += 1

    def belief(self, tag: str) -> Share:
        """Return the yield of a tag: of its own posts, or of those it stood on beside others."""
        own, beside = self.beliefs.yield_of(tag), self.beliefs.yield_beside(tag)
        is_enough = own.num_trials >= min(self._limits.min_judged, beside.num_trials)
        return own if own.num_trials and is_enough else beside

    def _spend(self, report: Round, rng: np.random.Generator) -> list[AskedPage]:
        pages: list[AskedPage] = []
        budget = self.budget
        num = min(budget.requests_per_round, budget.num_requests - self.num_spent)
        num_explore = round(budget.explore_share * num)
        num_floor = round(budget.floor_share * num)
        while report.num_requests < num:
            done = report.num_requests
            if done < num_explore and not self.prospects.roll_call.is_over:
                pages += self._call(report)
                continue
            aim: Aim = "gain"
            if done < num_explore + num_floor:
                aim = "explore" if done < num_explore else "floor"
            share_left = 1.0 - self.num_spent / budget.num_requests
            arm = self.prospects.choose(aim, share_left, rng)
            if arm is None:
                break
            pages.append(self._ask(arm, report, rng))
        return pages

    def _ask(self, arm: Arm, report: Round, rng: np.random.Generator) -> AskedPage:
        prospects = self.prospects
        before = prospects.bin_of(arm)
        if prospects.is_fresh(arm):
            report.opened.append(arm.hashtag)
        opened = prospects.cell_for(arm, rng)
        page = self._search.next_page(opened.cell)
        new, readable = self._gather(page.rows, arm, page.page_hash)
        times = [row["created_unix_s"] for row in readable if row["created_unix_s"] is not None]
        prospects.take(arm, opened, page, times, len(new), before)
        self._count(report, page, len(new))
        by_tag = report.requests_by_hashtag
        by_tag[arm.hashtag] = by_tag.get(arm.hashtag, 0) + page.cost
        return AskedPage(arm, [row["post_id"] for row in readable], self.budget.judged_per_page)

    def _call(self, report: Round) -> list[AskedPage]:
        """Ask for many tags at once; returns their shares of the answer."""
        roll_call = self.prospects.roll_call
        page = self._search.next_page(roll_call.cell())
        called = roll_call.take(page.rows, page.is_last)
        pages, num_new = [], 0
        for tag, rows in called.rows.items():
            (arm,) = self.prospects.arms_of(tag)
            new, readable = self._gather(rows, arm, page.page_hash)
            arm.num_rows_called += len(readable)
            arm.days_called += called.days
            num_new += len(new)
            judged = -(-self.budget.judged_per_page * len(rows) // len(page.rows))
            pages.append(AskedPage(arm, [row["post_id"] for row in readable], judged))
        for tag in called.idle:
            self.prospects.closed[tag] = report.closed[tag] = "idle"
        report.num_roll_calls += page.cost
        self._count(report, page, num_new)
        return pages

    def _gather(
        self, rows: Sequence[dict[str, Any]], arm: Arm, page_hash: str
    ) -> tuple[list[str], list[dict[str, Any]]]:
        """Keep the posts of an arm; returns the new ones and the readable rows."""
        new = self.gathered.add(rows, arm.hashtag, self.prospects.group_of(arm), page_hash)
        self._posts_of.setdefault(arm.hashtag, []).extend(new)
        return new, [row for row in rows if row["post_id"] in self.gathered.rows]

    def _count(self, report: Round, page: Page, num_new: int) -> None:
        self.num_spent += page.cost
        report.num_requests += page.cost
        report.num_rows += len(page.rows)
        report.num_new += num_new

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
        prospects = self.prospects
        for arm, posts in samples:
            known = [post for post in posts if post in self.verdicts]
            hits = float(sum(self.verdicts[post] for post in known))
            self.beliefs.add_verdicts(
                arm.hashtag, prospects.group_of(arm), prospects.bin_of(arm), hits, len(known) - hits
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
            samples.append((self.prospects.arms_of(tag)[0], [left[place] for place in places]))
        return samples

    def _learn_beside(self, row: dict[str, Any], is_usable: bool) -> None:
        """Count a verdict for the post's group, and faintly for the tags that nobody asked for."""
        self.prospects.num_usable_by_group[row["action_group"]] += int(is_usable)
        for tag in row["hashtags"]:
            if tag != row["asked_hashtag"]:
                self.beliefs.add_beside(tag, is_usable)

    def _propose(self, report: Round) -> None:
        """Add tags that stand beside an action group more than by chance, by several creators."""
        for tag, beside in self.gathered.beside.items():
            if (
                tag in self.prospects.pool
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
            self.prospects.add(Candidate(tag, group, f"beside: {group}", ("specification",)))
            report.proposed.append(tag)

    def _measure(self, report: Round) -> None:
        report.entropy_groups = entropy(self.gathered.num_by_group.values())
        report.entropy_regions = entropy(self.gathered.num_by_region.values())
        report.entropy_languages = entropy(self.gathered.num_by_language.values())
