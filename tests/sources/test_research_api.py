"""The client against the simulated platform, over loopback, with every fault."""

import gzip
import logging
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.sources.conftest import FakeClock

from hashtag2action.errors import QuotaExhaustedError, SourceError
from hashtag2action.sources.query import Page, QueryCell
from hashtag2action.sources.research_api import ResearchApi, ResearchSearch
from hashtag2action.sources.simulated_answers import PlatformIndex
from hashtag2action.sources.simulated_platform import SimulatedPlatform
from hashtag2action.sources.simulated_server import (
    CLIENT_SECRET,
    ROUGH,
    Faults,
    SimulatedServer,
    serve,
)

pytestmark = pytest.mark.usefixtures("credentials")


def busiest(platform: SimulatedPlatform, count: int) -> list[QueryCell]:
    truth = [tag for tag in platform.truth() if tag.kind == "action"]
    truth.sort(key=lambda tag: -tag.num_posts)
    start = platform.start_day
    return [
        QueryCell(tag.hashtag, None, start, start + timedelta(days=29)) for tag in truth[:count]
    ]


def collect(search: ResearchSearch, cells: list[QueryCell]) -> list[Page]:
    pages = []
    for cell in cells:
        pages.append(search.next_page(cell))
        while not pages[-1].is_last:
            pages.append(search.next_page(cell))
    return pages


def expected_ids(platform: SimulatedPlatform, cell: QueryCell) -> set[str]:
    found = platform.posts_of(platform.tags.index(cell.hashtag))
    created = platform.posts.created_unix_s[found]
    first = datetime.combine(cell.start_day, datetime.min.time(), UTC).timestamp()
    inside = found[(created >= first) & (created < first + cell.num_days * 86_400)]
    return {str(post_id) for post_id in platform.posts.ids(inside)}


def ids(pages: list[Page], cell: QueryCell) -> list[str]:
    return [row["post_id"] for page in pages if page.cell == cell for row in page.rows]


