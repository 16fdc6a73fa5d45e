import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hashtag2action.curate.withdrawal.tombstones import Remains, Tombstones
from hashtag2action.errors import ManifestError
from hashtag2action.records import POST, REJECT_REASON
from hashtag2action.vision.fingerprint import NUM_WAVES, Fingerprint

PRINT = Fingerprint(np.arange(3.0 * NUM_WAVES, dtype=np.float32).reshape(3, -1), np.arange(3.0))


def stones() -> Tombstones:
    made = Tombstones("key")
    made.add([Remains("7123", frozenset({"ab" * 32}), (PRINT,))])
    return made


def test_a_file_is_read_back_and_known(tmp_path: Path) -> None:
    path = tmp_path / "withdrawn.parquet"
    stones().write(path)
    again = Tombstones.read(path)
    assert again.knows_id("7123")
    assert again.knows_id("7123#17"), "a repeated row is the same post"
    assert not again.knows_id("712")
    assert again.knows_file("ab" * 32)
    assert [found.to_bytes() for found in again.prints()] == [PRINT.to_bytes()]
    content = path.read_bytes()
    assert b"7123" not in content
    assert b"abab" not in content


def test_adding_again_changes_nothing(tmp_path: Path) -> None:
    one, two = stones(), stones()
    two.add([Remains("7123", frozenset({"ab" * 32}), (PRINT,)), Remains("7123", frozenset(), ())])
    one.write(tmp_path / "one.parquet")
    two.write(tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_keys_differ_from_file_to_file(tmp_path: Path) -> None:
    one, other = (Tombstones.read(tmp_path / name) for name in ("a.parquet", "b.parquet"))
    assert one.hash_of("7123") != other.hash_of("7123")


def test_a_blank_row_says_withdrawn_and_nothing_else() -> None:
    row = {"post_id": "7123", "hashtags": ["squat"], "description": "me", "num_views": 3}
    table = pa.Table.from_pylist([row, row | {"post_id": "5"}], POST.append(REJECT_REASON))
    gone, stays = stones().blank(table).to_pylist()
    assert re.fullmatch(r"withdrawn-[0-9a-f]{16}", gone.pop("post_id"))
    assert gone.pop("reject_reason") == "withdrawn"
    assert set(gone.values()) == {None}
    assert stays == table.to_pylist()[1]


def test_another_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "withdrawn.parquet"
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(ManifestError, match="no file of withdrawn posts"):
        Tombstones.read(path)
