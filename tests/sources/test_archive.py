import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hashtag2action.config import read_yaml
from hashtag2action.errors import ConfigError, SourceError
from hashtag2action.sources.archive import Archive

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def read(source: Archive, rows_per_table: int = 100) -> list[dict]:
    tables = source.tables(Path("unused"), rows_per_table, lambda *_: None)
    return pa.concat_tables(list(tables)).to_pylist()


def write_jsonl(folder: Path, *rows: object) -> Path:
    path = folder / "posts.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines))
    return path


POST = {
    "id": "7",
    "hashtag_names": ["#Salsa", "\uff26\uff39\uff30", "salsa"],
    "video_description": "look @somebody https://example.com/x now",
    "create_time": 1700000000,
    "video_duration": 12,
    "view_count": "1000",
    "username": "somebody",
    "file": "videos/7.mp4",
}


def test_research_api_fields_become_a_post_without_a_name_in_it(tmp_path: Path) -> None:
    (row,) = read(Archive(posts=write_jsonl(tmp_path, POST)))
    assert row["hashtags"] == ["salsa", "fyp"]
    assert row["description"] == "look now"
    assert row["num_views"] == 1000
    assert row["reject_reason"] is None
    assert row["file"] == (tmp_path / "videos/7.mp4").as_posix()
    assert "somebody" not in json.dumps(row)


def test_equal_creators_get_equal_hashes_and_another_salt_other_ones(tmp_path: Path) -> None:
    posts = write_jsonl(tmp_path, POST, POST | {"id": "8"})
    first, second = (row["creator"] for row in read(Archive(posts=posts)))
    assert first == second
    assert read(Archive(posts=posts, salt="other"))[0]["creator"] != first


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "bad_row:not JSON"),
        ("[1]", "bad_row:not a JSON object"),
        ({"file": "a.mp4"}, "bad_row:no id"),
        (POST | {"view_count": "many"}, "bad_row:num_views"),
        (POST | {"view_count": 1.5}, "bad_row:num_views"),
        (POST | {"view_count": 10**30}, "bad_row:num_views"),
        (POST | {"file": "../../etc/passwd"}, "lies outside"),
        (POST | {"file": "/etc/passwd"}, "lies outside"),
        (POST | {"hashtag_names": "[1, "}, "bad_row:hashtags"),
    ],
)
def test_row_that_cannot_be_read_is_rejected_with_its_reason(
    tmp_path: Path, row: object, reason: str
) -> None:
    good, bad = read(Archive(posts=write_jsonl(tmp_path, POST | {"id": "1"}, row)))
    assert good["reject_reason"] is None
    assert reason in bad["reject_reason"]


def test_repeated_id_is_rejected_and_not_lost(tmp_path: Path) -> None:
    rows = read(Archive(posts=write_jsonl(tmp_path, POST, POST, POST)))
    assert [row["reject_reason"] for row in rows] == [None] + ["bad_row:repeated id"] * 2
    assert len({row["post_id"] for row in rows}) == 3


@pytest.mark.parametrize("spelling", ["['salsa', 'fyp']", "salsa fyp", "#salsa,#fyp"])
def test_csv_lists_come_in_three_spellings(tmp_path: Path, spelling: str) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(f'video,tags,length\n9,"{spelling}",3.5\n')
    columns = {"post_id": "video", "hashtags": "tags", "duration_s": "length"}
    (row,) = read(Archive(posts=path, columns=columns))
    assert row["hashtags"] == ["salsa", "fyp"]
    assert row["duration_s"] == 3.5


def test_parquet_reads_like_jsonl(tmp_path: Path) -> None:
    jsonl = read(Archive(posts=write_jsonl(tmp_path, POST)))
    pq.write_table(pa.Table.from_pylist([POST]), tmp_path / "posts.parquet")
    assert read(Archive(posts=tmp_path / "posts.parquet")) == jsonl


def test_duration_zero_means_unsaid(tmp_path: Path) -> None:
    (row,) = read(Archive(posts=write_jsonl(tmp_path, POST | {"video_duration": 0})))
    assert row["duration_s"] is None


def test_tables_have_the_asked_size(tmp_path: Path) -> None:
    posts = write_jsonl(tmp_path, *(POST | {"id": str(number)} for number in range(7)))
    tables = list(Archive(posts=posts).tables(tmp_path, 3, lambda *_: None))
    assert [table.num_rows for table in tables] == [3, 3, 1]


def test_empty_archive_is_an_empty_table(tmp_path: Path) -> None:
    assert read(Archive(posts=write_jsonl(tmp_path))) == []


def test_archive_that_cannot_be_read_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read(Archive(posts=tmp_path / "absent.jsonl"))
    (tmp_path / "posts.xlsx").write_text("")
    with pytest.raises(SourceError, match=r"expected \.jsonl"):
        read(Archive(posts=tmp_path / "posts.xlsx"))
    (tmp_path / "posts.parquet").write_text("no")
    with pytest.raises(SourceError, match="cannot be read"):
        read(Archive(posts=tmp_path / "posts.parquet"))
    with pytest.raises(ConfigError, match="no column likes"):
        read(Archive(posts=write_jsonl(tmp_path, POST), columns={"likes": "x"}))


def test_shorts_archive_loads_whole(shared) -> None:
    rows = read(Archive(posts=shared("data/shorts/posts.jsonl")))
    assert len(rows) == 160
    assert all(row["reject_reason"] is None for row in rows)


@pytest.mark.parametrize(
    ("recipe", "posts", "num_rows"),
    [
        ("trending_2020", "trending_2020.jsonl", 1_000),
        ("creators_2020", "creators_2020.csv", 12_559),
        ("vietnam_2025", "vietnam_2025.csv", 4_000),
    ],
)
def test_real_archives_load_without_loss(shared, recipe: str, posts: str, num_rows: int) -> None:
    path = shared(f"data/metadata/{posts}")
    settings = read_yaml(RECIPES / "mine" / f"{recipe}.yaml")["source"]
    rows = read(Archive(**settings, posts=path), 5_000)
    assert len(rows) == num_rows
    assert [row for row in rows if row["reject_reason"]] == []
    for column in ("created_unix_s", "num_views", "creator"):
        assert all(row[column] is not None for row in rows)
    assert sum(len(row["hashtags"] or ()) for row in rows) > num_rows / 2


def test_rows_kept_and_rejected_are_the_rows_given(tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text('id,view_count\n1,541.2K\n2,"1,2 Mio"\n3,1.3M\n')
    rows = read(Archive(posts=path))
    assert [row["num_views"] for row in rows] == [541_200, None, 1_300_000]
    assert rows[1]["reject_reason"] == (
        "bad_row:num_views: expected a whole number such as 1234 or 1.2M, found '1,2 Mio'"
    )
