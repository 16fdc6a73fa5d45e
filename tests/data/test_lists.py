from pathlib import Path

import cv2
import numpy as np
import pytest

from hashtag2action.data.clip_set import ClipTable, FrameFiles
from hashtag2action.data.frames import DecodeOnDemand, FrameReader, KeepInMemory
from hashtag2action.data.lists import ListClips
from hashtag2action.errors import ConfigError, VideoError


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_pretraining_list_names_videos_with_blanks(tmp_path: Path, videos: Path) -> None:
    (videos / "a b.mp4").write_bytes((videos / "run" / "v_run_g00_c01.mp4").read_bytes())
    file = write(tmp_path / "pretrain.txt", "a b.mp4 0 -1\nrun/v_run_g01_c01.mp4 0 -1\n")
    found = ListClips(file=file, root=videos, columns="path start total").read()
    (videos / "a b.mp4").unlink()
    assert [clip.clip_id for clip in found.clips] == ["a b.mp4", "run/v_run_g01_c01.mp4"]
    assert found.clips[1].path == videos / "run" / "v_run_g01_c01.mp4"
    assert found.class_names == ()
    assert FrameReader(DecodeOnDemand()).span_s(found.clips[1]) == (0.0, pytest.approx(1.6))


def test_list_of_a_foreign_editor_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "train.txt", "\ufeffa.mp4\t0\r\n\r\n/b c.mp4 1\r\n")
    found = ListClips(file=file, columns="path label").read()
    assert [clip.path for clip in found.clips] == [tmp_path / "a.mp4", Path("/b c.mp4")]


def test_bytes_of_zero_are_no_list(tmp_path: Path) -> None:
    file = write(tmp_path / "train.txt", "a\0.mp4 0\n")
    with pytest.raises(ConfigError, match=r"train\.txt: the list holds bytes of zero"):
        ListClips(file=file, columns="path label").read()


def test_labels_are_numbers_of_classes(tmp_path: Path) -> None:
    file = write(tmp_path / "train.csv", "a.mp4 2\nb.mp4 0\n")
    plain = ListClips(file=file, columns="path label").read()
    assert plain.class_names == ("0", "1", "2")
    assert plain.labels() == [2, 0]
    names = write(tmp_path / "classes.txt", "run\njump\nold walk\nswim\n")
    named = ListClips(file=file, columns="path label", class_names=names).read()
    assert named.class_names == ("run", "jump", "old walk", "swim")
    with pytest.raises(ConfigError, match=r"labels \[2\] are none of 2"):
        ListClips(file=file, columns="path label", class_names=("run", "jump")).read()


def test_a_number_that_is_no_label_makes_no_classes(tmp_path: Path) -> None:
    file = write(tmp_path / "train.csv", "a.mp4 2\nb.mp4 99999999999\n")
    with pytest.raises(ConfigError, match=r"a label of 99999999999.* is 'path label' what"):
        ListClips(file=file, columns="path label").read()


@pytest.mark.parametrize("line", ["a.mp4", "a.mp4 x", "a.mp4 0.5"])
def test_wrong_line_is_named(line: str, tmp_path: Path) -> None:
    file = write(tmp_path / "train.csv", f"b.mp4 0\n{line}\n")
    with pytest.raises(ConfigError, match=r"train\.csv:2"):
        ListClips(file=file, columns="path label").read()


def write_pictures(folder: Path, numbers: range, template: str) -> None:
    folder.mkdir(parents=True)
    for number in numbers:
        picture = np.full((20, 30, 3), 5 * number, np.uint8)
        cv2.imwrite(str(folder / template.format(number)), picture)


def test_folders_of_pictures_give_the_pictures_shown(tmp_path: Path) -> None:
    write_pictures(tmp_path / "video", range(3, 43), "img_{:05}.jpg")
    file = write(tmp_path / "pretrain.txt", "video 3 40\n")
    clip = ListClips(file=file, columns="path start total").read().clips[0]
    assert clip.part == FrameFiles("img_{:05}.jpg", 3, 40, 30.0)
    reader = FrameReader(DecodeOnDemand(short_side_px=10))
    assert reader.span_s(clip) == (0.0, pytest.approx(40 / 30))
    frames = reader.at(clip, np.array([0, 1, 4, 39, 400]) / 30)
    assert frames.shape == (5, 10, 15, 3)
    assert [round(float(level) / 5) for level in frames.mean(axis=(1, 2, 3))] == [3, 4, 7, 42, 42]
    kept = FrameReader(KeepInMemory(short_side_px=10, frames_per_s=30))
    assert kept.keep([clip]) == {}
    assert np.array_equal(kept.at(clip, np.array([4 / 30])), frames[2:3])


def test_finetuning_list_of_pictures_has_its_own_name_and_first_number(tmp_path: Path) -> None:
    write_pictures(tmp_path / "v", range(4), "{:06d}.png")
    file = write(tmp_path / "train.csv", "v 4 1\n")
    found = ListClips(
        file=file, columns="path total label", template="{:06d}.png", first_picture=0
    ).read()
    assert found.labels() == [1]
    frames = FrameReader(DecodeOnDemand()).at(found.clips[0], np.array([0.0, 0.1]))
    assert frames[:, 0, 0, 0].tolist() == [0, 15]
    (tmp_path / "v" / "000003.png").unlink()
    with pytest.raises(VideoError, match=r"000003\.png"):
        FrameReader(DecodeOnDemand()).at(found.clips[0], np.array([0.1]))


def test_template_without_a_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no place"):
        ListClips(file=tmp_path / "a", columns="path label", template="img.jpg")


def test_list_as_long_as_the_whole_set_stays_small(tmp_path: Path) -> None:
    lines = (f"tag{n % 386}/{n:018d}-000.mp4 0 -1\n" for n in range(283_582))
    found = ListClips(
        file=write(tmp_path / "l.txt", "".join(lines)), columns="path start total"
    ).read()
    assert len(found.clips) == 283_582
    assert isinstance(found.clips, ClipTable)
    assert found.clips.rows.nbytes < 20e6
    assert found.clips[283_581].clip_id == "tag257/000000000000283581-000.mp4"
    assert found.clips[-1] == found.clips[283_581]
    assert [clip.clip_id for clip in found.clips[1:3]] == [
        f"tag{n}/{n:018d}-000.mp4" for n in (1, 2)
    ]
