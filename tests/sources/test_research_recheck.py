from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.sources.conftest import FakeClock

from hashtag2action.errors import QuotaExhaustedError
from hashtag2action.sources.query import Page, QueryCell
from hashtag2action.sources.research_api import ResearchApi, ResearchSearch
from hashtag2action.sources.simulated_answers import PlatformIndex
from hashtag2action.sources.simulated_platform import SimulatedPlatform
from hashtag2action.sources.simulated_server import ROUGH, Faults, SimulatedServer, serve

pytestmark = pytest.mark.usefixtures("credentials")


def walked(search: ResearchSearch, platform: SimulatedPlatform) -> Iterator[Page]:
    actions = (tag for tag in platform.truth() if tag.kind == "action")
    busiest = max(actions, key=lambda tag: tag.num_posts)
    for number in range(2):
        start = platform.start_day + timedelta(days=30 * number)
        cell = QueryCell(busiest.hashtag, None, start, start + timedelta(days=29))
        page = search.next_page(cell)
        yield page
        while not page.is_last:
            page = search.next_page(cell)
            yield page


def collected(search: ResearchSearch, platform: SimulatedPlatform) -> list[str]:
    return [row["post_id"] for page in walked(search, platform) for row in page.rows]


@pytest.mark.parametrize("faults", [Faults(), Faults(short_page=1.0), ROUGH])
def test_posts_taken_back_are_withdrawn_on_the_beat(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path, faults: Faults
) -> None:
    index = PlatformIndex(platform)
    server = SimulatedServer(index, faults)
    file = tmp_path / "withdrawn.txt"
    with serve(server) as url, ResearchApi(base_url=url).open(tmp_path, clock) as search:
        ids = collected(search, platform)
        gone = sorted(ids[::7])
        index.remove(gone)
        num_paid = server.ledger.num_paid
        clock.move(days=14)
        assert search.recheck(ids) == []
        assert server.ledger.num_paid == num_paid
        clock.move(days=1)
        assert search.recheck(ids) == gone
        assert file.read_text().split() == gone
        num_paid = server.ledger.num_paid
        assert search.recheck([*ids, "1234567"]) == gone
        assert server.ledger.num_paid == num_paid
        clock.move(days=15)
        also = next(post_id for post_id in ids if post_id not in gone)
        index.remove([also])
        assert search.recheck(ids) == sorted([*gone, also])


def test_recheck_goes_on_where_the_quota_ended(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    index = PlatformIndex(platform)
    server = SimulatedServer(index, Faults(short_page=1.0))
    with serve(server) as url:
        with ResearchApi(base_url=url).open(tmp_path, clock) as search:
            ids = collected(search, platform)
        index.remove(ids[:5])
        clock.move(days=15)
        num_paid = server.ledger.num_paid
        for _ in range(50):
            with ResearchApi(base_url=url, daily_requests=3).open(tmp_path, clock) as search:
                try:
                    withdrawn = search.recheck(ids)
                    break
                except QuotaExhaustedError:
                    clock.move(days=1)
        assert withdrawn == sorted(ids[:5])
        num_paid = server.ledger.num_paid - num_paid
    assert num_paid > 3
    assert server.ledger.num_repeated == 0


def test_hashed_ids_are_withdrawn_by_their_hashes(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    index = PlatformIndex(platform)
    with serve(SimulatedServer(index)) as url:
        with ResearchApi(base_url=url).open(tmp_path / "plain", clock) as search:
            plain = collected(search, platform)
        config = ResearchApi(base_url=url, hash_ids=True, salt="mine")
        with config.open(tmp_path / "hashed", clock) as search:
            hashed = collected(search, platform)
            assert not set(hashed) & set(plain)
            index.remove([plain[3]])
            clock.move(days=15)
            assert search.recheck(hashed) == [hashed[3]]


def test_what_was_withdrawn_is_taken_out_of_the_answers_on_disk(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    index = PlatformIndex(platform)
    server = SimulatedServer(index)
    with serve(server) as url:
        with ResearchApi(base_url=url).open(tmp_path, clock) as search:
            ids = collected(search, platform)
            index.remove([ids[3]])
            clock.move(days=15)
            search.recheck(ids)
        num_paid = server.ledger.num_paid
        with ResearchApi(base_url=url).open(tmp_path, clock) as search:
            rows = [row for page in walked(search, platform) for row in page.rows]
            assert search.recheck(ids) == [ids[3]]
        assert server.ledger.num_paid == num_paid
    assert [row["post_id"] for row in rows] == ids
    (gone,) = (row for row in rows if row["reject_reason"])
    assert (gone["post_id"], gone["reject_reason"]) == (ids[3], "withdrawn")
    assert gone.get("description") is gone.get("hashtags") is gone.get("creator") is None
