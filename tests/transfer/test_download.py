import hashlib
import itertools
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.transfer.file_server import VIDEO, Exchange, serve

from hashtag2action.errors import FetchError, OverTotalBytesError, VideoError
from hashtag2action.transfer.addresses import Guard
from hashtag2action.transfer.budget import ByteBudget
from hashtag2action.transfer.download import Clock, Downloader, Patience
from hashtag2action.transfer.pace import HostPace
from hashtag2action.transfer.store import Place, Store
from hashtag2action.transfer.web import Web

LOOPBACK = "127.0.0.0/8"


class Waits(list):
    """Time that passes only by waiting for it."""

    def clock(self) -> Clock:
        return Clock(now_s=lambda: float(sum(self)), sleep=self.append)


def downloader(folder: Path, waits: Waits | None = None, **settings) -> Downloader:
    resolver = settings.pop("resolver", None)
    allowed = settings.pop("allowed", [LOOPBACK])
    pace = HostPace(folder / "hosts", 4, 1_000)
    guard = Guard(allowed, resolver)
    web = Web(guard, pace, frozenset({"http", "https"}), timeout_s=5)
    patience = Patience.model_validate(settings)
    return Downloader(web, patience, (waits if waits is not None else Waits()).clock())


def place(folder: Path, max_size_bytes: int = 10**8, max_total_bytes: int | None = None) -> Place:
    budget = ByteBudget(folder / "bytes", max_total_bytes)
    return Store(folder / "media", budget, max_size_bytes).place("../../a")


def test_cut_connection_is_gone_on_with_where_it_broke(tmp_path: Path) -> None:
    with serve(lambda ask: ask.answer_file(VIDEO, cut_after=300_000)) as server:
        here = place(tmp_path)
        bring = downloader(tmp_path)
        bring.bring(server.url("/a"), here)
        assert here.finish(None) == (hashlib.sha256(VIDEO).hexdigest(), len(VIDEO))
        bring.web.close()
    assert here.path.read_bytes() == VIDEO
    assert here.path.is_relative_to((tmp_path / "media").resolve())
    assert sorted(path.name for path in here.path.parent.iterdir()) == [here.path.name]
    ranges = [headers.get("range") for _, headers in server.asked]
    assert ranges == [None, "bytes=300000-", "bytes=600000-"]
    assert server.asked[1][1]["if-range"] == '"1"'


def test_file_begun_by_a_killed_process_is_gone_on_with(tmp_path: Path) -> None:
    tries = itertools.count()

    def once(ask: Exchange) -> None:
        if next(tries) == 1:
            raise BrokenPipeError
        ask.answer_file(VIDEO, cut_after=200_000 if len(server.asked) == 1 else None)

    with serve(once) as server:
        bring = downloader(tmp_path, max_tries=1)
        with pytest.raises(FetchError, match="cut off"):
            bring.bring(server.url("/a"), place(tmp_path))
        again = place(tmp_path)
        bring.bring(server.url("/a"), again)
        bring.web.close()
        assert server.asked[-1][1]["range"] == "bytes=200000-"
    again.finish(None)
    assert again.path.read_bytes() == VIDEO


def test_file_that_changed_in_between_begins_anew(tmp_path: Path) -> None:
    other = VIDEO[::-1].replace(VIDEO[11::-1], b"") + b"x"
    other = VIDEO[:12] + other
    versions = itertools.count(1)

    def change(ask: Exchange) -> None:
        if next(versions) == 1:
            ask.answer_file(VIDEO, '"1"', cut_after=100_000)
        else:
            ask.answer_file(other, '"2"')

    with serve(change) as server:
        here = place(tmp_path)
        bring = downloader(tmp_path)
        bring.bring(server.url("/a"), here)
        bring.web.close()
    here.finish(None)
    assert here.path.read_bytes() == other


