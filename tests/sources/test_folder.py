from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.errors import SourceError
from hashtag2action.sources.folder import Folder


def read(source: Folder) -> list[dict]:
    return pa.concat_tables(list(source.tables(Path("unused"), 10, lambda *_: None))).to_pylist()


def videos(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def test_folder_names_are_tags_the_nearest_first(tmp_path: Path) -> None:
    rows = read(Folder(folder=videos(tmp_path, "Sport/Salsa/b.mp4", "a.webm", "notes.txt")))
    assert [row["post_id"] for row in rows] == ["Sport/Salsa/b.mp4", "a.webm"]
    assert [row["hashtags"] for row in rows] == [["salsa", "sport"], []]


def test_tags_come_from_a_csv_where_one_is_given(tmp_path: Path) -> None:
    videos(tmp_path, "x/a.mp4", "x/b.mp4")
    (tmp_path / "tags.csv").write_text("file,hashtags\nx/a.mp4,#Salsa dance\n")
    rows = read(Folder(folder=tmp_path, tags_csv=tmp_path / "tags.csv"))
    assert [row["hashtags"] for row in rows] == [["salsa", "dance"], []]


def test_folder_without_videos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no videos here"):
        read(Folder(folder=tmp_path))
    with pytest.raises(SourceError, match="no such folder"):
        read(Folder(folder=tmp_path / "absent"))
    videos(tmp_path, "a.mp4")
    (tmp_path / "tags.csv").write_text("name\n")
    with pytest.raises(SourceError, match="no column file, hashtags"):
        read(Folder(folder=tmp_path, tags_csv=tmp_path / "tags.csv"))
