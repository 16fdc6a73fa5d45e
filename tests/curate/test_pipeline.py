"""The engine of `h2a curate`, as the command line takes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.curate.conftest import quiet, recipe
from tests.curate.killed_runs import write_recipe

from hashtag2action.curate.pipeline import CurateConfig, CurateRuntime, curate, open_engine
from hashtag2action.engines.local import InlineEngine, LocalEngine
from hashtag2action.engines.ray import RayEngine
from hashtag2action.errors import ManifestError, SourceError
from hashtag2action.manifest import find_stage


def test_the_engine_is_laid_over_the_recipe(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, tmp_path, "inline")
    command = [sys.executable, "-m", "hashtag2action", "curate", str(path), "--dry-run"]
    given = [*command, "--out", str(tmp_path), "--engine"]
    local = subprocess.run([*given, "local"], capture_output=True, text=True, check=True)
    assert "engine: local" in local.stdout
    environment = {**os.environ, "H2A_DEBUG": "0"}
    other = subprocess.run(
        [*given, "dask"], capture_output=True, text=True, check=False, env=environment
    )
    assert other.returncode == 2
    assert "runtime.engine" in other.stderr


def test_each_engine_opens_by_its_name() -> None:
    assert open_engine(CurateRuntime(num_workers=3)) == LocalEngine(num_workers=3)
    assert open_engine(CurateRuntime(engine="inline")) == InlineEngine()
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    assert open_engine(CurateRuntime(engine="ray")) == RayEngine()


def test_the_engine_is_no_part_of_a_key_and_the_limits_are(tmp_path: Path) -> None:
    config = CurateConfig.model_validate({"source": {"kind": "folder", "folder": tmp_path}})
    on_ray = config.model_copy(update={"runtime": CurateRuntime(engine="ray")})
    assert on_ray.key_fields() == config.key_fields()
    assert "limits" in config.key_fields()


def test_a_mistyped_source_does_not_refuse_the_right_one(films: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="gone: no such folder"):
        curate(recipe(tmp_path / "gone"), tmp_path / "out", quiet, "filter_metadata")
    made = curate(recipe(films), tmp_path / "out", quiet, "filter_metadata")
    assert made.read().num_rows == 6
    with pytest.raises(ManifestError, match="made with another configuration"):
        curate(recipe(tmp_path / "gone"), tmp_path / "out", quiet, "filter_metadata")


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_a_disk_that_is_unplugged_costs_no_row(films: Path, tmp_path: Path, engine: str) -> None:
    disk, unplugged = tmp_path / "disk", tmp_path / "unplugged"
    shutil.copytree(films, disk)
    config = recipe(disk, runtime={"engine": engine, "rows_per_part": 2})
    curate(config, tmp_path / "out", quiet, "fetch_videos")
    for stage in ("analyze_videos", "export_clips"):
        disk.rename(unplugged)
        with pytest.raises(SourceError, match="not there any more"):
            curate(config, tmp_path / "out", quiet, stage)
        unplugged.rename(disk)
        made = curate(config, tmp_path / "out", quiet, stage)
        assert made.read("rejected").num_rows == 0


@pytest.mark.parametrize("before", ["analyze_videos", "export_clips"])
def test_a_replaced_video_leaves_before_it_is_measured_or_exported(
    films: Path, tmp_path: Path, before: str
) -> None:
    own = Path(shutil.copytree(films, tmp_path / "own"))
    names = [stage.name for stage in recipe(own).stages()]
    curate(recipe(own), tmp_path / "run", quiet, names[names.index(before) - 1])
    (own / "pushup" / "7000000004.mp4").replace(own / "pushup" / "7000000002.mp4")
    curate(recipe(own), tmp_path / "run", quiet)
    rejected = find_stage(tmp_path / "run", before).read("rejected").to_pylist()
    reasons = {row["post_id"]: row["reject_reason"] for row in rejected}
    assert reasons == {
        "pushup/7000000002.mp4": "replaced",
        "pushup/7000000004.mp4": "unreadable:no such file",
    }
    kept = find_stage(tmp_path / "run", "export_clips").read()["post_id"].to_pylist()
    assert sorted(kept) == [
        f"{name}.mp4" for name in ("pushup/7000000000", "squat/7000000001", "squat/7000000005")
    ]
