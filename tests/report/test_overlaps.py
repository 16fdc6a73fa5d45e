from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from tests.report.conftest import HOSTILE

from hashtag2action.manifest import Manifest
from hashtag2action.report.overlaps import MAX_LISTED, read_overlaps
from hashtag2action.report.render import write_report

FIELDS = [
    pa.field("clip_id", pa.string()),
    pa.field("overlap_of", pa.string()),
    pa.field("overlap_distance", pa.float32()),
    pa.field("reject_reason", pa.string()),
]


@pytest.fixture
def write_rejected(tmp_path: Path) -> Callable[..., Path]:
    """Write a run whose last stage rejected clips for what they overlap."""

    def write(*overlaps: str | None, named: tuple[str, ...] = ()) -> Path:
        made = Manifest(tmp_path / "run" / "05-deduplicate")
        made.begin("deduplicate", "k", "", {"references": [{"name": name} for name in named]})
        rows = [
            {
                "clip_id": f"clip{number:03d}",
                "overlap_of": overlap,
                "overlap_distance": None if overlap is None else 0.5 - number / 1000,
                "reject_reason": "duplicate" if overlap is None else "overlaps",
            }
            for number, overlap in enumerate(overlaps)
        ]
        rejected = pa.Table.from_pylist(rows, schema=pa.schema(FIELDS))
        made.write_part("part-00000", rejected.slice(0, 0), rejected)
        return tmp_path / "run"

    return write


def test_clips_are_counted_by_benchmark_and_listed_surest_first(
    write_rejected: Callable[..., Path],
):
    run = write_rejected("ucf101:a/x.mp4", None, "ucf101:a/x.mp4", "k400:y.mp4")
    found = read_overlaps(run)
    assert found.counts == (("k400", 1, 1), ("ucf101", 2, 1))
    assert [(one.clip_id, one.benchmark, one.file) for one in found.listed] == [
        ("clip003", "k400", "y.mp4"),
        ("clip002", "ucf101", "a/x.mp4"),
        ("clip000", "ucf101", "a/x.mp4"),
    ]


def test_a_benchmark_that_nothing_overlaps_is_told_apart_from_one_that_was_not_asked(
    write_rejected: Callable[..., Path],
):
    assert read_overlaps(write_rejected(None, named=("hmdb51",))).counts == (("hmdb51", 0, 0),)


def test_of_very_many_the_surest_are_listed(write_rejected: Callable[..., Path]):
    found = read_overlaps(write_rejected(*["ssv2:one.webm"] * (MAX_LISTED + 5)))
    assert (found.num, len(found.listed)) == (MAX_LISTED + 5, MAX_LISTED)


def test_names_of_files_are_shown_and_never_run(write_rejected: Callable[..., Path]):
    text = write_report(write_rejected(f"ucf101:{HOSTILE}.mp4", named=("ucf101",))).read_text()
    assert "Its files shown" in text
    assert "<script>alert(" not in text
    assert "&lt;script&gt;alert(" in text


def test_a_run_without_benchmarks_says_so(curation: Path):
    assert read_overlaps(curation).counts == ()
    assert "No benchmark was named" in write_report(curation).read_text()
