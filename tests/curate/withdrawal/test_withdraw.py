"""A withdrawn video leaves no byte: searched here by id, by SHA-256 and by fingerprint, by hand."""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tests.curate.conftest import moving, quiet, recipe
from tests.video.films import film
from typer.testing import CliRunner, Result

from hashtag2action.cli import app
from hashtag2action.curate.check_dataset import check_dataset
from hashtag2action.curate.pipeline import curate
from hashtag2action.curate.withdrawal.check import check_withdrawn
from hashtag2action.curate.withdrawal.tombstones import FILE_NAME
from hashtag2action.curate.withdrawal.withdraw import withdraw
from hashtag2action.errors import ConfigError, ManifestError
from hashtag2action.manifest import Manifest, find_stage, stage_folders
from hashtag2action.report.render import write_report
from hashtag2action.sources.base import hash_post_id
from hashtag2action.vision.fingerprint import Fingerprint
from hashtag2action.vision.neighbors import FingerprintMatcher

ORIGINAL, COPY = "squat/7000000001.mp4", "squat/7000000003.mp4"


def pieces(folder: Path) -> list[bytes]:
    """All files of a folder and all members of its archives; what a tombstone keeps is allowed."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and path.name != FILE_NAME:
            found.append(path.read_bytes())
        if path.suffix == ".tar":
            with tarfile.open(path) as archive:
                files = [archive.extractfile(member) for member in archive]
                found += [file.read() for file in files if file]
    return found


def cells(folder: Path) -> str:
    """All cells of all tables, as text."""
    tables = [pq.read_table(path) for path in folder.rglob("*.parquet") if path.name != FILE_NAME]
    return "\n".join(repr(table.to_pylist()) for table in tables)


def print_in(row: dict) -> Fingerprint:
    return Fingerprint.from_bytes(row["fingerprints"], np.asarray(row["fingerprint_times_s"]))


def tables_of(run: Path) -> list[tuple[str, list[str], str]]:
    """Ids of the rows of every half of every stage, in order of ids, and its counts."""
    found = []
    for folder in stage_folders(run):
        manifest = Manifest(folder)
        for side in ("kept", "rejected"):
            table = manifest.read(side)
            name = "clip_id" if "clip_id" in table.column_names else "post_id"
            # Blank rows are named by the key of their file of tombstones.
            ids = sorted(text.partition("withdrawn-")[0] for text in table[name].to_pylist())
            receipt = {**manifest.receipt(), "key": None, "parent_key": None}
            found.append((f"{folder.name}/{side}", ids, json.dumps(receipt, sort_keys=True)))
    return found


@pytest.fixture
def witness(finished_run: Path) -> tuple[set[str], list[Fingerprint]]:
    """SHA-256 of the films and clips of the original and its copy, and their fingerprints."""
    analyzed = find_stage(finished_run, "analyze_videos").read().to_pylist()
    rows = [row for row in analyzed if row["post_id"] in {ORIGINAL, COPY}]
    clips = find_stage(finished_run, "export_clips").read().to_pylist()
    digests = {row["video_sha256"] for row in rows}
    digests |= {row["clip_sha256"] for row in clips if row["post_id"] in {ORIGINAL, COPY}}
    assert (len(digests), len(rows)) == (3, 2)
    return digests, [print_in(row) for row in rows]


def test_nothing_is_left_by_id_by_sha256_or_by_fingerprint(
    finished_run: Path, witness: tuple[set[str], list[Fingerprint]]
):
    digests, prints = witness
    report = write_report(finished_run)
    assert b"7000000001" in report.read_bytes()
    before = {hashlib.sha256(piece).hexdigest() for piece in pieces(finished_run)}
    assert len(before & digests) == 1, "the exported clip is found before"

    done = withdraw([ORIGINAL], [finished_run])

    assert (done.posts, done.copies) == ([ORIGINAL, COPY], [COPY])
    assert report in done.stale
    write_report(finished_run)
    for piece in pieces(finished_run):
        assert hashlib.sha256(piece).hexdigest() not in digests
        for name in (b"7000000001", b"7000000003"):
            assert name not in piece
        assert all(gone.to_bytes() not in piece for gone in prints)
    text = cells(finished_run)
    for name in ("7000000001", "7000000003", *digests):
        assert name not in text
    assert not [path for path in finished_run.rglob("*") if "7000000001" in path.name]
    matcher = FingerprintMatcher()
    for stage in ("analyze_videos", "select_clips", "deduplicate", "export_clips"):
        made = find_stage(finished_run, stage)
        for side in ("kept", "rejected"):
            here = made.read(side)
            rows = made.read(side, ["fingerprints", "fingerprint_times_s"]).to_pylist()
            assert len(rows) == here.num_rows
            assert ("fingerprints" in here.column_names) == (stage == "analyze_videos")
            for row in rows:
                assert all(matcher.match(print_in(row), gone) is None for gone in prints)


def test_what_stays_is_whole_and_counted(finished_run: Path):
    clips_before = find_stage(finished_run, "export_clips").read()
    withdraw([ORIGINAL], [finished_run])
    stays = find_stage(finished_run, "export_clips").read()
    assert stays.num_rows == clips_before.num_rows - 1
    num_paths, faults = check_dataset(finished_run)
    assert (num_paths, faults) == (7 * stays.num_rows, [])
    receipt = find_stage(finished_run, "posts").receipt()
    assert (receipt["num_input_rows"], receipt["num_kept"]) == (6, 4)
    assert receipt["reasons"] == {"withdrawn": 2}
    for row in find_stage(finished_run, "posts").read("rejected").to_pylist():
        assert row.pop("post_id").startswith("withdrawn-")
        assert row.pop("reject_reason") == "withdrawn"
        assert set(row.values()) == {None}


def test_the_proof_is_checked_by_the_tool_too(finished_run: Path):
    write_report(finished_run)
    before = check_withdrawn([ORIGINAL], [finished_run])
    kinds = (".parquet", ".tar", ".jsonl", ".txt", ".mp4", ".html")
    assert all(any(kind in place for place in before.places) for kind in kinds)
    withdraw([ORIGINAL], [finished_run])
    after = check_withdrawn([ORIGINAL, COPY], [finished_run])
    assert after.places == []
    assert after.num_places > 80


def test_what_was_put_back_by_hand_is_found_whatever_its_name(finished_run: Path, films: Path):
    clip = next((finished_run / "06-export_clips" / "media").rglob("*7000000001*")).read_bytes()
    withdraw([ORIGINAL], [finished_run])
    (finished_run / "innocent.bin").write_bytes(clip)
    with tarfile.open(finished_run / "innocent.tar", "w") as archive:
        archive.add(films / COPY, "a.mp4")
    (finished_run / "notes.txt").write_text(f"see {COPY} for more")
    found = check_withdrawn([], [finished_run]).places
    assert any("innocent.bin: is one of its files" in place for place in found)
    assert any("innocent.tar:a.mp4: is one of its files" in place for place in found)
    assert any("notes.txt: speaks of a withdrawn post" in place for place in found)


def test_a_run_that_goes_on_does_not_bring_it_back(finished_run: Path, films: Path):
    withdraw([ORIGINAL], [finished_run])
    before = tables_of(finished_run)
    settings = {"containers": ["shards", "huggingface", "lists"], "parts_per_shard": 2}
    curate(recipe(films, dataset=settings), finished_run, quiet)
    assert tables_of(finished_run) == before
    for folder in stage_folders(finished_run):
        shutil.rmtree(folder)
    curate(recipe(films, dataset=settings), finished_run, quiet)
    assert tables_of(finished_run) == before
    assert check_withdrawn([ORIGINAL, COPY], [finished_run]).places == []


def test_a_new_run_with_the_tombstones_equals_the_purged_one(
    finished_run: Path, films: Path, tmp_path: Path
):
    withdraw([ORIGINAL], [finished_run])
    stones = tmp_path / "stones.parquet"
    shutil.copy(finished_run / FILE_NAME, stones)
    curate(recipe(films, tombstones=[str(stones)]), tmp_path / "new", quiet)
    assert tables_of(tmp_path / "new") == tables_of(finished_run)
    assert check_withdrawn([ORIGINAL, COPY], [tmp_path / "new"]).places == []


def test_tombstones_given_later_hold_for_a_finished_run(
    finished_run: Path, films: Path, tmp_path: Path
):
    other = tmp_path / "other"
    curate(recipe(films), other, quiet)
    withdraw([ORIGINAL], [finished_run])
    curate(recipe(films, tombstones=[str(finished_run / FILE_NAME)]), other, quiet)
    assert tables_of(other) == tables_of(finished_run)


def test_a_copy_under_another_name_is_known_by_its_pictures(finished_run: Path, tmp_path: Path):
    withdraw([ORIGINAL], [finished_run])
    other = tmp_path / "others" / "squat"
    other.mkdir(parents=True)
    film(other / "8000000001.mp4", moving(1), options={"crf": "35", "g": "20"})
    film(other / "8000000002.mp4", moving(77), options={"crf": "20"})
    run = tmp_path / "new"
    curate(recipe(tmp_path / "others", tombstones=[str(finished_run / FILE_NAME)]), run, quiet)
    assert find_stage(run, "posts").receipt()["reasons"] == {"withdrawn": 1}
    assert find_stage(run, "export_clips").read()["post_id"].to_pylist() == ["squat/8000000002.mp4"]
    assert b"8000000001" not in b"".join(pieces(run))


def test_copies_are_only_listed_where_that_is_asked(finished_run: Path):
    done = withdraw([ORIGINAL], [finished_run], copies_too=False)
    assert (done.posts, done.copies) == ([ORIGINAL], [COPY])
    rejected = find_stage(finished_run, "deduplicate").read("rejected").to_pylist()
    assert [(row["post_id"], row["duplicate_of"]) for row in rejected] == [(COPY, None)]
    assert check_withdrawn([ORIGINAL], [finished_run]).places == [
        f"{COPY}: shows a withdrawn scene"
    ]


def test_a_post_whose_id_was_hashed_is_withdrawn_by_the_id_its_maker_knows(
    films: Path, tmp_path: Path
):
    own = Path(shutil.copytree(films, tmp_path / "own"))
    lines = [{"id": 7000000000 + k, "file": f"{k}.mp4", "video_description": "#a"} for k in (0, 2)]
    for line in lines:
        shutil.copy(films / "pushup" / f"{line['id']}.mp4", own / line["file"])
    (own / "posts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    source = {"kind": "archive", "posts": str(own / "posts.jsonl"), "hash_ids": True, "salt": "s"}
    run = tmp_path / "run"
    curate(recipe(films, source=source), run, quiet)
    (hashed,) = {hash_post_id("7000000002", "s")} & set(
        find_stage(run, "export_clips").read()["post_id"].to_pylist()
    )
    assert check_withdrawn(["7000000002"], [run]).places
    done = withdraw(["7000000002"], [run])
    assert (done.unknown, hashed in done.posts) == ([], True)
    assert find_stage(run, "export_clips").read()["post_id"].to_pylist() == [
        hash_post_id("7000000000", "s")
    ]
    assert check_withdrawn(["7000000002"], [run]).places == []
    assert hashed.encode() not in b"".join(pieces(run))


def test_without_an_id_or_with_a_damaged_plan_nothing_is_withdrawn(finished_run: Path):
    found = CliRunner().invoke(app, ["withdraw", str(finished_run)])
    assert isinstance(found.exception, ConfigError)
    assert "name at least one id" in str(found.exception)
    (finished_run / "00-posts" / "plan.json").write_text('{"settings": ')
    with pytest.raises(ManifestError, match=r"plan\.json: cannot be read as JSON"):
        withdraw([ORIGINAL], [finished_run])


def test_originals_outside_the_folders_are_told_and_inside_removed(finished_run: Path, films: Path):
    own = Path(shutil.copytree(films, finished_run.parent / "own"))
    assert withdraw([COPY], [finished_run], copies_too=False).originals == [str(films / COPY)]
    assert (films / COPY).exists()
    withdraw([COPY], [own])
    assert not (own / COPY).exists()
    assert (own / ORIGINAL).exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from hashtag2action.curate.withdrawal.withdraw import withdraw
def die_after(left):
    def count(event, _):
        nonlocal left
        if event in ("os.rename", "os.remove"):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
for folder in sys.argv[2:]:
    if os.fork() == 0:
        die_after(int(Path(folder).name))
        withdraw([sys.argv[1]], [Path(folder)])
        os._exit(0)
    assert os.WTERMSIG(os.wait()[1]) == signal.SIGKILL
"""


