from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from hashtag2action.curate.deduplicate import Deduplicate
from hashtag2action.records import CLIP
from hashtag2action.vision.fingerprint import HASH_BITS, NUM_CROPS


def hashes(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 2**63, (10, 2, NUM_CROPS), dtype=np.uint64)


def flipped(values: np.ndarray, bits: int) -> np.ndarray:
    mask = sum(1 << (bit * 7 % HASH_BITS) for bit in range(bits))
    return values ^ np.uint64(mask)


def judge(*clips: tuple[str, int | None, int, np.ndarray]) -> list[dict[str, Any]]:
    rows = [
        {
            "clip_id": name,
            "created_unix_s": created,
            "width_px": side,
            "height_px": side,
            "fingerprints": values.astype("<u8").tobytes(),
            "fingerprint_times_s": [k / 4 for k in range(len(values))],
        }
        for name, created, side, values in clips
    ]
    names = ("width_px", "height_px", "fingerprints", "fingerprint_times_s")
    schema = pa.schema(
        [
            pa.field("clip_id", pa.string()),
            pa.field("created_unix_s", pa.int64()),
            *(CLIP.field(name) for name in names),
        ]
    )
    table = pa.Table.from_pylist(rows, schema=schema)
    return Deduplicate().open(Path("unused"))(table).to_pylist()


def test_the_earliest_post_stays():
    rows = judge(("b", 200, 100, hashes(1)), ("a", 100, 50, flipped(hashes(1), 2)))
    assert [row["reject_reason"] for row in rows] == ["duplicate", None]
    assert rows[0]["duplicate_of"] == "a"
    assert rows[0]["duplicate_distance"] == 2.0
    assert rows[1]["duplicate_of"] is None


def test_of_equal_age_the_larger_picture_stays():
    rows = judge(("a", None, 50, hashes(1)), ("b", None, 100, hashes(1)))
    assert [row["reject_reason"] for row in rows] == ["duplicate", None]


def test_strangers_stay():
    rows = judge(*((f"clip{k}", k, 50, hashes(k)) for k in range(20)))
    assert {row["reject_reason"] for row in rows} == {None}


def test_a_copy_of_a_copy_names_the_clip_that_stays():
    values = hashes(1)
    rows = judge(
        ("first", 1, 50, flipped(values, 4)), ("near", 2, 50, values), ("copy", 3, 50, values)
    )
    assert rows[2]["duplicate_of"] == rows[1]["duplicate_of"] == "first"
    assert rows[2]["duplicate_distance"] == 0.0
    assert rows[1]["duplicate_distance"] > 0.0


def test_clips_without_a_fingerprint_stay():
    nothing = np.zeros((0, 2, NUM_CROPS), np.uint64)
    rows = judge(("a", 1, 50, nothing), ("b", 2, 50, nothing))
    assert {row["reject_reason"] for row in rows} == {None}
    assert judge() == []
