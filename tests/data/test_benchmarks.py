from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from hashtag2action.data.benchmarks import Hmdb51Clips, Ucf101Clips
from hashtag2action.data.clip_set import read_lines
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


@pytest.mark.parametrize(
    ("split", "num_train", "num_test"), [(1, 9537, 3783), (2, 9586, 3734), (3, 9624, 3696)]
)
def test_official_ucf101_lists_give_the_published_counts(
    shared: Callable[[str], Path], split: Literal[1, 2, 3], num_train: int, num_test: int
) -> None:
    lists = shared("labels/ucf101_splits")
    sides: list[set[tuple[str, str]]] = []
    for subset in ("train", "test"):
        clips = Ucf101Clips(root=Path(), lists=lists, split=split, subset=subset)
        names = clips._class_names()
        sides.append(set(clips._listed(names)))
    assert len(names) == 101
    assert [len(side) for side in sides] == [num_train, num_test]
    groups = [{(name, clips._group(stem)) for name, stem in side} for side in sides]
    assert not groups[0] & groups[1]


@pytest.mark.parametrize("split", [1, 2, 3])
def test_lists_beside_a_copy_are_the_official_ones(
    shared: Callable[[str], Path], split: Literal[1, 2, 3]
) -> None:
    copy = Ucf101Clips(root=Path(), lists=shared("data/ucf101_3/lists"), split=split)
    official = copy.model_copy(update={"lists": shared("labels/ucf101_splits")})
    kept = set(copy._class_names())
    for subset in ("train", "test"):
        ours, theirs = (clips.model_copy(update={"subset": subset}) for clips in (copy, official))
        listed = theirs._listed(theirs._class_names())
        wanted = [(name, stem) for name, stem in listed if name in kept]
        assert ours._listed(ours._class_names()) == wanted


def test_class_lists_of_both_sources_agree(shared: Callable[[str], Path]) -> None:
    for labels, clips in (
        ("ucf101_label_map.txt", Ucf101Clips(root=Path(), lists=shared("labels/ucf101_splits"))),
        ("hmdb51_label_map.txt", Hmdb51Clips(root=Path(), lists=shared("labels/hmdb51_splits"))),
    ):
        assert clips._class_names() == tuple(read_lines(shared(f"labels/{labels}")))
