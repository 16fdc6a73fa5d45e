from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from hashtag2action.errors import QuotaExhaustedError
from hashtag2action.hashtags.budget import Budget
from hashtag2action.hashtags.forms import Candidate
from hashtag2action.hashtags.loop import MiningLoop
from hashtag2action.hashtags.rounds import Round
from hashtag2action.hashtags.verdicts import Thresholds
from hashtag2action.sources.query import Page, QueryCell

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 1)
PER_PAGE = 100


class Shelf:
    """A platform in memory: tag -> posts a day, usable share, tags beside."""

    platform = "shelf"
    max_hashtags = 1

    def __init__(self, tags: dict[str, tuple[int, float, list[str]]], quota: int = 10_000) -> None:
        self.tags = tags
        self.quota = quota
        self.asked: list[QueryCell] = []
        self._place: dict[QueryCell, int] = {}

    def requests_left(self) -> int:
        return self.quota - len(self.asked)

    def close(self) -> None:
        pass

    def next_page(self, cell: QueryCell) -> Page:
        if len(self.asked) >= self.quota:
            raise QuotaExhaustedError("the shelf is closed for today")
        self.asked.append(cell)
        number = self._place.get(cell, 0)
        self._place[cell] = number + 1
        rows = self._rows(cell)
        here = rows[PER_PAGE * number : PER_PAGE * (number + 1)]
        is_last = PER_PAGE * (number + 1) >= len(rows)
        return Page(cell, number, here, is_last, 1, 1, f"{cell.hashtag}-{number}")

    def _rows(self, cell: QueryCell) -> list[dict[str, Any]]:
        per_day, share, beside = self.tags.get(cell.hashtag, (0, 0.0, []))
        rows = []
        for day in range(cell.num_days):
            noon = datetime.combine(cell.start_day + timedelta(days=day), time(12), UTC)
            for number in range(per_day):
                good = number < share * per_day
                name = (
                    f"{cell.hashtag}-{cell.region}-{noon:%m%d}-{number}-{'good' if good else 'bad'}"
                )
                rows.append(
                    {
                        "post_id": name,
                        "hashtags": [cell.hashtag, *(beside if number % 2 else []), "fyp"],
                        "description": "",
                        "created_unix_s": int(noon.timestamp()),
                        "region": cell.region or ("DE" if number % 3 else "US"),
                        "num_views": 1_000,
                        "creator": f"{cell.hashtag}{number % 30}",
                        "reject_reason": None,
                    }
                )
        return rows


def judge(number: int, posts: Sequence[str]) -> dict[str, bool]:
    return {post: post.endswith("good") for post in posts}


def pool(*tags: str) -> dict[str, Candidate]:
    return {tag: Candidate(tag, tag, "recipe", ("as_written",)) for tag in tags}


def budget(**changes: Any) -> Budget:
    given = {"num_requests": 60, "first_day": FIRST, "last_day": LAST, **changes}
    return Budget(**given)


SHELF = {
    "pure": (40, 0.9, ["puresister"]),
    "impure": (40, 0.1, []),
    "small": (1, 0.9, []),
    "puresister": (20, 0.9, ["pure"]),
}


def run(shelf: Shelf, settings: Budget, *tags: str) -> tuple[MiningLoop, list[Round]]:
    loop = MiningLoop(settings, shelf, judge, pool(*tags), Thresholds())
    return loop, list(loop.rounds())


def test_requests_go_where_new_usable_posts_are() -> None:
    loop, rounds = run(Shelf(SHELF), budget(num_requests=30), "pure", "impure", "small", "nothing")
    spent = {
        tag: sum(arm.num_pages for arm in loop.prospects.arms_of(tag))
        for tag in loop.prospects.pool
    }
    assert spent["pure"] > 3 * spent["impure"]
    assert spent["nothing"] <= 2
    assert sum(done.num_requests for done in rounds) == 30


