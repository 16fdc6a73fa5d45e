import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from hashtag2action.data.kinetics import KineticsClips
from hashtag2action.errors import ConfigError

ROWS = [("yoga", "abc", 3, 13, "train"), ("air drumming", "-x_y", 120, 130, "train")]


def write_list(path: Path, rows: list[tuple[str, str, int, int, str]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "youtube_id", "time_start", "time_end", "split"])
        writer.writerows(rows)


@pytest.mark.parametrize("folder", ["", "air_drumming"])
def test_videos_are_found_with_and_without_class_folders(folder: str, tmp_path: Path) -> None:
    write_list(tmp_path / "lists" / "train.csv", ROWS)
    write_list(tmp_path / "lists" / "val.csv", [("yoga", "zz", 0, 10, "val")])
    root = tmp_path / "videos"
    (root / folder).mkdir(parents=True)
    (root / folder / "abc_000003_000013.mp4").touch()
    (root / folder / "-x_y_000120_000130.mkv").touch()
    found = KineticsClips(root=root, lists=tmp_path / "lists").read()
    assert found.class_names == ("air drumming", "yoga")
    assert found.labels() == [1, 0]
    assert found.clips[0].path == root / folder / "abc_000003_000013.mp4"
    with pytest.raises(ConfigError, match="1 of 1 videos of the validation list are not there"):
        KineticsClips(root=root, lists=tmp_path / "lists", subset="validation").read()


def test_videos_that_left_are_counted_if_asked(tmp_path: Path) -> None:
    write_list(tmp_path / "train.csv", ROWS)
    (tmp_path / "abc_000003_000013.mp4").touch()
    with pytest.raises(ConfigError, match="first -x_y_000120_000130"):
        KineticsClips(root=tmp_path, lists=tmp_path).read()
    found = KineticsClips(root=tmp_path, lists=tmp_path, missing="skip").read()
    assert (len(found.clips), found.num_missing) == (1, 1)


def test_wrong_lists_are_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no train\.csv there"):
        KineticsClips(root=tmp_path, lists=tmp_path).read()
    (tmp_path / "train.csv").write_text("label,youtube_id\n")
    with pytest.raises(ConfigError, match="lacks the columns time_end, time_start"):
        KineticsClips(root=tmp_path, lists=tmp_path).read()


def test_sorted_classes_are_the_official_order(shared: Callable[[str], Path]) -> None:
    names = shared("labels/k400_label_map.txt").read_text().splitlines()
    assert len(names) == 400
    assert sorted(names) == names
