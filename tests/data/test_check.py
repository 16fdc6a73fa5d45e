import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.data.check import check_clips, look_at
from hashtag2action.data.clip_set import Clip, FrameFiles
from hashtag2action.data.clips import CsvClips, CuratedClips, FolderClips
from hashtag2action.data.guess import origin_of
from hashtag2action.data.lists import ListClips
from hashtag2action.data.shards import ShardClips
from hashtag2action.errors import ConfigError
from hashtag2action.video.encode import write_video


@pytest.fixture
def mixed(videos: Path, tmp_path: Path) -> Path:
    """Two classes; one file is a web page, one is cut off, one is short."""
    for name in ("run", "jump"):
        (tmp_path / name).mkdir()
        for file in (videos / name).iterdir():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    (tmp_path / "run" / "page.mp4").write_bytes(b"<html>gone</html>")
    whole = (videos / "jump" / "v_jump_g00_c01.mp4").read_bytes()
    (tmp_path / "jump" / "half.mp4").write_bytes(whole[: len(whole) // 2])
    short = (np.full((32, 48, 3), 90, np.uint8) for _ in range(8))
    write_video(tmp_path / "jump" / "short.mp4", short, 25)
    return tmp_path


def test_broken_and_short_files_are_named_with_their_reason(mixed: Path) -> None:
    health = check_clips(FolderClips(folder=mixed).read(), sample_s=1.0)
    assert (health.num_clips, health.num_checked) == (9, 9)
    problems = {item["clip_id"]: item["problem"] for item in health.broken}
    assert set(problems) == {"run/page.mp4", "jump/half.mp4"}
    assert problems["run/page.mp4"] == "not a video, but a web page"
    assert "truncated" in problems["jump/half.mp4"]
    assert [item["clip_id"] for item in health.short] == ["jump/short.mp4"]
    assert health.short[0]["duration_s"] == pytest.approx(0.32)
    assert health.classes == {"jump": 5, "run": 4}
    assert health.sizes == {"48x32": 7}
    assert health.frames_per_s == {"25": 7}
    assert health.codecs == {"h264": 7}
    assert health.durations_s["most"] == pytest.approx(1.6)
    assert health.durations_s["sum"] == pytest.approx(6 * 1.6 + 0.32)


def test_sample_is_the_same_every_time_and_workers_change_nothing(mixed: Path) -> None:
    clips = FolderClips(folder=mixed).read()
    one = check_clips(clips, num=4)
    given = ["data", "check", str(mixed), "--num", "4", "--workers", "2", "--json"]
    assert json.loads(CliRunner().invoke(app, given).stdout) == asdict(one)
    assert (one.num_clips, one.num_checked) == (9, 4)
    assert one.classes == {"jump": 5, "run": 4}


def test_a_file_that_holds_its_process_costs_itself_alone(mixed: Path) -> None:
    # A pipe that nobody writes to holds whoever opens it, as a share that is gone does.
    os.mkfifo(mixed / "share.mp4")
    files = ["share.mp4", "jump/short.mp4", "run/page.mp4"]
    (mixed / "list.txt").write_text("".join(f"{file} 0\n" for file in files))
    given = ["data", "check", str(mixed / "list.txt"), "--max-s", "2", "--json"]
    found = json.loads(CliRunner().invoke(app, given).stdout)
    problems = {Path(item["path"]).name: item["problem"] for item in found["broken"]}
    assert problems == {
        "share.mp4": "takes longer than 2 s",
        "page.mp4": "not a video, but a web page",
    }
    assert found["codecs"] == {"h264": 1}


def test_span_beyond_its_file_is_broken(videos: Path) -> None:
    path = videos / "run" / "v_run_g00_c01.mp4"
    assert look_at(Clip("a", path, 0.4, 1.6)).problem is None
    assert look_at(Clip("a", path, 0.4, 1.6)).duration_s == pytest.approx(1.2)
    assert "ends at 1.60 s, the clip at 2.50 s" in (
        look_at(Clip("a", path, 0.4, 2.5)).problem or ""
    )
    assert "before the clip begins" in (look_at(Clip("a", path, 2.0)).problem or "")


def test_folder_of_pictures_lacking_one_is_broken(tmp_path: Path) -> None:
    part = FrameFiles("{:03}.png", 1, 3, 30.0)
    problem = look_at(Clip("a", tmp_path, part=part)).problem
    assert problem is not None
    assert "001.png cannot be read" in problem


def test_what_an_origin_has_no_use_for_is_refused(mixed: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"data:\n  clips: {{kind: folder, folder: {mixed}}}\n")
    for where in (str(mixed), str(recipe), "memory://set"):
        with pytest.raises(ConfigError, match="is no list or CSV; --root"):
            origin_of(where, root=tmp_path)
        with pytest.raises(ConfigError, match="is no list or CSV; --root"):
            origin_of(where, columns="path label")
    with pytest.raises(ConfigError, match=r"is no recipe that a\.b=1 could be laid over"):
        origin_of(str(mixed), overrides=["a.b=1"])


def test_origin_is_told_by_what_is_there(mixed: Path, tmp_path: Path) -> None:
    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    assert origin_of(str(mixed)) == FolderClips(folder=mixed)
    assert origin_of(str(mixed / "run")) == FolderClips(folder=mixed / "run", labeled=False)
    assert isinstance(origin_of(write("a.csv", "path,label\nx.mp4,run\n")), CsvClips)
    labels = origin_of(write("b.csv", "x.mp4 0\n"), root=mixed)
    assert labels == ListClips(file=tmp_path / "b.csv", columns="path label", root=mixed)
    pretraining = origin_of(write("c.txt", "x y.mp4 0 -1\n"))
    assert isinstance(pretraining, ListClips)
    assert pretraining.columns == "path start total"
    with pytest.raises(ConfigError, match="--columns"):
        origin_of(write("d.txt", "folder 1 40\n"))
    pictures = origin_of(str(tmp_path / "d.txt"), columns="path total label")
    assert isinstance(pictures, ListClips)
    assert isinstance(origin_of("memory://set"), ShardClips)
    recipe = write("r.yaml", f"data:\n  clips: {{kind: folder, folder: {mixed}}}\n")
    assert origin_of(recipe) == FolderClips(folder=mixed)
    run = mixed / "run"
    unlabeled = [f"data.clips.folder={run}", "data.clips.labeled=false", "seed=3"]
    assert origin_of(recipe, overrides=unlabeled) == FolderClips(folder=run, labeled=False)
    with pytest.raises(ConfigError, match=r"data\.clips\.nothing: no such field"):
        origin_of(recipe, overrides=["data.clips.nothing=1"])
    (tmp_path / "run-1" / "06-export_clips").mkdir(parents=True)
    assert isinstance(origin_of(str(tmp_path / "run-1")), CuratedClips)
    with pytest.raises(ConfigError, match="no such list or folder"):
        origin_of(str(tmp_path / "nothing"), root=tmp_path)
    with pytest.raises(ConfigError, match=r"v\.mp4: is one video; give a folder"):
        origin_of(write("v.mp4", ""))
    with pytest.raises(ConfigError, match=r"no data\.clips"):
        origin_of(write("s.yaml", "seed: 1\n"))


def test_what_is_neither_a_list_nor_a_csv_is_said_with_what_would_be(tmp_path: Path) -> None:
    file = tmp_path / "clips.csv"
    for line in ("path;label", "path\tlabel", "Path, Label", "a.mp4,0", "a.mp4 run", "a.mp4"):
        file.write_text(f"{line}\n")
        with pytest.raises(ConfigError, match=r"neither a list, .*\(path label\), nor a CSV, "):
            origin_of(str(file))
    file.write_bytes("é.mp4 0\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="no text in UTF-8; save it as that"):
        origin_of(str(file))


def test_a_folder_without_videos_is_told_and_is_no_class(mixed: Path) -> None:
    (mixed / "swim").mkdir()
    (mixed / ".cache").mkdir()
    clips = FolderClips(folder=mixed).read()
    assert "swim" not in clips.class_names
    assert check_clips(clips).empty_classes == ["swim"]
    told = CliRunner().invoke(app, ["data", "check", str(mixed)]).output
    assert "folder swim" in told
    (mixed / "stray.mp4").write_bytes(b"")
    told = CliRunner().invoke(app, ["data", "check", str(mixed)]).output
    assert re.search(r"classes +│ +none", told)


def test_command_ends_with_one_where_something_is_broken(mixed: Path) -> None:
    runner = CliRunner()
    broken = runner.invoke(app, ["data", "check", str(mixed)])
    assert broken.exit_code == 1
    assert "not a video, but a web page" in broken.stdout
    said = runner.invoke(app, ["data", "check", str(mixed), "--json"])
    assert said.exit_code == 1
    assert json.loads(said.stdout)["num_clips"] == 9
    for path in (mixed / "run" / "page.mp4", mixed / "jump" / "half.mp4"):
        path.unlink()
    assert runner.invoke(app, ["data", "check", str(mixed)]).exit_code == 0


def test_real_clips_are_whole(shared: Callable[[str], Path]) -> None:
    folder = shared("data/ucf101_3")
    health = check_clips(FolderClips(folder=folder).read(), num=12)
    assert health.broken == []
    assert health.classes == {"BabyCrawling": 132, "Punch": 160, "PushUps": 102}