def test_tags_beside_a_group_are_proposed_and_what_all_use_is_not() -> None:
    loop, rounds = run(Shelf(SHELF), budget(), "pure", "impure", "small")
    assert loop.prospects.pool["puresister"].action_group == "pure"
    assert "fyp" not in loop.prospects.pool
    assert "puresister" in [tag for done in rounds for tag in done.proposed]
    assert loop.gathered.lift_of("fyp").specificity < 0.1


def test_the_same_seed_and_pages_give_the_same_run() -> None:
    first, second = Shelf(SHELF), Shelf(SHELF)
    run(first, budget(seed=5), "pure", "impure", "small")
    run(second, budget(seed=5), "pure", "impure", "small")
    assert first.asked == second.asked


def test_a_run_that_the_quota_stopped_goes_the_same_way_again() -> None:
    short, whole = Shelf(SHELF, quota=17), Shelf(SHELF)
    with pytest.raises(QuotaExhaustedError):
        run(short, budget(), "pure", "impure", "small")
    run(whole, budget(), "pure", "impure", "small")
    assert whole.asked[:17] == short.asked


def test_no_page_of_a_cell_is_asked_after_its_last() -> None:
    shelf = Shelf({"small": (2, 1.0, [])})
    loop, _ = run(shelf, budget(), "small")
    assert loop.prospects.closed == {"small": "read_to_the_end"}
    assert len(shelf.asked) == len(set(shelf.asked)) == 2


def test_worthless_tags_are_closed_as_dry() -> None:
    loop, rounds = run(Shelf({"bad": (60, 0.0, [])}), budget(num_requests=40), "bad")
    assert loop.prospects.closed["bad"] == "dry"
    assert any("bad" in done.closed for done in rounds)


def test_regions_are_asked_one_by_one_and_none_is_left_out() -> None:
    shelf = Shelf(SHELF)
    loop, rounds = run(shelf, budget(regions=("DE", "US", "JP")), "pure")
    assert {cell.region for cell in shelf.asked} == {"DE", "US", "JP"}
    assert rounds[-1].entropy_regions > 1.0
    assert set(loop.gathered.num_by_region) == {"DE", "US", "JP"}


def test_unknown_verdicts_teach_nothing() -> None:
    loop = MiningLoop(
        budget(num_requests=10), Shelf(SHELF), lambda number, posts: {}, pool("pure"), Thresholds()
    )
    rounds = list(loop.rounds())
    assert loop.belief("pure").num_trials == 0
    assert rounds[0].num_usable == 0


def test_days_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="is after last_day"):
        Budget(first_day=LAST, last_day=FIRST)


class Hall(Shelf):
    """A shelf that can be asked for many tags at once."""

    max_hashtags = 100

    def _rows(self, cell: QueryCell) -> list[dict[str, Any]]:
        rows = [
            row
            for tag in cell.hashtags
            for row in Shelf._rows(self, QueryCell(tag, cell.region, cell.start_day, cell.end_day))
        ]
        return sorted(rows, key=lambda row: -row["created_unix_s"])


def test_tags_that_nobody_uses_cost_few_requests() -> None:
    names = [f"idle{number}" for number in range(60)]
    shelf = Hall({"pure": (10, 0.9, []), "rare": (1, 0.9, [])})
    loop = MiningLoop(budget(), shelf, judge, pool(*names, "pure", "rare"), Thresholds())
    rounds = list(loop.rounds())
    assert sum(done.num_roll_calls for done in rounds) <= 6
    assert {tag for tag, why in loop.prospects.closed.items() if why == "idle"} == set(names)
    assert all(cell.hashtag in {"pure", "rare"} for cell in shelf.asked if not cell.also)
    assert {row["asked_hashtag"] for row in loop.gathered.rows.values()} == {"pure", "rare"}


def test_regions_are_asked_one_by_one_and_call_no_roll() -> None:
    shelf = Hall({"pure": (10, 0.9, [])})
    loop = MiningLoop(budget(regions=("DE",)), shelf, judge, pool("pure", "idle"), Thresholds())
    list(loop.rounds())
    assert all(cell.region == "DE" and not cell.also for cell in shelf.asked)
