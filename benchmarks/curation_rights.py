"""What a withdrawal leaves: a search for bytes, by another way than `h2a withdraw --check` goes.

One rendered platform is curated three times, in every format and every form of export, compared
with a benchmark, with a card and a report, all by the command line. Some posts are withdrawn, and
every file is searched for what was theirs: whole files by SHA-256, runs of bytes of their media
and of the report's pictures, ids and digests, fingerprints; also inside archives, compressed
files, the cells of tables and the pictures of pages.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.figures import Figure
from benchmarks.rights_search import KINDS, Evidence, Runs, Search, pictures_of
from hashtag2action.curate.check_dataset import check_dataset
from hashtag2action.curate.export_clips import safe_name
from hashtag2action.curate.withdrawal.check import check_withdrawn
from hashtag2action.curate.withdrawal.tombstones import FILE_NAME
from hashtag2action.manifest import find_stage
from hashtag2action.report.sheets import Card, duplicate_pairs, kept_sheet, rejected_sheets
from hashtag2action.sources.studio.platform import Studio, render_studio
from hashtag2action.video.cut import cut_clip
from hashtag2action.video.probe import probe_video

_WORLD = Studio(num_posts=48, seed=4_211, width_px=180, height_px=320, long_fraction=0.0, workers=1)
"""Chosen: a minute of rendering, four posts that others copied."""
_FORMS = {
    "encoded": ("reencode", ("shards", "huggingface", "lists")),
    "copied": ("copy", ("shards", "huggingface")),
    "spans": ("spans", ()),
}
"""Every format of clips, with every form of export that can hold it."""
_NUM_ORDINARY = 3
"""Posts that nobody copied, withdrawn as well."""

Row = dict[str, Any]


@dataclass(frozen=True)
class _Posts:
    given: list[str]
    """Posts that are withdrawn by their ids."""
    copies: list[str]
    """Copies of them, which fingerprints have to find."""
    others: list[str]
    """Posts that stay, with videos that can be read."""

    @property
    def gone(self) -> list[str]:
        return [*self.given, *self.copies]


def rights_figures(out: Path) -> list[Figure]:
    """Measure; about four minutes on two cores."""
    shutil.rmtree(out, ignore_errors=True)
    runs = out / "runs"
    files = render_studio(_WORLD, runs / "platform")
    posts = _choose(json.loads(files.truth.read_text("utf-8")))
    _curate_all(out, posts)
    _put_aside(out, posts)
    evidence = _evidence(runs, posts)
    before = Search(evidence).folder(runs)
    is_told = _call(out, "withdraw", "--check", *posts.given, str(runs)) == 1
    begun_s = time.monotonic()
    done = _call(out, "withdraw", *posts.given, str(runs))
    seconds = time.monotonic() - begun_s
    assert done == 0, "the withdrawal failed"
    _report_all(out)
    after = Search(evidence).folder(runs, apart=FILE_NAME)
    after = after.folder(out / "cache")
    (out / "left.txt").write_text("\n".join(after.places), "utf-8")
    is_proven = _call(out, "withdraw", "--check", *posts.gone, str(runs)) == 0
    faults = [fault for name in _FORMS for fault in check_dataset(runs / name)[1]]
    return [
        *_left(before, after, f"{len(posts.given)} posts and {len(posts.copies)} copies"),
        Figure("... searched after: MB in files", after.size(), "shown", True),
        _tombstones(runs, evidence),
        _copies_found(runs, posts),
        Figure(
            "`h2a withdraw --check` before, after",
            f"{'found' if is_told else 'nothing'}, {'nothing' if is_proven else 'found'}",
            "found, nothing",
            is_told and is_proven,
        ),
        Figure("paths of the rest that do not open", f"{len(faults)}", "0", not faults),
        Figure("three runs withdrawn from, s by the clock", f"{seconds:.1f}", "shown", True),
        *_came_again(out, posts),
        *_put_back(out, posts, evidence),
    ]


def _call(out: Path, *arguments: str) -> int:
    """Run `h2a`; what it keeps between runs lies in `out/cache`, and is searched, too."""
    command = [sys.executable, "-m", "hashtag2action", *arguments]
    environment = os.environ | {"XDG_CACHE_HOME": str(out / "cache")}
    return subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ).returncode


def _choose(truth: dict[str, Row]) -> _Posts:
    copies = {name: post["duplicate_of"] for name, post in truth.items() if "duplicate_of" in post}
    copied = {original: name for name, original in copies.items()}
    plain = [
        name
        for name, post in sorted(truth.items())
        if post.get("readable", True) and name not in copied and name not in copies
    ]
    given = [*sorted(copied), *plain[:_NUM_ORDINARY]]
    return _Posts(given, [copied[name] for name in sorted(copied)], plain[_NUM_ORDINARY:])


def _curate_all(out: Path, posts: _Posts) -> None:
    videos = out / "runs" / "platform" / "videos"
    # A benchmark that shows what one of the posts shows that stay.
    benchmark = out / "benchmark"
    benchmark.mkdir()
    _encode(videos / f"{posts.others[0]}.mp4", benchmark / "test.mp4")
    source = {"kind": "archive", "posts": str(out / "runs" / "platform" / "posts.jsonl")}
    for name, (form, containers) in _FORMS.items():
        sections = {
            "source": source,
            "export_clips": {"format": form},
            "dataset": {"containers": list(containers), "contact": "rights@example.org"},
            "deduplicate": {"references": [{"name": "bench", "folder": str(benchmark)}]},
        }
        _curate(out, out / "runs" / name, sections)
    _report_all(out)


def _curate(out: Path, run: Path, sections: Row) -> None:
    recipe = out / f"{run.name}.yaml"
    said = {
        "analyze_videos": {"persons": None},
        "select_clips": {"scenes": "all"},
        "runtime": {"num_workers": 1},
        **sections,
    }
    recipe.write_text(yaml.safe_dump(said), "utf-8")
    done = _call(out, "curate", str(recipe), "--out", str(run))
    assert done == 0, f"the curation of {run} failed"


def _report_all(out: Path) -> None:
    for name in _FORMS:
        done = _call(out, "report", str(out / "runs" / name))
        assert done == 0, f"the report of {name} failed"


def _encode(video: Path, path: Path) -> None:
    end_s = probe_video(video).duration_s or 0.0
    cut_clip(video, path, 0.0, end_s, short_side_px=160, crf=30, preset="veryfast", gop=50)


def _put_aside(out: Path, posts: _Posts) -> None:
    """Keep copies under other names for a later run, and a video and a clip as they are."""
    videos = out / "runs" / "platform" / "videos"
    folder = out / "again" / "squat"
    folder.mkdir(parents=True)
    for kind, names in (("gone", posts.gone), ("other", posts.others[: len(posts.gone)])):
        for number, name in enumerate(names):
            _encode(videos / f"{name}.mp4", folder / f"{kind}-{number:02d}.mp4")
    (out / "kept").mkdir()
    shutil.copy(videos / f"{posts.given[0]}.mp4", out / "kept" / "a.mp4")
    made = find_stage(out / "runs" / "encoded", "export_clips")
    clips = (row for row in made.read().to_pylist() if row["post_id"] in posts.given)
    shutil.copy(made.root / "media" / next(clips)["path"], out / "kept" / "b.mp4")


def _evidence(runs: Path, posts: _Posts) -> Evidence:
    words = {name.encode() for name in posts.gone}
    prints: set[bytes] = set()
    others: set[bytes] = set()
    digests: set[str] = set()
    theirs, staying = [], []
    for name, (form, _) in _FORMS.items():
        run = runs / name
        for row in find_stage(run, "analyze_videos").read().to_pylist():
            (prints if row["post_id"] in posts.gone else others).add(row["fingerprints"])
            if row["post_id"] in posts.gone:
                words |= {row["clip_id"].encode(), safe_name(row["clip_id"]).encode()}
                digests.add(row["video_sha256"])
        media = find_stage(run, "export_clips").root / "media"
        rows = find_stage(run, "export_clips").read().to_pylist() if form != "spans" else []
        for row in rows:
            is_gone = row["post_id"] in posts.gone
            (theirs if is_gone else staying).append((media / row["path"]).read_bytes())
            digests |= {row["clip_sha256"]} if is_gone else set()
        for card in _cards(run):
            is_gone = any(card.clip_id.startswith(name) for name in posts.gone)
            (theirs if is_gone else staying).extend(pictures_of([card.image]))
    for path in sorted((runs / "platform" / "videos").iterdir()):
        (theirs if path.stem in posts.gone else staying).append(path.read_bytes())
    words |= {digest.encode() for digest in digests}
    return Evidence(digests, words, prints - others, Runs(theirs).without(staying))


def _cards(run: Path) -> list[Card]:
    sheets = [sheet for sheet in (kept_sheet(run), *rejected_sheets(run)) if sheet]
    pairs, _ = duplicate_pairs(run)
    cards = [card for sheet in sheets for card in sheet.cards]
    return [*cards, *(card for pair in pairs for card in (pair.original, pair.duplicate))]


def _left(before: Search, after: Search, whose: str) -> list[Figure]:
    return [
        Figure(
            f"{kind} of {whose}: before, after",
            f"{before.found[kind]}, {after.found[kind]}",
            "> 0, 0",
            before.found[kind] > 0 and after.found[kind] == 0,
        )
        for kind in KINDS
    ]


def _tombstones(runs: Path, evidence: Evidence) -> Figure:
    found = Search(evidence)
    for name in _FORMS:
        found.file(runs / name / FILE_NAME)
    count = sum(found.found[kind] for kind in KINDS[:3])
    return Figure("bytes, ids and digests in the tombstones", f"{count}", "0", count == 0)


def _copies_found(runs: Path, posts: _Posts) -> Figure:
    left = find_stage(runs / "encoded", "posts").read(columns=["post_id"])["post_id"].to_pylist()
    found = sum(name not in left for name in posts.copies)
    wrong = sum(name not in left for name in posts.others)
    total = len(posts.copies)
    return Figure(
        "copies that went with their originals; others that went",
        f"{found} of {total}; {wrong}",
        f"{total} of {total}; 0",
        found == total and wrong == 0,
    )


def _came_again(out: Path, posts: _Posts) -> list[Figure]:
    """Let a later run meet the posts by their ids, and by copies under other names."""
    stones = [str(out / "runs" / "encoded" / FILE_NAME)]
    run = out / "later"
    source = {"kind": "folder", "folder": str(out / "again"), "license": "CC0-1.0"}
    _curate(out, run, {"source": source, "tombstones": stones})
    came = find_stage(run, "posts").read(columns=["post_id"])["post_id"].to_pylist()
    total = len(posts.gone)
    refused = total - sum("gone-" in name for name in came)
    passed = sum("other-" in name for name in came)
    again = [json.dumps({"id": name, "video_description": "#squat"}) for name in posts.gone]
    (out / "again.jsonl").write_text("\n".join(again) + "\n", "utf-8")
    source = {"kind": "archive", "posts": str(out / "again.jsonl")}
    _curate(out, out / "by_id", {"source": source, "tombstones": stones})
    by_id = find_stage(out / "by_id", "posts").receipt()["reasons"].get("withdrawn", 0)
    return [
        Figure(
            "a later run: copies under other names refused; others refused",
            f"{refused} of {total}; {total - passed}",
            f"{total} of {total}; 0",
            refused == total == passed,
        ),
        Figure(
            "a later run: posts refused by their ids",
            f"{by_id} of {total}",
            f"{total} of {total}",
            by_id == total,
        ),
    ]


def _put_back(out: Path, posts: _Posts, evidence: Evidence) -> list[Figure]:
    """Put files back, as somebody might who had kept them; a second withdrawal takes them."""
    run = out / "runs" / "encoded"
    kept = sorted((out / "kept").iterdir())
    shutil.copy(kept[0], run / "holiday.bin")
    with tarfile.open(run / "backup.tar", "w") as archive:
        for number, path in enumerate(kept):
            archive.add(path, f"{number}.mp4")
        archive.add(out / "benchmark" / "test.mp4", "test.mp4")
    (run / "packed.gz").write_bytes(gzip.compress(kept[1].read_bytes()))
    (run / "notes.txt").write_text(f"the one of Monday\n{posts.given[0]}\nanother\n", "utf-8")
    places = check_withdrawn([], [out / "runs"]).places
    names = ("holiday.bin", "backup.tar", "packed.gz", "notes.txt")
    told = sum(any(name in place for place in places) for name in names)
    assert _call(out, "withdraw", *posts.given, str(out / "runs")) == 0
    left = Search(evidence).folder(out / "runs", apart=FILE_NAME)
    with tarfile.open(run / "backup.tar") as archive:
        is_whole = archive.getnames() == ["test.mp4"]
    count = sum(left.found.values())
    return [
        Figure("files put back by hand that `--check` tells", f"{told} of 4", "4 of 4", told == 4),
        Figure("... left after a second withdrawal", f"{count}", "0", count == 0 and is_whole),
    ]
