"""Hostile metadata: whatever a row holds, it is kept or rejected, and nothing escapes."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashtag2action.sources.archive import Archive
from hashtag2action.sources.base import clean_description, normalize_hashtag, pack
from hashtag2action.sources.post_rows import RESEARCH_API_COLUMNS, RowReader

NASTY = st.sampled_from(
    [
        "../../etc/passwd",
        "..\\..\\x",
        "a\0b",
        "\u202egnp.exe",
        "\u2066x\u2069",
        "<script>alert(1)</script>",
        "'; DROP TABLE posts; --",
        "\ud800",
        "\x1b[31m",
        "@" * 5_000,
        "a." * 5_000,
        "1e999999999",
        "9" * 5_000,
        "[" * 5_000,
        "P1DT" + "9" * 500,
        "NaN",
        "Infinity",
        "\ufeff#x",
    ]
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50) | NASTY,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
ROW = st.dictionaries(st.sampled_from(sorted(RESEARCH_API_COLUMNS.values())), VALUE)
HIDDEN = {chr(number) for number in (*range(0x20), 0x7F, 0x202E, 0x2066, 0x200B, 0xFEFF)}


@given(rows=st.lists(ROW, max_size=6))
@settings(max_examples=150, deadline=None)
def test_every_row_is_kept_or_rejected_and_stays_inside(rows: list[dict]) -> None:
    root = Path("/nowhere/videos")
    reader = RowReader("tiktok", "salt", hash_ids=False, root=root)
    read = (reader.read(f"row-{number}", row) for number, row in enumerate(rows))
    table = pa.concat_tables(pack(read, 100))
    assert table.num_rows == len(rows)
    table.validate(full=True)
    for row in table.to_pylist():
        json.dumps(row).encode()
        assert ".." not in row["post_id"].split("/")
        assert not row["post_id"].startswith("/")
        assert row["file"] is None or row["file"].startswith(f"{root}")
        for text in (row["post_id"], row["description"] or "", *(row["hashtags"] or ())):
            assert not HIDDEN & set(text)
        assert (row["reject_reason"] or "x").isprintable()


@given(text=st.text() | NASTY)
@settings(max_examples=150, deadline=None)
def test_descriptions_and_tags_lose_names_links_and_controls(text: str) -> None:
    described = clean_description(f"{text} @some.body https://a.b/c {text}")
    assert "some.body" not in described
    assert "https://a.b" not in described
    assert not HIDDEN & set(described)
    tag = normalize_hashtag(text)
    assert not HIDDEN & set(tag)
    assert not tag.startswith("#")
    assert " " not in tag
    tag.encode()


def test_zero_width_characters_do_not_hide_a_name() -> None:
    assert clean_description("by @so\u200bme\u202ebody, bit.ly/x\nnow") == "by , now"
    assert clean_description("one\ntwo 3.5/5 \uff20name") == "one two 3.5/5"


@pytest.mark.timeout(20)
def test_a_megabyte_of_text_takes_no_time(tmp_path: Path) -> None:
    texts = ("x" * 2**20, "@" * 2**20, "a." * 2**19, "http" * 2**18, "#a" * 2**19)
    rows = [{"id": number, "video_description": text} for number, text in enumerate(texts)]
    path = tmp_path / "posts.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    (table,) = Archive(posts=path).tables(tmp_path, 100, lambda *_: None)
    assert table["reject_reason"].null_count == len(texts)
    assert max(len(text or "") for text in table["description"].to_pylist()) <= 4_000


def test_10_000_tags_are_rejected_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(json.dumps({"id": 1, "hashtag_names": [f"t{n}" for n in range(10_000)]}))
    (row,) = next(Archive(posts=path).tables(tmp_path, 9, lambda *_: None)).to_pylist()
    assert row["reject_reason"] == "bad_row:hashtags: 10,000 tags; a post has at most 200"
    assert row["hashtags"] is None


def test_ids_can_be_hashed_and_differ_by_salt() -> None:
    ids = {
        RowReader("tiktok", salt, hash_ids=True).read("row-1", {"id": 7})["post_id"]
        for salt in ("a", "b")
    }
    assert len(ids) == 2
    assert "7" not in ids


def test_row_without_a_license_stops_at_metadata_where_one_is_needed() -> None:
    reader = RowReader("tiktok", "salt", root=Path("/nowhere"), needs_license=True)
    row = reader.read("row-1", {"id": 7, "file": "7.mp4", "view_count": 3})
    assert (row["reject_reason"], row["file"], row["num_views"]) == ("no_license", None, 3)
    assert reader.read("row-1", {"id": 7, "file": "7.mp4", "license": "CC BY 4.0"})["file"]
