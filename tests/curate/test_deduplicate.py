from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from tests.vision.copied_films import film, print_of, reencoded

from hashtag2action.curate import copies
from hashtag2action.curate.deduplicate import Deduplicate
from hashtag2action.records import CLIP
from hashtag2action.vision.fingerprint import Fingerprint

FILM = print_of(film(1))
COPY = print_of([reencoded(frame) for frame in film(1)])


def table_of(*clips: tuple[str, int | None, int, Fingerprint]) -> pa.Table:
    rows = [
        {
            "clip_id": name,
            "created_unix_s": created,
            "width_px": side,
            "height_px": side,
            "fingerprints": found.to_bytes(),
            "fingerprint_times_s": found.times_s.tolist(),
        }
        for name, created, side, found in clips
    ]
    names = ("width_px", "height_px", "fingerprints", "fingerprint_times_s")
    schema = pa.schema(
        [
            pa.field("clip_id", pa.string()),
            pa.field("created_unix_s", pa.int64()),
            *(CLIP.field(name) for name in names),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def judge(*clips: tuple[str, int | None, int, Fingerprint]) -> list[dict[str, Any]]:
    return Deduplicate(workers=1).open(Path("unused"))(table_of(*clips)).to_pylist()


def test_the_earliest_post_stays():
    rows = judge(("b", 200, 100, FILM), ("a", 100, 50, COPY))
    assert [row["reject_reason"] for row in rows] == ["duplicate", None]
    assert rows[0]["duplicate_of"] == "a"
    assert 0 < rows[0]["duplicate_distance"] < 0.1
    assert rows[1]["duplicate_of"] is None


def test_of_equal_age_the_larger_picture_stays():
    rows = judge(("a", None, 50, FILM), ("b", None, 100, FILM))
    assert [row["reject_reason"] for row in rows] == ["duplicate", None]


def test_a_known_age_stays_before_an_unknown_one():
    rows = judge(("a", None, 100, FILM), ("b", 5, 50, FILM))
    assert [row["reject_reason"] for row in rows] == ["duplicate", None]


def test_strangers_stay():
    rows = judge(*((f"clip{k}", k, 50, print_of(film(k))) for k in range(8)))
    assert {row["reject_reason"] for row in rows} == {None}


def test_a_copy_of_a_copy_names_the_clip_that_stays():
    rows = judge(("first", 1, 50, FILM), ("near", 2, 50, COPY), ("copy", 3, 50, COPY))
    assert rows[2]["duplicate_of"] == rows[1]["duplicate_of"] == "first"
    assert rows[2]["duplicate_distance"] <= rows[1]["duplicate_distance"]


def test_clips_without_a_fingerprint_stay():
    nothing = Fingerprint.from_bytes(b"", np.zeros(0))
    rows = judge(("a", 1, 50, nothing), ("b", 2, 50, nothing))
    assert {row["reject_reason"] for row in rows} == {None}
    assert judge() == []


def test_chunks_and_workers_change_nothing(monkeypatch):
    monkeypatch.setattr(copies, "_PAIRS_WORTH_WORKERS", 1)
    monkeypatch.setattr(copies, "_PAIRS_PER_JOB", 1)
    clips = [("a", 1, 50, FILM), ("b", 2, 50, COPY), ("c", 3, 50, print_of(film(2)))]
    whole = table_of(*clips)
    cut = pa.concat_tables([table_of(clip) for clip in clips])
    one = Deduplicate(workers=1).open(Path("unused"))(whole)
    two = Deduplicate(workers=2).open(Path("unused"))(cut)
    assert one.to_pylist() == two.to_pylist()
    assert one["reject_reason"].to_pylist() == [None, "duplicate", None]


def test_runs_of_a_table_are_whole_chunks_or_small_ones_together():
    prints = [print_of(film(place, length_s=2)) for place in range(7)]
    table = table_of(*((str(k), k, 1, one) for k, one in enumerate(prints)))
    texts = [one.to_bytes() for one in prints]
    for sizes in ([7], [1] * 7, [5, 1, 1], [2, 0, 5]):
        begins = np.cumsum([0, *sizes[:-1]]).tolist()
        chunks = [table.slice(at, num) for at, num in zip(begins, sizes, strict=True)]
        runs = list(copies.TablePrints(pa.concat_tables(chunks)).batches(3))
        read = [
            data[start:end].tobytes() for _, data, starts in runs for start, end in pairwise(starts)
        ]
        assert read == texts
        assert [first for first, _, _ in runs] == np.cumsum(
            [0, *(len(starts) - 1 for _, _, starts in runs[:-1])]
        ).tolist()
        assert max(len(starts) - 1 for _, _, starts in runs) <= 3
