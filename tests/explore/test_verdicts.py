"""What a person says about clips, as a browser says it, and what becomes of the file."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from tests.curate.conftest import _finished, films, finished_run  # noqa: F401 - fixtures
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.curate.verdicts import (
    FILE_NAME,
    Verdict,
    append_verdict,
    read_verdicts,
)
from hashtag2action.curate.withdrawal.check import check_withdrawn
from hashtag2action.errors import ManifestError
from hashtag2action.manifest import find_stage

REJECTED = "select_clips/rejected"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def forms(page: str) -> list[dict[str, str]]:
    found = re.findall(r'<form class="judge".*?</form>', page, re.DOTALL)
    field = r'<input type="hidden" name="(\w+)" value="([^"]*)">'
    return [{name: unescape(value) for name, value in re.findall(field, form)} for form in found]


def post(browser, form: dict[str, str], answer: str, **headers: str):
    body = urlencode(form | {"answer": answer})
    return browser.send("POST", "/verdict", FORM | headers, body)


def shown_id(reply) -> str:
    return dict(parse_qsl(urlsplit(reply.headers["Location"]).query))["id"]


def said(run: Path) -> dict[tuple[str, str], str | None]:
    return {name: one.answer for name, one in read_verdicts(run / FILE_NAME).items()}


def test_a_verdict_is_saved_and_leads_to_the_next_clip_of_the_view(
    run: Path, serve: Callable
) -> None:
    rows = find_stage(run, "select_clips").read("rejected").to_pylist()
    with serve(run) as browser:
        query = {"run": "curate", "table": REJECTED, "judged": "open"}
        page = browser.get("/clip", **query, id=rows[0]["clip_id"])
        reply = post(browser, forms(page.text)[0], "no")
        assert reply.status == 303
        assert shown_id(reply) == rows[1]["clip_id"]
        (line,) = (run / FILE_NAME).read_text().splitlines()
        again = browser.get("/clip", **query, id=rows[0]["clip_id"]).text
        assert re.search(r'value="no" aria-pressed="true"', again)
        left = browser.get("/", **query).text
    assert rows[0]["clip_id"] not in left
    assert rows[1]["clip_id"] in left
    value = json.loads(line)
    assert value.pop("judged").endswith("+00:00")
    assert value.pop("measures") == {
        name: rows[0][name] for name in ("person_fraction", "motion_score")
    }
    assert value == {
        "clip_id": rows[0]["clip_id"],
        "video_id": rows[0]["video_id"],
        "question": "person",
        "answer": "no",
        "hashtag": None,
        "rule": rows[0]["reject_reason"],
    }


def test_the_last_word_counts_and_undo_goes_back_step_by_step(run: Path, serve: Callable) -> None:
    with serve(run) as browser:
        first, second, *_ = forms(browser.get("/", table=REJECTED).text)
        for form, answer in ((first, "yes"), (first, "unsure"), (second, "no")):
            post(browser, form, answer)
        keys = [("person", form["id"]) for form in (first, second)]
        assert said(run) == {keys[0]: "unsure", keys[1]: "no"}
        assert shown_id(post(browser, first, "undo")) == second["id"]
        assert said(run) == {keys[0]: "unsure"}
        assert shown_id(post(browser, first, "undo")) == first["id"]
        assert said(run) == {keys[0]: "yes"}
        post(browser, first, "none")
        assert said(run) == {}
        assert len((run / FILE_NAME).read_text().splitlines()) == 6
        for _ in range(9):
            assert post(browser, first, "undo").status == 303
        assert said(run) == {}


def test_a_script_judges_without_leaving_its_page(run: Path, serve: Callable) -> None:
    with serve(run) as browser:
        form = forms(browser.get("/", table=REJECTED).text)[0]
        reply = post(browser, form, "yes", Accept="application/json")
        assert (reply.status, json.loads(reply.body)) == (200, {"id": form["id"], "answer": "yes"})
        assert said(run) == {("person", form["id"]): "yes"}


def test_only_a_page_of_this_server_can_judge(run: Path, serve: Callable) -> None:
    with serve(run) as browser:
        form = forms(browser.get("/", table=REJECTED).text)[0]
        own = f"127.0.0.1:{browser.port}"
        for fields, headers, status in (
            (form | {"token": "x"}, {}, 403),
            (form | {"token": "\u00e9"}, {}, 403),
            ({name: form[name] for name in form if name != "token"}, {}, 403),
            (form, {"Origin": "http://evil.example"}, 403),
            (form, {"Origin": "null"}, 403),
            (form, {"Origin": f"http://{own}9"}, 403),
            (form, {"Sec-Fetch-Site": "cross-site"}, 403),
            (form, {"Host": "evil.example"}, 421),
            (form | {"id": "../../x"}, {}, 404),
            (form | {"run": "../curate"}, {}, 404),
            (form | {"padding": "x" * 30_000}, {}, 413),
        ):
            assert post(browser, fields, "yes", **headers).status == status, (headers, fields)
        assert post(browser, form, "maybe").status == 404
        assert browser.get("/verdict", **form, answer="yes").status == 404
        assert browser.send("POST", "/", FORM, urlencode(form)).status == 404
        assert not (run / FILE_NAME).exists()
        forwarded = {"Host": "localhost:9000", "Origin": "http://localhost:9000"}
        assert post(browser, form, "yes", **forwarded).status == 303


def test_a_row_without_a_clip_cannot_be_judged(run: Path, serve: Callable) -> None:
    with serve(run) as browser:
        form = forms(browser.get("/", table=REJECTED).text)[0]
        page = browser.get("/", table="fetch_videos/rejected").text
        assert "p001" in page
        assert forms(page) == []
        other = form | {"table": "fetch_videos/rejected", "id": "p001"}
        assert "no clip to judge" in post(browser, other, "yes").text
        assert not (run / FILE_NAME).exists()


def test_a_line_that_a_kill_cut_short_makes_room_and_a_damaged_one_is_named(
    tmp_path: Path,
) -> None:
    path = tmp_path / FILE_NAME
    one = Verdict("a-000", "a", "person", "yes")
    append_verdict(path, one)
    with path.open("a") as file:
        file.write('{"clip_id": "b-00')
    assert list(read_verdicts(path)) == [("person", "a-000")]
    append_verdict(path, replace(one, clip_id="c-000"))
    assert list(read_verdicts(path)) == [("person", "a-000"), ("person", "c-000")]
    for line in ("nonsense\n", '{"clip_id": "d"}\n', '{"clip_id": 1}\n', "[]\n"):
        path.write_text(line)
        with pytest.raises(ManifestError, match="line 1 is no verdict"):
            read_verdicts(path)


def test_a_withdrawal_leaves_nothing_in_the_verdicts_and_keeps_those_of_others(
    finished_run: Path,  # noqa: F811
    serve: Callable,
) -> None:
    withdrawn, copy, other = "squat/7000000001.mp4", "squat/7000000003.mp4", "pushup/7000000002.mp4"
    with serve(finished_run) as browser:
        for table in ("export_clips/kept", "deduplicate/rejected"):
            for form in forms(browser.get("/", table=table).text):
                post(browser, form, "yes")
        before = (finished_run / FILE_NAME).read_text()
        assert all(before.count(f'"{name}"') == 1 for name in (withdrawn, copy, other))
        words = ["withdraw", withdrawn, str(finished_run)]
        assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
        after = (finished_run / FILE_NAME).read_text()
        assert "7000000001" not in after
        assert "7000000003" not in after
        kept = [line for line in before.splitlines() if "0000001" not in line]
        assert after.splitlines() == [line for line in kept if "0000003" not in line]
        assert check_withdrawn([withdrawn, copy], [finished_run]).places == []
        # A page that was open before knows it, too: nothing is shown, and nothing written again.
        gone = forms(browser.get("/", table="export_clips/kept").text)[0] | {
            "id": f"{withdrawn}-000"
        }
        named = {name: gone[name] for name in ("run", "table", "id")}
        assert [browser.get(path, **named).status for path in ("/clip", "/still", "/media")] == [
            404
        ] * 3
        assert post(browser, gone, "yes").status == 404
        post(browser, gone, "undo")
        browser.get("/")
    assert check_withdrawn([withdrawn, copy], [finished_run]).places == []
