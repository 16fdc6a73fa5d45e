"""Hosts that hang, drip, never end or break off: each costs its row, in bounded time."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from tests.transfer.file_server import VIDEO, Exchange, serve

from hashtag2action.curate.fetch_videos import FetchVideos

_SILENCE_S = 0.3
_MOST_S = 8.0  # two tries of twice the silence, their waits, and a slow machine


def silent(ask: Exchange) -> None:
    """Take the question and say nothing, longer than anybody would wait."""
    time.sleep(5 * _SILENCE_S)
    ask.handler.close_connection = True


def drip(ask: Exchange, content: bytes) -> None:
    """Send byte after byte, each well before the silence counts as one."""
    for number in content:
        ask.handler.wfile.write(bytes([number]))
        time.sleep(_SILENCE_S / 6)


def dripping_head(ask: Exchange) -> None:
    drip(ask, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100)


def dripping_body(ask: Exchange) -> None:
    ask.handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    drip(ask, VIDEO[:100])


def dripping_chunk_size(ask: Exchange) -> None:
    ask.handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    drip(ask, b"0" * 100)


def endless(ask: Exchange) -> None:
    ask.handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    for block in itertools.repeat(VIDEO):
        ask.handler.wfile.write(block)


def breaks_off(ask: Exchange) -> None:
    ask.answer(200, {}, VIDEO[:1000], len(VIDEO))


def speaks_no_http(ask: Exchange) -> None:
    ask.handler.wfile.write(b"\0\1\2\3" * 1000)
    ask.handler.close_connection = True


HOSTS: dict[str, tuple[Callable[[Exchange], None], str]] = {
    "/silent": (silent, "fetch:no answer"),
    "/head": (dripping_head, "fetch:no answer"),
    "/body": (dripping_body, "fetch:too slow"),
    "/chunk": (dripping_chunk_size, "fetch:took too long"),
    "/endless": (endless, "unreadable:file of more than 4000000 bytes"),
    "/cut": (breaks_off, "fetch:cut off"),
    "/noise": (speaks_no_http, "fetch:cut off"),
}


def answer(ask: Exchange) -> None:
    if ask.path in HOSTS:
        HOSTS[ask.path][0](ask)
    else:
        ask.answer_file(VIDEO)


def stage(**settings: object) -> FetchVideos:
    return FetchVideos.model_validate(
        {
            "schemes": ["http"],
            "allowed_networks": ["127.0.0.0/8"],
            "max_size_bytes": 4_000_000,
            "runtime": {
                "num_at_once": 10,
                "max_at_once_per_host": 10,
                "requests_per_s_per_host": 1_000,
                "patience": {
                    "timeout_s": _SILENCE_S,
                    "max_tries": 2,
                    "first_wait_s": 0.01,
                    "max_seconds_per_file": 2.5,
                },
            },
        }
        | settings
    )


def posts(addresses: list[str]) -> pa.Table:
    ids = [str(number) for number in range(len(addresses))]
    return pa.table({"post_id": ids, "file": addresses, "license": ["mine"] * len(ids)})


def test_each_hostile_host_costs_one_row_in_bounded_time(tmp_path: Path) -> None:
    with serve(answer) as server:
        table = posts([server.url(path) for path in (*HOSTS, "/good")])
        start_s = time.monotonic()
        made = stage().open(tmp_path / "media")(table).to_pylist()
        took_s = time.monotonic() - start_s
    assert [row["reject_reason"] for row in made] == [reason for _, reason in HOSTS.values()] + [
        None
    ]
    assert Path(made[-1]["video_path"]).read_bytes() == VIDEO
    assert took_s < _MOST_S
    assert not list((tmp_path / "media").rglob("*.partial*"))


@pytest.mark.parametrize("path", ["/silent", "/head", "/slow page", "/cut page", "/noise"])
def test_hostile_page_costs_one_row(tmp_path: Path, path: str) -> None:
    def page(ask: Exchange) -> None:
        if path in HOSTS:
            HOSTS[path][0](ask)
            return
        ask.answer(200, {"Content-Type": "text/html"}, b"<!doctype html><p>", 10**6)
        if path == "/slow page":
            drip(ask, b" " * 100)

    with serve(page) as server:
        start_s = time.monotonic()
        (row,) = stage(pages={}).open(tmp_path)(posts(["page+" + server.url("/page")])).to_pylist()
        took_s = time.monotonic() - start_s
    assert row["reject_reason"] == "fetch:no video on the page"
    assert took_s < _MOST_S
