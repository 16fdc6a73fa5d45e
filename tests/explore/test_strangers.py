"""Who may not ask, and names that would be something else if they were believed."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from tests.report.conftest import HOSTILE

from hashtag2action.manifest import Manifest
from hashtag2action.records import CLIP, REJECT_REASON, VIDEO

ALLOWED = ("localhost", "localhost:9000", "127.0.0.1", "127.0.0.1:80", "[::1]:8420", "LOCALHOST")
FOREIGN = ("evil.example", "evil.example:8420", "localhost.evil.example", "127.0.0.1.nip.io", "")


@pytest.mark.parametrize("host", ALLOWED)
def test_this_machine_is_asked_by_its_own_names(shown, host: str) -> None:
    assert shown.get("/", {"Host": host}).status == 200


@pytest.mark.parametrize("host", FOREIGN)
@pytest.mark.parametrize("path", ["/", "/style.css", "/media", "/clip", "/nothing"])
def test_a_name_of_the_web_that_points_here_is_shown_nothing(shown, host: str, path: str) -> None:
    reply = shown.get(path, {"Host": host})
    assert (reply.status, reply.body) == (421, b"not for this host")


@pytest.mark.parametrize("path", ["/", "/style.css", "/media", "/clip", "/still", "/nothing"])
@pytest.mark.parametrize("cookie", ["", "h2a-0=0", "key=", "\x7f;;=;"])
def test_who_has_no_key_is_shown_nothing(shown, path: str, cookie: str) -> None:
    for query in ({}, {"key": ""}, {"key": "x" * 32}, {"q": "x" * 30_000}):
        reply = shown.get(path, {"Cookie": cookie}, **query)
        assert reply.status == 403
        assert reply.text == "Open the address that h2a explore printed: it ends in a key."
        assert "Set-Cookie" not in reply.headers


def test_who_has_no_key_cannot_judge(shown) -> None:
    reply = shown.send("POST", "/verdict", {"Cookie": ""}, "answer=yes")
    assert reply.status == 403
    assert reply.headers["Connection"] == "close"


def test_the_printed_address_lets_in_and_leaves_no_key_in_the_next(shown) -> None:
    path = shown.url.removeprefix(f"http://127.0.0.1:{shown.port}")
    reply = shown.get(f"{path}&q=boxing", {"Cookie": ""})
    assert (reply.status, reply.headers["Location"]) == (303, "/?q=boxing")
    assert shown.get(f"{path}&q=boxing").headers["Location"] == "/?q=boxing"
    cookie, *rules = reply.headers["Set-Cookie"].split("; ")
    assert cookie == shown.cookie
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} == set(rules)
    assert shown.get("/?q=boxing", {"Cookie": f"other=1; {cookie}"}).status == 200
    # A key at another machine's address is none.
    assert shown.send("GET", f"//evil.example{path}", {"Cookie": ""}).status == 403


def test_every_answer_forbids_to_embed_store_or_guess_it(shown) -> None:
    for path in ("/", "/clip", "/still", "/media", "/style.css", "/nothing"):
        headers = shown.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "script-src 'self';" in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/style.css/..", "/templates/", "/%2e%2e/", "//etc/passwd", "/curate/"],
)
def test_no_address_is_a_path(shown, path: str) -> None:
    assert shown.get(path).status == 404


@pytest.mark.parametrize("row_id", ["../../../etc/passwd", "/etc/passwd", "p000", "", "\x00"])
@pytest.mark.parametrize("path", ["/clip", "/still", "/media"])
def test_an_id_is_only_ever_a_row_of_the_table(shown, path: str, row_id: str) -> None:
    reply = shown.get(path, run="curate", table="export_clips/kept", id=row_id)
    assert reply.status == 404
    assert "There is no such row" in reply.text


def test_only_what_is_offered_can_be_done(shown) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE"):
        assert shown.send(method, "/").status == 501
    assert shown.get("/?q=" + "x" * 30_000).status == 404
    assert shown.get("/?q=%ff").status == 404


def test_ids_and_words_of_the_web_are_text_and_nothing_else(
    tmp_path: Path, serve: Callable
) -> None:
    names = [f'{HOSTILE}"onerror=x', "../../../etc/passwd", "a&id=b#c?d", "a\nb"]
    row = dict.fromkeys([*VIDEO.names, *CLIP.names, "reject_reason", "hashtags", "description"])
    rows = [
        {**row, "clip_id": name, "video_id": name, "video_path": f"/nowhere/{name}"}
        | {"hashtags": [HOSTILE], "description": HOSTILE, "reject_reason": f"{HOSTILE}: {name}"}
        for name in names
    ]
    more = [("hashtags", pa.list_(pa.string())), ("description", pa.string())]
    schema = pa.unify_schemas([VIDEO, CLIP, pa.schema(more)])
    folder = Manifest(tmp_path / "run" / "03-analyze_videos")
    folder.begin("analyze_videos", "key", "", {})
    rejected = pa.Table.from_pylist(rows, schema.append(REJECT_REASON))
    folder.write_part("part-00000", schema.empty_table(), rejected)
    table = {"run": "run", "table": "analyze_videos/rejected"}
    with serve(tmp_path / "run") as browser:
        pages = [browser.get("/", **table), browser.get("/", **table, q=HOSTILE, reason=HOSTILE)]
        pages += [browser.get("/clip", **table, id=name) for name in names]
        stills = [browser.get("/still", **table, id=name) for name in names]
    assert {page.status for page in pages} == {200}
    for page in pages:
        assert HOSTILE not in page.text
        assert "&lt;script&gt;alert" in page.text
        assert '"onerror' not in page.text
    assert all(HOSTILE.encode() not in still.body for still in stills)