def test_killed_at_any_change_the_same_call_finishes(finished_run: Path, tmp_path: Path):
    # Folders are named by the changes of files that the process lives to make.
    killed = [Path(shutil.copytree(finished_run, tmp_path / str(k))) for k in (1, 4, 8, 12)]
    command = [sys.executable, "-c", KILLED, ORIGINAL, *map(str, killed)]
    assert subprocess.run(command, check=False).returncode == 0
    withdraw([ORIGINAL], [finished_run])
    whole = tables_of(finished_run)
    for run in killed:
        withdraw([ORIGINAL], [run])
        assert check_withdrawn([ORIGINAL, COPY], [run]).places == []
        assert tables_of(run) == whole
        assert check_dataset(run)[1] == []


def test_killed_after_its_pages_went_the_same_call_brings_the_cards_back(finished_run: Path):
    call = ["withdraw", ORIGINAL, str(finished_run)]
    assert CliRunner().invoke(app, call).exit_code == 0
    cards = [finished_run / "dataset" / name for name in ("README.md", "croissant.json")]
    whole = [card.read_text() for card in cards]
    for card in cards:
        card.unlink()  # a kill before they were written anew leaves it so
    assert CliRunner().invoke(app, call).exit_code == 0
    assert [card.read_text() for card in cards] == whole


