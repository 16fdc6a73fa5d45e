from pathlib import Path

import pytest

from hashtag2action.errors import SourceError
from hashtag2action.sources.page_store import Answer, PageStore

ANSWER = Answer({"cursor": 0}, 200, '{"data": {}}', "20260801", 1)


def test_ledger_follows_from_the_files_alone(tmp_path: Path) -> None:
    with PageStore(tmp_path) as store:
        for number in range(3):
            store.announce("a", number, "20260801", 1)
            store.put("a", number, ANSWER)
        store.announce("b", 0, "20260802", 100)
        store.lose("b", 0, "20260802", 100)
        store.announce("b", 0, "20260802", 100)
        store.retract("b", 0, "20260802", 100)
    with PageStore(tmp_path) as store:
        assert (store.spent("20260801"), store.spent("20260802")) == (3, 100)
        assert store.get("a", 2) == ANSWER
        assert store.get("b", 0) is None
        assert store.questions() == ["a"]


def test_question_in_flight_when_the_process_died_counts_as_paid_once(tmp_path: Path) -> None:
    with PageStore(tmp_path) as store:
        store.announce("a", 0, "20260801", 1)
    for _ in range(2):
        with PageStore(tmp_path) as store:
            assert store.spent("20260801") == 1
            assert store.get("a", 0) is None


def test_process_that_died_between_answer_and_note_lost_nothing(tmp_path: Path) -> None:
    with PageStore(tmp_path) as store:
        store.announce("a", 0, "20260801", 1)
        store.put("a", 0, ANSWER)
        store.announce("a", 0, "20260801", 1)
    (tmp_path / "answers/a/.00001-20260801-1.json.gz").write_bytes(b"half")
    with PageStore(tmp_path) as store:
        assert store.spent("20260801") == 1
        assert store.get("a", 0) == ANSWER
    assert [path.name for path in (tmp_path / "answers/a").iterdir()] == [
        "00000-20260801-1.json.gz"
    ]


def test_answer_written_but_not_renamed_is_kept(tmp_path: Path) -> None:
    with PageStore(tmp_path) as store:
        store.announce("a", 0, "20260801", 1)
        store.put("a", 0, ANSWER)
        store.announce("a", 0, "20260801", 1)
    path = tmp_path / "answers/a/00000-20260801-1.json.gz"
    path.rename(path.with_name(f".{path.name}"))
    with PageStore(tmp_path) as store:
        assert store.get("a", 0) == ANSWER
        assert store.spent("20260801") == 1


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with PageStore(tmp_path), pytest.raises(SourceError, match="another process"):
        PageStore(tmp_path)


def test_damaged_answer_is_named_and_not_paid_again(tmp_path: Path) -> None:
    with PageStore(tmp_path) as store:
        store.announce("a", 0, "20260801", 1)
        store.put("a", 0, ANSWER)
    path = tmp_path / "answers/a/00000-20260801-1.json.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with PageStore(tmp_path) as store, pytest.raises(SourceError, match="damaged"):
        store.get("a", 0)
