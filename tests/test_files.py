from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.config import Config, dump, load
from hashtag2action.files import written_whole
from hashtag2action.manifest import write_table


class Recipe(Config):
    note: str = ""


@pytest.mark.usefixtures("no_room")
def test_settings_that_find_no_room_leave_those_before(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    dump(Recipe(note="before"), path)
    with pytest.raises(OSError, match=r"File too large.*config\.yaml"):
        dump(Recipe(note="x" * 100_000), path)
    assert load(Recipe, path).note == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("no_room")
def test_a_table_that_finds_no_room_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    noise = pa.table({"n": [str(hash(str(number))) for number in range(20_000)]})
    with pytest.raises(OSError, match=r"File too large.*part\.parquet"):
        write_table(tmp_path / "part.parquet", noise)
    assert not list(tmp_path.iterdir())


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with written_whole(path) as beside:
        beside.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