def test_killed_before_its_reports_are_written_the_same_call_writes_them(finished_run: Path):
    top = finished_run.parent
    pages = [write_report(finished_run), write_report(top)]
    assert all(b"7000000001" in page.read_bytes() for page in pages)
    withdraw([ORIGINAL], [top])  # the command writes pages last: a kill before leaves it so
    assert all(b"taken down" in page.read_bytes() for page in pages)
    assert check_withdrawn([ORIGINAL, COPY], [top]).places == []
    assert CliRunner().invoke(app, ["withdraw", ORIGINAL, str(top)]).exit_code == 0
    found = [page.read_bytes() for page in pages]
    assert found == [write_report(page.parent).read_bytes() for page in pages]
    assert all(b"7000000001" not in page for page in found)
    assert all(b"7000000002" in page for page in found)


def test_a_report_between_the_folder_and_its_runs_is_written_anew(finished_run: Path):
    top = finished_run.parent / "top"
    (top / "between").mkdir(parents=True)
    finished_run.rename(top / "between" / "run")
    page = write_report(top / "between")
    other = finished_run.parent / "other" / "report.html"
    other.parent.mkdir()
    other.write_text("<p>of another program</p>")
    call = ["withdraw", ORIGINAL, "--from", str(top), "--from", str(other.parent)]
    assert CliRunner().invoke(app, call).exit_code == 0
    assert b"7000000001" not in page.read_bytes()
    assert b"7000000002" in page.read_bytes()
    assert other.read_text() == "<p>of another program</p>"


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such folder"):
        withdraw(["1"], [tmp_path / "gone"])


