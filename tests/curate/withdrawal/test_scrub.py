"""Files that no stage made: what speaks of a post goes, everything else stays as it was."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hashtag2action.curate.withdrawal.check import check_withdrawn
from hashtag2action.curate.withdrawal.scrub import scrub_folder
from hashtag2action.curate.withdrawal.subject import Names
from hashtag2action.errors import OverTotalBytesError
from hashtag2action.sources.page_store import Answer, PageStore
from hashtag2action.transfer.budget import LEDGER, ByteBudget
from hashtag2action.transfer.store import Store

ID, OTHER = "7123456789", "71234567890"


def pack(path: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            said = tarfile.TarInfo(name)
            said.size = len(content)
            archive.addfile(said, io.BytesIO(content))


def fill(folder: Path) -> None:
    (folder / "videos").mkdir(parents=True)
    for name in (ID, OTHER):
        (folder / "videos" / f"{name}.mp4").write_bytes(name[::-1].encode())
    posts = [{"id": int(ID), "text": "a"}, {"id": OTHER, "text": "b"}]
    (folder / "posts.jsonl").write_text("".join(json.dumps(post) + "\n" for post in posts))
    (folder / "posts.csv").write_text(f'id,text\n{ID},"a\nb"\n{OTHER},"c\nd"\n')
    (folder / "ids.txt").write_text(f"{ID}\n{OTHER}\n")
    (folder / "truth.json").write_text(json.dumps({ID: {"a": 1}, OTHER: {"copies": [int(ID), 5]}}))
    body = json.dumps({"data": {"videos": [{"id": int(ID)}, {"id": int(OTHER)}], "cursor": 2}})
    answer = {"request": {"video_ids": [ID, OTHER]}, "status": 200, "body": body, "day": "20261101"}
    (folder / "00000-20261101-1.json.gz").write_bytes(gzip.compress(json.dumps(answer).encode()))
    pq.write_table(pa.table({"clip": [f"{ID}-000", f"{OTHER}-000"]}), folder / "said.parquet")
    (folder / "page.html").write_text(f"<p>{ID}-000</p>")
    (folder / "other.html").write_text(f"<p>{OTHER}-000</p>")


def test_every_kind_of_file_loses_the_post_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path)
    assert len(check_withdrawn([ID], [tmp_path]).places) >= 8
    scrub_folder(tmp_path, Names([ID]), ())
    assert check_withdrawn([ID], [tmp_path]).places == []
    assert [path.stem for path in (tmp_path / "videos").iterdir()] == [OTHER]
    assert json.loads((tmp_path / "posts.jsonl").read_text()) == {"id": OTHER, "text": "b"}
    assert (tmp_path / "posts.csv").read_text() == f'id,text\n{OTHER},"c\nd"\n'
    assert (tmp_path / "ids.txt").read_text() == f"{OTHER}\n"
    assert json.loads((tmp_path / "truth.json").read_text()) == {OTHER: {"copies": [5]}}
    answer = json.loads(gzip.decompress((tmp_path / "00000-20261101-1.json.gz").read_bytes()))
    assert answer["request"] == {"video_ids": [OTHER]}
    assert json.loads(answer["body"]) == {"data": {"videos": [{"id": int(OTHER)}], "cursor": 2}}
    assert pq.read_table(tmp_path / "said.parquet")["clip"].to_pylist() == [f"{OTHER}-000"]
    assert not (tmp_path / "page.html").exists()
    assert (tmp_path / "other.html").exists()


def test_an_item_that_names_its_post_deep_inside_goes_whole(tmp_path: Path) -> None:
    items = [
        {"id": {"kind": "video", "videoId": name}, "snippet": {"title": f"film of {k}"}}
        for k, name in enumerate((ID, OTHER))
    ]
    (tmp_path / "page.json").write_text(json.dumps({"items": items, "next": {"after": "x"}}))
    scrub_folder(tmp_path, Names([ID]), ())
    assert json.loads((tmp_path / "page.json").read_text()) == {
        "items": items[1:],
        "next": {"after": "x"},
    }


def test_stored_answers_stay_readable_and_paid(tmp_path: Path) -> None:
    body = json.dumps({"data": {"videos": [{"id": int(ID)}, {"id": int(OTHER)}]}})
    answer = Answer({"query": "squat"}, 200, body, "20261101", 1)
    with PageStore(tmp_path) as store:
        store.announce("key", 0, "20261101", 1)
        store.put("key", 0, answer)
    scrub_folder(tmp_path, Names([ID]), ())
    with PageStore(tmp_path) as store:
        found = store.get("key", 0)
        assert store.spent("20261101") == 1
    assert found is not None
    assert json.loads(found.body) == {"data": {"videos": [{"id": int(OTHER)}]}}


def test_a_fetch_that_was_begun_leaves_nothing(tmp_path: Path) -> None:
    ledger = tmp_path / LEDGER
    store = Store(tmp_path, ByteBudget(ledger, 1_000_000), 1_000_000)
    for name in (ID, OTHER):
        place = store.place(name)
        place.begin("https://example.org/film.mp4", "v1")
        place.append([b"0" * 1000], 1000)
    gone = store.place(ID).name.encode()
    assert gone in ledger.read_bytes()
    assert check_withdrawn([ID], [tmp_path]).places
    scrub_folder(tmp_path, Names([ID]), ())
    assert check_withdrawn([ID], [tmp_path]).places == []
    assert gone not in ledger.read_bytes()
    assert store.place(OTHER).begun("https://example.org/film.mp4")[0] == 1000
    store.budget.hold("other", 999_000)
    with pytest.raises(OverTotalBytesError):
        store.budget.hold("one more", 1)


def test_what_does_not_speak_of_it_keeps_its_bytes(tmp_path: Path) -> None:
    fill(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert scrub_folder(tmp_path, Names(["9999999999"]), ()) == []
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_short_ids_are_whole_words_only(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("12\nat 12 o'clock\n")
    scrub_folder(tmp_path, Names(["12"]), ())
    assert (tmp_path / "notes.txt").read_text() == "at 12 o'clock\n"


def test_files_that_are_theirs_go_whatever_their_name(tmp_path: Path) -> None:
    theirs, other = b"theirs" * 99, b"others" * 99
    (tmp_path / "a.bin").write_bytes(theirs)
    (tmp_path / "b.bin").write_bytes(other)
    (tmp_path / "a.gz").write_bytes(gzip.compress(theirs))
    (tmp_path / "b.gz").write_bytes(gzip.compress(other))
    pack(tmp_path / "only.tar", {"1.mp4": theirs})
    pack(tmp_path / "both.tar", {"1.mp4": theirs, "2.mp4": other, f"{ID}.mp4": b"", "x": b"y"})
    pack(tmp_path / "other.tar", {"2.mp4": other})
    untouched = (tmp_path / "other.tar").read_bytes()
    digest = hashlib.sha256(theirs).hexdigest()
    changed = scrub_folder(tmp_path, Names([ID]), (), lambda found: found == digest)
    assert [path.name for path in changed] == ["a.bin", "a.gz", "both.tar", "only.tar"]
    assert {path.name for path in tmp_path.iterdir()} == {"b.bin", "b.gz", "both.tar", "other.tar"}
    assert (tmp_path / "other.tar").read_bytes() == untouched
    with tarfile.open(tmp_path / "both.tar") as archive:
        assert archive.getnames() == ["2.mp4", "x"]
        files = [archive.extractfile(member) for member in archive]
        assert [file.read() for file in files if file] == [other, b"y"]


def test_a_broken_archive_is_left_for_the_check_to_tell(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"no archive" * 100)
    assert scrub_folder(tmp_path, Names([ID]), (), lambda _: False) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]
    assert check_withdrawn([ID], [tmp_path]).places == []
    (tmp_path / "a.tar").write_bytes(f"no archive, but {ID}".encode() * 100)
    assert len(check_withdrawn([ID], [tmp_path]).places) == 1


def test_a_page_that_escapes_an_id_speaks_of_it(tmp_path: Path) -> None:
    page = tmp_path / "shown.html"
    page.write_text("<p>a&amp;b&lt;c&gt;&#39;d-000</p>")
    assert check_withdrawn(["a&b<c>'d"], [tmp_path]).places == [f"{page} (as shown): speaks of it"]
    assert scrub_folder(tmp_path, Names(["a&b<c>'d"]), ()) == [page]
    assert not page.exists()
