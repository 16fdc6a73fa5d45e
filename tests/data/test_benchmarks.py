from collections.abc import Callable
from pathlib import Path

import pytest

from hashtag2action.data.benchmarks import Hmdb51Clips, Ucf101Clips
from hashtag2action.errors import ConfigError


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """Split files as UCF101's, classes in an order of their own."""
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "classInd.txt").write_text("1 run\n2 jump\n")
    (folder / "trainlist01.txt").write_text(
        "run/v_run_g00_c01.avi 1\nrun/v_run_g01_c01.avi 1\njump/v_jump_g00_c01.avi 2\n"
    )
    (folder / "testlist01.txt").write_text("jump/v_jump_g02_c01.avi\r\n")
    return folder


def test_avi_of_the_lists_is_found_as_mp4(videos: Path, lists: Path) -> None:
    train = Ucf101Clips(root=videos, lists=lists).read()
    assert train.class_names == ("run", "jump")
    assert [clip.clip_id for clip in train.clips] == [
        "run/v_run_g00_c01.mp4",
        "run/v_run_g01_c01.mp4",
        "jump/v_jump_g00_c01.mp4",
    ]
    assert train.labels() == [0, 0, 1]
    test = Ucf101Clips(root=videos, lists=lists, subset="test").read()
    assert test.labels() == [1]


def test_listed_video_that_is_missing_is_named(videos: Path, lists: Path) -> None:
    (lists / "testlist01.txt").write_text("jump/v_jump_g09_c01.avi\n")
    with pytest.raises(ConfigError, match="v_jump_g09_c01"):
        Ucf101Clips(root=videos, lists=lists, subset="test").read()


def test_missing_list_is_named(videos: Path, lists: Path) -> None:
    with pytest.raises(ConfigError, match="trainlist02"):
        Ucf101Clips(root=videos, lists=lists, split=2).read()


def test_hmdb51_lines_say_on_which_side_a_video_is(tmp_path: Path) -> None:
    root, lists = tmp_path / "videos", tmp_path / "lists"
    lists.mkdir()
    for name, sides in (("clap", (1, 2, 0)), ("wave", (2, 1, 1))):
        (root / name).mkdir(parents=True)
        lines = []
        for number, side in enumerate(sides):
            stem = f"A_film_{name}_u_cm_np1_fr_med_{number}"
            (root / name / f"{stem}.avi").touch()
            lines.append(f"{stem}.avi {side} \n")
        (lists / f"{name}_test_split1.txt").write_text("".join(lines))
    train = Hmdb51Clips(root=root, lists=lists).read()
    assert train.class_names == ("clap", "wave")
    assert train.labels() == [0, 1, 1]
    assert Hmdb51Clips(root=root, lists=lists, subset="test").read().labels() == [0, 1]


def test_real_lists_hold_out_whole_groups(shared: Callable[[str], Path]) -> None:
    root = shared("data/ucf101_3")
    parts = {
        subset: {
            clip.clip_id
            for clip in Ucf101Clips(
                root=root, lists=root / "lists", subset=subset, validation_fraction=0.3
            )
            .read()
            .clips
        }
        for subset in ("train", "validation", "test")
    }
    whole = Ucf101Clips(root=root, lists=root / "lists").read()
    assert len(whole.clips) == 290
    assert parts["train"] | parts["validation"] == {clip.clip_id for clip in whole.clips}
    assert len(parts["test"]) == 104
    groups = [{name.rpartition("_")[0] for name in part} for part in parts.values()]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & groups[2]
    assert 30 < len(parts["validation"]) < 130


def test_official_hmdb51_lists_give_the_published_counts(shared: Callable[[str], Path]) -> None:
    clips = Hmdb51Clips(root=Path(), lists=shared("labels/hmdb51_splits"))
    names = clips._class_names()
    assert len(names) == 51
    assert len(clips._listed(names)) == 3570