def test_the_command_tells_ids_from_folders(finished_run: Path):
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["withdraw", *arguments])

    assert call("--check", ORIGINAL, str(finished_run)).exit_code == 1
    done = call(ORIGINAL, "7999999999", str(finished_run))
    assert done.exit_code == 0
    assert "in no table: 7999999999;" in done.stdout
    assert f"in no table: {ORIGINAL}" not in done.stdout
    assert "in no table" not in call(ORIGINAL, str(finished_run)).stdout
    checked = call("--check", ORIGINAL, "--from", str(finished_run))
    assert checked.exit_code == 0
    assert ", 0 left" in checked.stdout
    assert isinstance(call(ORIGINAL, "no-such-folder").exception, ConfigError)


def test_a_folder_that_is_no_run_says_that_nothing_is_remembered(
    finished_run: Path, tmp_path: Path
):
    (tmp_path / "other").mkdir()
    told = [
        CliRunner().invoke(app, ["withdraw", ORIGINAL, str(folder)]).stdout
        for folder in (tmp_path / "other", finished_run)
    ]
    assert ["no run in these folders" in text for text in told] == [True, False]


def test_posts_whose_ids_hold_a_withdrawn_one_stay_whole(tmp_path: Path):
    ids = ["abc123", "abc1234", "abc123-4", "x/abc123", "ABC123", "übung-abc123"]
    lines = [{"id": name, "file": f"{k}.mp4"} for k, name in enumerate(ids)]
    for k, line in enumerate(lines):
        film(tmp_path / line["file"], moving(100 + k), options={"crf": "28", "g": "12"})
    posts, listed = tmp_path / "posts.jsonl", tmp_path / "runs" / "list.txt"
    posts.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = tmp_path / "runs" / "run"
    source = {"kind": "archive", "posts": str(posts)}
    containers = {"containers": ["shards", "huggingface", "lists"]}
    curate(recipe(tmp_path, source=source, dataset=containers), run, quiet)
    listed.write_text("".join(f"{name}\n" for name in ids))
    assert len(check_withdrawn(["abc123"], [tmp_path / "runs"]).places) > 5

    withdraw(["abc123"], [tmp_path / "runs"])

    assert sorted(find_stage(run, "export_clips").read()["post_id"].to_pylist()) == sorted(ids[1:])
    assert check_dataset(run)[1] == []
    assert listed.read_text().split() == ids[1:]
    assert check_withdrawn(["abc123"], [tmp_path / "runs"]).places == []
