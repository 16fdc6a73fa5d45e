"""The engine of `h2a curate`, as the command line takes it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.curate.killed_runs import outlives, start, workers_of, write_recipe, write_videos

from hashtag2action.curate.pipeline import CurateConfig, CurateRuntime, open_engine
from hashtag2action.engines.local import InlineEngine, LocalEngine
from hashtag2action.engines.ray import RayEngine


def test_the_engine_is_laid_over_the_recipe(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, tmp_path, "inline")
    command = [sys.executable, "-m", "hashtag2action", "curate", str(recipe), "--dry-run"]
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


def test_ctrl_c_ends_a_run_at_once_and_says_how_to_go_on(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_videos(tmp_path))
    run = start(recipe, tmp_path / "out")
    deadline = time.monotonic() + 60
    while not (workers := workers_of(run.pid)):
        assert run.poll() is None
        assert time.monotonic() < deadline, "the workers never began"
        time.sleep(0.02)
    began_s = time.monotonic()
    run.send_signal(signal.SIGINT)
    _, told = run.communicate()
    assert time.monotonic() - began_s < 5
    assert run.returncode == 130
    assert b"run the same command again" in told
    assert not [pid for pid in workers if outlives(pid)]