def test_pages_hold_every_post_of_a_cell_once(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    server = SimulatedServer(PlatformIndex(platform))
    cells = busiest(platform, 3)
    nothing = QueryCell("nosuchtag", "DE", date(2026, 1, 1), date(2026, 1, 1))
    with serve(server) as url, ResearchApi(base_url=url).open(tmp_path, clock) as search:
        pages = collect(search, [*cells, nothing])
        assert search.requests_left() == 1_000 - server.ledger.num_paid
    assert (pages[-1].rows, pages[-1].is_last, pages[-1].faults) == ([], True, ())
    for cell in cells:
        assert sorted(ids(pages, cell)) == sorted(expected_ids(platform, cell))
    assert max(page.number for page in pages) > 0
    assert sum(page.cost for page in pages) == sum(page.num_requests for page in pages)
    assert sum(page.cost for page in pages) == server.ledger.num_paid
    assert all(row["reject_reason"] is None for page in pages for row in page.rows)
    assert "@user" not in str(pages)
    assert server.ledger.num_tokens == 1


def test_region_narrows_a_cell(platform: SimulatedPlatform, tmp_path: Path) -> None:
    (cell,) = busiest(platform, 1)
    brazil = QueryCell(cell.hashtag, "BR", cell.start_day, cell.end_day)
    with serve(SimulatedServer(PlatformIndex(platform))) as url:
        search = ResearchApi(base_url=url).open(tmp_path)
        pages = collect(search, [brazil])
        search.close()
    assert {row["region"] for page in pages for row in page.rows} == {"BR"}


@pytest.mark.parametrize(
    "fault",
    [
        Faults(big_window_rows=20),
        Faults(server_error=1.0),
        Faults(throttled=1.0),
        Faults(short_page=1.0),
        Faults(stuck_cursor=1.0),
        Faults(bad_cursor=1.0),
        Faults(bad_search_id=1.0),
        Faults(token_requests=2),
        ROUGH,
    ],
    ids=lambda fault: "-".join(
        name for name in vars(Faults()) if getattr(fault, name) != getattr(Faults(), name)
    ),
)
def test_every_fault_is_survived_replayed_and_paid_once(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path, fault: Faults
) -> None:
    server = SimulatedServer(PlatformIndex(platform), fault)
    cells = busiest(platform, 2)
    with serve(server) as url:
        with ResearchApi(base_url=url).open(tmp_path, clock) as search:
            pages = collect(search, cells)
        num_paid = server.ledger.num_paid
        with ResearchApi(base_url=url).open(tmp_path, clock) as search:
            again = collect(search, cells[::-1])
    assert server.ledger.num_paid == num_paid == sum(page.cost for page in pages)
    assert server.ledger.num_repeated == 0
    assert sum(page.num_requests for page in again) == 0
    for cell in cells:
        assert ids(again, cell) == ids(pages, cell)
        assert len(ids(pages, cell)) == len(set(ids(pages, cell)))
        if not any(page.faults for page in pages if page.cell == cell):
            assert set(ids(pages, cell)) == expected_ids(platform, cell)
    hashes = [page.page_hash for page in pages if page.cell == cells[0]]
    assert hashes == [page.page_hash for page in again if page.cell == cells[0]]


def test_day_that_always_fails_is_given_up_with_its_reason(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    server = SimulatedServer(PlatformIndex(platform), Faults(stuck_cursor=1.0))
    popular = max(
        (tag for tag in platform.truth() if tag.kind == "generic"), key=lambda tag: tag.num_posts
    ).hashtag
    cell = QueryCell(popular, None, platform.start_day, platform.start_day)
    with serve(server) as url, ResearchApi(base_url=url).open(tmp_path, clock) as search:
        (page,) = collect(search, [cell])
    assert page.is_last
    assert len(page.rows) == 100
    assert page.faults == ("2026-01-01..2026-01-01: the cursor stays at 0",)


def test_429_is_waited_out_and_costs_nothing(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    server = SimulatedServer(PlatformIndex(platform), Faults(throttled=1.0))
    with serve(server) as url, ResearchApi(base_url=url).open(tmp_path, clock) as search:
        (page, *_) = collect(search, busiest(platform, 1))
        assert (page.cost, page.num_requests) == (1, 1)
        assert search.requests_left() == 1_000 - server.ledger.num_paid
    assert server.ledger.num_throttled == len(clock.sleeps)


def test_quota_ends_and_begins_anew_at_midnight_utc(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    server = SimulatedServer(PlatformIndex(platform), daily_requests=100, now=clock.now)
    cells = busiest(platform, 6)
    with serve(server) as url:
        config = ResearchApi(base_url=url, daily_requests=4)
        with config.open(tmp_path, clock) as search:
            with pytest.raises(QuotaExhaustedError, match="2026-08-02 00:00 UTC"):
                collect(search, cells)
            assert search.requests_left() == 0
            clock.move(hours=11, minutes=59)
            with pytest.raises(QuotaExhaustedError):
                search.next_page(cells[-1])
        clock.move(minutes=1)
        with config.open(tmp_path, clock) as search:
            assert search.requests_left() == 4
            with pytest.raises(QuotaExhaustedError):
                collect(search, cells)
    assert server.ledger.paid_by_day == {"20260801": 4, "20260802": 4}
    assert server.ledger.num_repeated == 0


def test_quota_the_platform_calls_used_up_is_remembered(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    server = SimulatedServer(PlatformIndex(platform), daily_requests=2, now=clock.now)
    with serve(server) as url:
        for _ in range(2):
            with ResearchApi(base_url=url).open(tmp_path, clock) as search:
                with pytest.raises(QuotaExhaustedError):
                    collect(search, busiest(platform, 3))
                assert search.requests_left() == 0
        clock.move(days=1)
        with ResearchApi(base_url=url).open(tmp_path, clock) as search:
            assert search.requests_left() == 1_000
            search.next_page(busiest(platform, 1)[0])


def test_search_goes_on_in_the_same_process_after_the_quota_came_back(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    server = SimulatedServer(PlatformIndex(platform), Faults(short_page=1.0), now=clock.now)
    (cell,) = busiest(platform, 1)
    pages: list[Page] = []
    with (
        serve(server) as url,
        ResearchApi(base_url=url, daily_requests=2).open(tmp_path, clock) as search,
    ):
        while not pages or not pages[-1].is_last:
            try:
                pages.append(search.next_page(cell))
            except QuotaExhaustedError:
                clock.move(days=1)
    assert [page.number for page in pages] == list(range(len(pages)))
    assert set(ids(pages, cell)) == expected_ids(platform, cell)
    assert server.ledger.num_repeated == 0


def test_token_is_renewed_before_it_expires(
    platform: SimulatedPlatform, clock: FakeClock, tmp_path: Path
) -> None:
    server = SimulatedServer(PlatformIndex(platform))
    with serve(server) as url, ResearchApi(base_url=url).open(tmp_path, clock) as search:
        for cell in busiest(platform, 3):
            search.next_page(cell)
            clock.move(minutes=90)
    assert server.ledger.num_tokens == 2


def test_credentials_are_in_no_file_log_message_or_repr(
    platform: SimulatedPlatform,
    credentials: Callable[[str, str], None],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(SimulatedServer(PlatformIndex(platform))) as url:
        config = ResearchApi(base_url=url)
        search = config.open(tmp_path)
        search.next_page(busiest(platform, 1)[0])
        search.close()
        shown = f"{config!r} {config.key_fields()} {vars(search)!r} {vars(search._paid)!r}"
        shown += "".join(
            repr(vars(value)) for value in vars(search._paid).values() if hasattr(value, "__dict__")
        )
        credentials("simulated-key", "wrong-secret")
        with (
            ResearchApi(base_url=url).open(tmp_path / "other") as refused,
            pytest.raises(SourceError, match=r"no token \(HTTP 401, invalid_client") as error,
        ):
            refused.next_page(busiest(platform, 1)[0])
    files = [gzip.decompress(p.read_bytes()).decode() for p in tmp_path.rglob("*.gz")]
    assert files
    for text in (shown, caplog.text, str(error.value), *files):
        assert CLIENT_SECRET not in text
        assert "wrong-secret" not in text
        assert "clt." not in text
        assert "@user" not in text
        assert '"user' not in text


def test_missing_credential_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TIKTOK_CLIENT_SECRET")
    with pytest.raises(SourceError, match="TIKTOK_CLIENT_SECRET is not set"):
        ResearchApi().open(tmp_path)


def test_platform_that_is_not_there_is_an_error_and_costs_nothing(
    clock: FakeClock, tmp_path: Path
) -> None:
    cell = QueryCell("yoga", None, date(2026, 1, 1), date(2026, 1, 1))
    with ResearchApi(base_url="http://127.0.0.1:9").open(tmp_path, clock) as search:
        with pytest.raises(SourceError, match="no connection"):
            search.next_page(cell)
        assert search.requests_left() == 1_000
    assert len(clock.sleeps) == 7


MINER = """
import sys
from datetime import date
from pathlib import Path
from hashtag2action.sources.query import QueryCell
from hashtag2action.sources.research_api import ResearchApi
url, folder, out, *tags = sys.argv[1:]
with ResearchApi(base_url=url).open(Path(folder)) as search:
    lines = []
    for tag in tags:
        is_last = False
        while not is_last:
            page = search.next_page(QueryCell(tag, None, date(2026, 1, 1), date(2026, 1, 30)))
            is_last = page.is_last
            lines.append(f"{page.page_hash} {page.cost} {[row['post_id'] for row in page.rows]}")
    Path(out).write_text("\\n".join(lines))
"""


def test_killed_at_any_request_and_continued_pays_no_page_twice(
    platform: SimulatedPlatform, tmp_path: Path
) -> None:
    tags = [cell.hashtag for cell in busiest(platform, 4)]
    running: list[subprocess.Popen[bytes]] = []
    kills = random.Random(5).sample(range(2, 18), 3)
    started = threading.Event()

    def kill(number: int) -> None:
        started.wait()
        if number in kills:
            os.kill(running[-1].pid, signal.SIGKILL)
            running[-1].wait()

    def mine(url: str, folder: str) -> int:
        started.clear()
        command = [sys.executable, "-c", MINER, url, str(tmp_path / folder)]
        command += [str(tmp_path / f"{folder}.txt"), *tags]
        running.append(subprocess.Popen(command))
        started.set()
        return running[-1].wait()

    faults = Faults(short_page=0.5, server_error=0.3, throttled=0.2)
    server = SimulatedServer(PlatformIndex(platform), faults, on_request=kill)
    with serve(server) as url:
        num_killed = 0
        while mine(url, "killed") != 0:
            num_killed += 1
            assert num_killed <= len(kills)
        assert num_killed == len(kills)
        assert server.ledger.num_repeated == 0
    whole = SimulatedServer(PlatformIndex(platform), faults)
    with serve(whole) as url:
        kills.clear()
        assert mine(url, "whole") == 0
    assert (tmp_path / "killed.txt").read_text() == (tmp_path / "whole.txt").read_text()
    assert server.ledger.num_paid == whole.ledger.num_paid
