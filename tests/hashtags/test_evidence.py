import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hashtag2action.errors import SourceError
from hashtag2action.hashtags.evidence import StatisticsLimits, tag_statistics
from hashtag2action.records import POST


def write(folder: Path, rows: list[dict]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "posts.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=POST), path)
    return [path]


def post(number: int, tags: list[str], creator: str | None = None, region: str = "DE") -> dict:
    return {
        "post_id": str(number),
        "hashtags": tags,
        "creator": creator or f"c{number}",
        "region": region,
        "num_views": 10,
    }


def by_tag(table: pa.Table) -> dict[str, dict]:
    return {row["hashtag"]: row for row in table.to_pylist()}


def test_counts_are_of_posts_creators_regions_and_views(tmp_path: Path) -> None:
    rows = [post(n, ["gym", "gym", "fyp"], region="DE" if n else "FR") for n in range(4)]
    rows.append(post(9, ["fyp"], creator="c0"))
    found = by_tag(tag_statistics(write(tmp_path, rows), tmp_path / "scratch"))
    assert found["gym"]["num_posts"] == 4
    assert found["gym"]["num_views"] == 40
    assert found["gym"]["num_regions"] == 2
    assert found["fyp"]["num_posts"] == 5
    assert found["fyp"]["num_creators"] == 4


def test_company_tells_what_names_something_from_what_all_use(tmp_path: Path) -> None:
    rows = []
    for number in range(400):
        topic = number % 10
        rows.append(post(number, ["fyp", f"topic{topic}", f"near{topic}"]))
    found = by_tag(tag_statistics(write(tmp_path, rows), tmp_path / "scratch"))
    assert found["fyp"]["specificity"] == pytest.approx(0, abs=0.02)
    assert found["topic3"]["specificity"] > 0.3
    assert found["topic3"]["companions"][0] == "near3"
    assert found["topic3"]["companion_npmi"][0] == pytest.approx(1)


def test_npmi_is_what_its_formula_says(tmp_path: Path) -> None:
    rows = [post(n, ["a", "b"]) for n in range(4)]
    rows += [post(n, ["a", "x"]) for n in range(10, 14)]
    rows += [post(n, ["b", "x"]) for n in range(20, 28)]
    found = by_tag(tag_statistics(write(tmp_path, rows), tmp_path / "scratch"))
    expected = math.log(4 / 16 / (8 / 16 * 12 / 16)) / -math.log(4 / 16)
    near = dict(zip(found["a"]["companions"], found["a"]["companion_npmi"], strict=True))
    assert near["b"] == pytest.approx(expected, rel=1e-5)


def test_one_creator_repeating_a_post_is_no_company(tmp_path: Path) -> None:
    rows = [post(n, ["a", "spam"], creator="one") for n in range(50)]
    rows += [post(100 + n, ["a", "friend"]) for n in range(5)]
    found = by_tag(tag_statistics(write(tmp_path, rows), tmp_path / "scratch"))
    assert found["a"]["companions"] == ["friend"]


def test_passes_do_not_change_the_result(tmp_path: Path) -> None:
    rows = [post(n, [f"t{n % 7}", f"t{n % 5}", f"u{n % 3}"]) for n in range(200)]
    files = write(tmp_path, rows)
    once = by_tag(tag_statistics(files, tmp_path / "s", StatisticsLimits(num_passes=1)))
    often = by_tag(tag_statistics(files, tmp_path / "s", StatisticsLimits(num_passes=5)))
    assert once.keys() == often.keys()
    for tag, row in once.items():
        assert often[tag]["specificity"] == pytest.approx(row["specificity"])
        assert often[tag]["companions"] == row["companions"]


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "posts.parquet").write_text("no table")
    with pytest.raises(SourceError, match=r"posts\.parquet"):
        tag_statistics([tmp_path / "posts.parquet"], tmp_path / "scratch")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.text(min_size=1, max_size=12), max_size=60), max_size=6))
def test_any_tags_are_counted_and_none_is_run(
    tmp_path_factory: pytest.TempPathFactory, tags: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [post(n, ["'; DROP TABLE tag; --", "../../x", *listed]) for n, listed in enumerate(tags)]
    found = tag_statistics(write(folder, rows), folder / "scratch")
    counted = by_tag(found)
    if rows:
        assert counted["'; DROP TABLE tag; --"]["num_posts"] == len(rows)
    assert {path.name for path in folder.iterdir()} <= {"posts.parquet", "scratch"}
