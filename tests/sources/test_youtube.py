"""The client against a small server that answers as the Data API documents it."""

import json
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.sources.conftest import FakeClock

from hashtag2action.errors import QuotaExhaustedError, SourceError
from hashtag2action.sources.query import Page, QueryCell
from hashtag2action.sources.youtube import YouTube, YouTubeSearch

CELL = QueryCell("yoga", "DE", date(2026, 3, 1), date(2026, 3, 30))
KEY = "key-that-nobody-sees"


class Server:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.failures: list[tuple[int, str]] = []
        self.url = ""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict]:
        self.asked.append((path, query))
        if self.failures:
            status, reason = self.failures.pop(0)
            return status, {"error": {"code": status, "errors": [{"reason": reason}]}}
        if path == "/search":
            start = int(query.get("pageToken", 0))
            ids = [f"video{number:04d}" for number in range(start, min(start + 50, 120))]
            items = [{"id": {"kind": "youtube#video", "videoId": video_id}} for video_id in ids]
            token = {"nextPageToken": str(start + 50)} if start + 50 < 120 else {}
            return 200, {"items": items, **token}
        return 200, {"items": [self.video(video_id) for video_id in query["id"].split(",")]}

    def video(self, video_id: str) -> dict:
        return {
            "id": video_id,
            "snippet": {
                "publishedAt": "2026-03-05T10:00:00Z",
                "channelId": "UC-somebody",
                "channelTitle": "Somebody",
                "title": "Morning #Yoga",
                "description": "with @somebody https://example.com #fitness",
                "tags": ["stretching at home"],
            },
            "contentDetails": {"duration": "PT1M5S"},
            "statistics": {"viewCount": "1234", "likeCount": "5"},
            "status": {"license": "creativeCommon"},
        }


@pytest.fixture
def server() -> Iterator[Server]:
    simulated = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            assert self.headers["X-Goog-Api-Key"] == KEY
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, answer = simulated.answer(parts.path, query)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    simulated.url = f"http://127.0.0.1:{http.server_address[1]}"
    yield simulated
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOUTUBE_API_KEY", KEY)


def collect(search: YouTubeSearch) -> list[Page]:
    pages = [search.next_page(CELL)]
    while not pages[-1].is_last:
        pages.append(search.next_page(CELL))
    return pages


def test_search_and_details_become_posts(server: Server, clock: FakeClock, tmp_path: Path) -> None:
    with YouTube(base_url=server.url, language="de").open(tmp_path, clock) as search:
        pages = collect(search)
        assert search.requests_left() == (10_000 - 3 * 101) // 101
    path, query = server.asked[0]
    assert path == "/search"
    assert query == {
        "part": "id",
        "q": "#yoga",
        "type": "video",
        "videoDuration": "short",
        "videoLicense": "creativeCommon",
        "publishedAfter": "2026-03-01T00:00:00Z",
        "publishedBefore": "2026-03-31T00:00:00Z",
        "order": "date",
        "maxResults": "50",
        "regionCode": "DE",
        "relevanceLanguage": "de",
    }
    assert [path for path, _ in server.asked] == ["/search", "/videos"] * 3
    assert [len(page.rows) for page in pages] == [50, 50, 20]
    assert [(page.cost, page.num_requests) for page in pages] == [(1, 1)] * 3
    row = pages[0].rows[0]
    assert row["hashtags"] == ["yoga", "fitness", "stretchingathome"]
    assert row["description"] == "Morning #Yoga with #fitness"
    assert (row["duration_s"], row["num_views"]) == (65.0, 1234)
    assert (row["created_unix_s"], row["region"]) == (1772704800, "DE")
    assert (row["license"], row["reject_reason"]) == ("creativeCommon", None)
    assert "somebody" not in str(pages).lower()
    assert {row["creator"] for page in pages for row in page.rows} == {row["creator"]}


def test_replay_is_equal_and_free(server: Server, clock: FakeClock, tmp_path: Path) -> None:
    with YouTube(base_url=server.url).open(tmp_path, clock) as search:
        pages = collect(search)
    num_asked = len(server.asked)
    with YouTube(base_url=server.url).open(tmp_path, clock) as search:
        again = collect(search)
    assert len(server.asked) == num_asked
    assert [page.rows for page in again] == [page.rows for page in pages]
    assert [page.page_hash for page in again] == [page.page_hash for page in pages]
    assert [(page.cost, page.num_requests) for page in again] == [(1, 0)] * 3


def test_units_end_and_begin_anew_at_midnight_pacific(
    server: Server, clock: FakeClock, tmp_path: Path
) -> None:
    config = YouTube(base_url=server.url, daily_units=200)
    with config.open(tmp_path, clock) as search:
        search.next_page(CELL)
        with pytest.raises(QuotaExhaustedError, match="2026-08-02 07:00 UTC"):
            search.next_page(CELL)
        clock.move(hours=18, minutes=59)
        with pytest.raises(QuotaExhaustedError):
            search.next_page(CELL)
        clock.move(minutes=1)
        assert search.next_page(CELL).number == 1
    assert len(server.asked) == 4


def test_quota_the_platform_calls_used_up_is_believed(
    server: Server, clock: FakeClock, tmp_path: Path
) -> None:
    server.failures = [(403, "quotaExceeded")]
    with YouTube(base_url=server.url).open(tmp_path, clock) as search:
        with pytest.raises(QuotaExhaustedError):
            search.next_page(CELL)
        assert search.requests_left() == 0


def test_refused_key_is_an_error_that_does_not_show_it(
    server: Server, clock: FakeClock, tmp_path: Path
) -> None:
    server.failures = [(403, "accessNotConfigured")]
    with YouTube(base_url=server.url).open(tmp_path, clock) as search:
        with pytest.raises(SourceError, match="accessNotConfigured") as error:
            search.next_page(CELL)
        assert search.requests_left() == 10_000 // 101
    assert KEY not in str(error.value)


def test_server_errors_are_tried_again_and_then_end_the_cell(
    server: Server, clock: FakeClock, tmp_path: Path
) -> None:
    server.failures = [(500, "backendError")]
    with YouTube(base_url=server.url).open(tmp_path / "a", clock) as search:
        assert [page.cost for page in collect(search)] == [2, 1, 1]
    server.failures = [(503, "backendError")] * 3
    with YouTube(base_url=server.url).open(tmp_path / "b", clock) as search:
        (page,) = collect(search)
    assert page.faults == ("2026-03-01..2026-03-30: HTTP 503, 3 times",)
    assert (page.rows, page.cost) == ([], 3)


def test_burst_is_waited_out(server: Server, clock: FakeClock, tmp_path: Path) -> None:
    server.failures = [(429, "rateLimitExceeded")] * 2
    with YouTube(base_url=server.url).open(tmp_path, clock) as search:
        assert search.next_page(CELL).cost == 1
    assert clock.sleeps == [10.0, 20.0]