def test_part_of_another_version_is_not_joined(tmp_path: Path) -> None:
    def careless(ask: Exchange) -> None:
        number = len(server.asked)
        if number == 1:
            ask.answer_file(VIDEO, '"1"', cut_after=100_000)
        elif "range" in ask.headers:
            size = len(VIDEO)
            headers = {"ETag": '"2"', "Content-Range": f"bytes 100000-{size - 1}/{size}"}
            ask.answer(206, headers, b"\0" * (size - 100_000))
        else:
            ask.answer_file(VIDEO, '"2"')

    with serve(careless) as server:
        here = place(tmp_path)
        bring = downloader(tmp_path)
        bring.bring(server.url("/a"), here)
        bring.web.close()
    here.finish(None)
    assert here.path.read_bytes() == VIDEO


@pytest.mark.parametrize("status", [429, 503])
def test_host_is_waited_for_as_long_as_it_asks(tmp_path: Path, status: int) -> None:
    in_a_second = format_datetime(datetime.now(UTC) + timedelta(seconds=1.5), usegmt=True)
    answers = iter([{"Retry-After": "0"}, {}, {}, {"Retry-After": in_a_second}])

    def busy(ask: Exchange) -> None:
        headers = next(answers, None)
        if headers is None:
            ask.answer_file(VIDEO)
        else:
            ask.answer(status, headers)

    waits = Waits()
    with serve(busy) as server:
        bring = downloader(tmp_path, waits, first_wait_s=3)
        bring.bring(server.url("/a"), place(tmp_path))
        bring.web.close()
    assert waits[:3] == [0.0, 6.0, 12.0]
    assert 0 <= waits[3] <= 1.5


def test_host_that_asks_for_too_long_a_wait_is_given_up(tmp_path: Path) -> None:
    with serve(lambda ask: ask.answer(503, {"Retry-After": "86400"})) as server:
        bring = downloader(tmp_path)
        with pytest.raises(FetchError, match="HTTP 503, asks for a longer wait"):
            bring.bring(server.url("/a"), place(tmp_path))
        bring.web.close()
        assert len(server.asked) == 1


def test_what_does_not_pass_is_not_tried_again(tmp_path: Path) -> None:
    with serve(lambda ask: ask.answer(404, {}, b"gone")) as server:
        bring = downloader(tmp_path)
        with pytest.raises(FetchError, match="HTTP 404"):
            bring.bring(server.url("/a"), place(tmp_path))
        bring.web.close()
        assert len(server.asked) == 1


def test_silent_host_is_given_up_after_growing_waits(tmp_path: Path) -> None:
    with serve(lambda ask: None) as server:
        closed = server.url("/a")
    waits = Waits()
    bring = downloader(tmp_path, waits, max_tries=4, first_wait_s=1, max_wait_s=3)
    with pytest.raises(FetchError, match="no connection"):
        bring.bring(closed, place(tmp_path))
    assert waits == [1, 2, 3]


def test_wrong_content_is_refused_at_its_first_bytes(tmp_path: Path) -> None:
    page = b"<!doctype html>" + b" " * 4_000_000
    headers = {"Content-Type": "video/mp4"}
    with serve(lambda ask: ask.answer(200, headers, page)) as server:
        bring = downloader(tmp_path)
        here = place(tmp_path)
        with pytest.raises(VideoError, match="a web page"):
            bring.bring(server.url("/a.mp4"), here)
        bring.web.close()
    assert here.path.with_suffix(".partial").stat().st_size < 1_000_000
    here.give_up()
    assert list(here.path.parent.iterdir()) == []


def chunked(ask: Exchange) -> None:
    ask.handler.send_response_only(200)
    ask.handler.send_header("Transfer-Encoding", "chunked")
    ask.handler.end_headers()
    for start in range(0, len(VIDEO), 50_000):
        block = VIDEO[start : start + 50_000]
        ask.handler.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
    ask.handler.wfile.write(b"0\r\n\r\n")


