from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.data.clips import CsvClips, CuratedClips, FolderClips, MixedClips
from hashtag2action.errors import ConfigError, ManifestError
from hashtag2action.manifest import Manifest


def test_folders_are_classes(videos: Path) -> None:
    found = FolderClips(folder=videos).read()
    assert found.class_names == ("jump", "run")
    assert found.labels() == [0, 0, 0, 1, 1, 1]
    assert found.clips[0].clip_id == "jump/v_jump_g00_c01.mp4"


def test_links_to_folders_are_followed_and_end(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for name in ("jump", "run"):
        (tmp_path / "set" / name).symlink_to(videos / name)
    (tmp_path / "set" / "upwards").symlink_to(tmp_path)
    found = FolderClips(folder=tmp_path / "set").read()
    assert [clip.clip_id for clip in found.clips] == [
        clip.clip_id for clip in FolderClips(folder=videos).read().clips
    ]


def test_folder_without_labels_may_have_any_depth(videos: Path) -> None:
    found = FolderClips(folder=videos.parent, labeled=False).read()
    assert found.class_names == ()
    assert len(found.clips) >= 6
    with pytest.raises(ConfigError, match="no label"):
        found.labels()


def test_video_outside_a_class_is_named(tmp_path: Path) -> None:
    (tmp_path / "stray.mp4").touch()
    with pytest.raises(ConfigError, match="stray"):
        FolderClips(folder=tmp_path).read()


def test_empty_and_missing_folders_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no clips"):
        FolderClips(folder=tmp_path).read()
    with pytest.raises(ConfigError, match="no such folder"):
        FolderClips(folder=tmp_path / "none").read()


def test_csv_gives_labels_and_spans(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_text("path,label,start_s,end_s\na b.mp4,run,0.5,1.5\nc.mp4,jump,,\n")
    found = CsvClips(file=file).read()
    assert found.class_names == ("jump", "run")
    assert found.clips[0].path == tmp_path / "a b.mp4"
    assert (found.clips[0].start_s, found.clips[0].end_s) == (0.5, 1.5)
    assert (found.clips[1].start_s, found.clips[1].end_s) == (0.0, None)
    assert found.clips[0].clip_id == "a b.mp4@0.5-1.5"


def test_csv_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_bytes('\ufeffpath,label\r\n\r\na.mp4,"jump, twice"\r\n'.encode())
    found = CsvClips(file=file).read()
    assert [clip.clip_id for clip in found.clips] == ["a.mp4"]
    assert found.class_names == ("jump, twice",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\na.mp4\n", "no column 'path'"),
        ("path;label\na.mp4;run\n", r"found \['path;label'\], expected .* commas"),
        ("path,label\na, b.mp4,run\n", "clips.csv:2: more fields .* needs quotes"),
        ("path,start_s\na.mp4,soon\n", "clips.csv:2"),
        ("path\n", "no clips"),
        ("label,path\nrun\n", "clips.csv:2: no path"),
        ("path,label\n,run\n", "clips.csv:2: no path"),
        ("path,label\na\0.mp4,run\n", "clips.csv:2: no path"),
        ("path,start_s,end_s\na.mp4,5,1\n", "clips.csv:2: start_s 5, end_s 1: expected"),
        ("path,start_s\na.mp4,-1\n", "clips.csv:2: start_s -1, end_s none: expected"),
        ("path,start_s,end_s\na.mp4,nan,1\n", "clips.csv:2: start_s nan"),
    ],
)
def test_wrong_csv_is_explained(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message):
        CsvClips(file=file).read()


def test_csv_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_bytes("path,label\né.mp4,run\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"clips\.csv: is no text in UTF-8"):
        CsvClips(file=file).read()


def test_label_outside_the_given_classes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    file.write_text("path,label\na.mp4,walk\n")
    with pytest.raises(ConfigError, match="walk"):
        CsvClips(file=file, class_names=("run",)).read()


def make_curation(root: Path) -> None:
    manifest = Manifest(root / "06-export_clips")
    manifest.begin("export_clips", "k", "p", {})
    kept = pa.table(
        {
            "clip_id": ["a-000", "b-001"],
            "path": ["a.mp4", "b.mp4"],
            "clip_start_s": [0.0, 1.0],
            "clip_end_s": [2.0, 3.0],
            "hashtag": ["squats", "waving"],
            "action_group": ["squat", "wave"],
        }
    )
    rejected = kept.slice(0, 0).append_column("reject_reason", pa.array([], pa.string()))
    manifest.write_part("part-00000", kept, rejected)
    manifest.finish(2)


def test_curation_gives_its_exported_clips(tmp_path: Path) -> None:
    make_curation(tmp_path)
    found = CuratedClips(run=tmp_path).read()
    assert found.class_names == ()
    assert found.clips[1].path == tmp_path / "06-export_clips" / "media" / "b.mp4"
    assert (found.clips[1].start_s, found.clips[1].end_s) == (1.0, 3.0)
    weak = CuratedClips(run=tmp_path, label="action_group").read()
    assert weak.class_names == ("squat", "wave")
    assert weak.labels() == [0, 1]


def test_folder_that_is_no_curation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not a curation run"):
        CuratedClips(run=tmp_path).read()


def test_mixed_parts_keep_their_labels_and_tell_their_clips_apart(
    videos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "clips.csv"
    file.write_text("path,label\nv.mp4,fall\nw.mp4,run\n")
    parts = {
        "web": FolderClips(folder=videos, labeled=False),
        "own": CsvClips(file=file),
        "act": FolderClips(folder=videos),
    }
    found = MixedClips(parts=parts).read()
    assert found.class_names == ("fall", "jump", "run")
    assert found.given_labels() == [1, 1, 1, 2, 2, 2, 0, 2] + [None] * 6
    assert [clip.clip_id for clip in found.clips] == [found.clips[at].clip_id for at in range(14)]
    assert found.clips[6].clip_id == "own/v.mp4"
    assert found.clips[-1].clip_id.startswith("web/run/")
    assert len({clip.clip_id for clip in found.clips}) == 14
    assert [clip.label for clip in found.take([7, 0]).clips] == [2, 1]


def test_a_mix_without_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="parts"):
        MixedClips(parts={})
