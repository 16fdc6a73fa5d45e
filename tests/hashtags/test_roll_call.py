from datetime import date
from typing import Any

import pytest

from hashtag2action.hashtags.roll_call import RollCall

WINDOW = (date(2026, 1, 1), date(2026, 1, 30))
DAY_S = 86_400


def row(*tags: str, day: float = 0.0) -> dict[str, Any]:
    return {"hashtags": list(tags), "created_unix_s": 1_767_225_600 + int(day * DAY_S)}


def test_tags_that_show_are_used_and_the_others_are_asked_for_again() -> None:
    calls = RollCall(["a", "b", "c", "d", "e"], 3, WINDOW)
    assert calls.waiting == {"a", "b", "c", "d", "e"}
    assert calls.cell().hashtags == ("a", "b", "c")
    called = calls.take([row("x", "a", day=1), row("a", "b", day=3)], is_last=False)
    assert {tag: len(rows) for tag, rows in called.rows.items()} == {"a": 2}
    assert called.days == pytest.approx(2)
    assert called.idle == ()
    # b stood beside a, so it is used; c did not show yet.
    assert calls.waiting == {"c", "d", "e"}
    assert calls.cell().hashtags == ("c",)
    called = calls.take([], is_last=True)
    assert called.idle == ("c",)
    assert called.days == 30
    assert calls.cell().hashtags == ("d", "e")
    called = calls.take([row("e")], is_last=True)
    assert called.idle == ("d",)
    assert calls.is_over
    assert not calls.waiting


def test_an_answer_that_shows_no_tag_ends_the_call_of_a_batch() -> None:
    calls = RollCall(["a", "b"], 2, WINDOW)
    called = calls.take([row("other")], is_last=False)
    assert called.idle == ()
    assert calls.is_over
    assert not calls.waiting


def test_one_tag_per_question_calls_nobody() -> None:
    calls = RollCall(["a", "b"], 1, WINDOW)
    assert calls.is_over
    assert not calls.waiting