@pytest.mark.parametrize("answer", [lambda ask: ask.answer_file(VIDEO), chunked])
def test_caps_hold_with_and_without_a_stated_size(tmp_path: Path, answer) -> None:
    with serve(answer) as server:
        bring = downloader(tmp_path)
        with pytest.raises(VideoError, match="file of more than 400000 bytes"):
            bring.bring(server.url("/a"), place(tmp_path, max_size_bytes=400_000))
        with pytest.raises(OverTotalBytesError):
            bring.bring(server.url("/a"), place(tmp_path, max_total_bytes=len(VIDEO) - 1))
        fits = place(tmp_path / "fits", max_total_bytes=len(VIDEO))
        bring.bring(server.url("/a"), fits)
        fits.finish(None)
        bring.web.close()
    assert fits.path.read_bytes() == VIDEO


def test_slow_file_is_given_up_in_time(tmp_path: Path) -> None:
    waits = Waits()
    with serve(lambda ask: ask.answer_file(VIDEO, cut_after=10)) as server:
        bring = downloader(tmp_path, waits, max_seconds_per_file=30)
        with pytest.raises(FetchError, match="took too long"):
            bring.bring(server.url("/a"), place(tmp_path))
        bring.web.close()
    assert sum(waits) <= 30


def test_redirect_is_followed_and_judged_at_each_hop(tmp_path: Path) -> None:
    def answers(host: str, port: int) -> list[str]:
        return {"public.example": ["127.0.0.1"], "inside.example": ["10.0.0.1"]}[host]

    targets = {
        "/good": "/file",
        "/inside": "http://inside.example/x",
        "/number": "http://0x7f000001:1/x",
        "/file-scheme": "file:///etc/passwd",
        "/password": "http://me:secret@public.example/x",
        "/loop": "/loop",
    }

    def redirect(ask: Exchange) -> None:
        if ask.path == "/file":
            ask.answer_file(VIDEO)
        else:
            ask.answer(302, {"Location": targets[ask.path]})

    def resolver(host: str, port: int) -> list[str]:
        return ["10.0.0.2"] if host == "0x7f000001" else answers(host, port)

    messages = {
        "/inside": "private address",
        "/number": "private address",
        "/file-scheme": "no web address",
        "/password": "password in the address",
        "/loop": "more than 5 redirects",
    }
    with serve(redirect) as server:
        bring = downloader(tmp_path, resolver=resolver, allowed=["127.0.0.1/32"])
        bring.bring(server.url("/good", "public.example"), place(tmp_path))
        for path, message in messages.items():
            with pytest.raises(FetchError, match=message):
                bring.bring(server.url(path, "public.example"), place(tmp_path / path[1:]))
        bring.web.close()


def test_name_is_resolved_once_and_the_judged_answer_is_connected_to(tmp_path: Path) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with serve(lambda ask: ask.answer_file(VIDEO)) as server:
        resolver = lambda host, port: next(answers)  # noqa: E731
        bring = downloader(tmp_path, resolver=resolver)
        bring.bring(server.url("/a", "rebinding.example"), place(tmp_path))
        bring.web.close()
        assert server.asked[0][1]["host"] == f"rebinding.example:{server.port}"
    assert next(answers) == ["10.0.0.1"]


def test_machine_itself_is_refused_unless_allowed(tmp_path: Path) -> None:
    with serve(lambda ask: ask.answer_file(VIDEO)) as server:
        bring = downloader(tmp_path, allowed=[])
        for host in ("127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"):
            with pytest.raises(FetchError, match="private address"):
                bring.bring(server.url("/a", host), place(tmp_path))
        assert server.asked == []


def test_no_address_and_no_header_that_tells_who_asks(tmp_path: Path) -> None:
    with serve(lambda ask: ask.answer(200, {"Set-Cookie": "a=b"}, VIDEO)) as server:
        bring = downloader(tmp_path)
        for number in range(2):
            bring.bring(server.url("/a?token=secret"), place(tmp_path / str(number)))
        bring.web.close()
    assert all("cookie" not in headers for _, headers in server.asked)
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"secret" in content for content in kept)
