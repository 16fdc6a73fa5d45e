"""Curations that are killed at random moments and started again, until they come to their end."""

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from tests.video.films import film

RECIPE = """
source: {{ kind: folder, folder: "{videos}" }}
filter_metadata: {{ min_duration_s: 0 }}
analyze_videos: {{ persons: null }}
select_clips: {{ scenes: all, min_duration_s: 0.5, max_drawn_score: 1 }}
export_clips: {{ short_side_px: 32 }}
runtime: {{ num_workers: 2, rows_per_part: 3, engine: {engine} }}
"""


def write_videos(folder: Path, count: int = 8) -> Path:
    """Write little films of two scenes each, below folders that are their tags."""
    for number in range(count):
        target = folder / "videos" / f"tag{number % 3}" / f"v{number:02d}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(number).integers(0, 255, (2, 6, 4, 3), np.uint8)
        walls = np.kron(noise, np.ones((1, 16, 16, 1), np.uint8)).repeat(40, 0)
        for k, wall in enumerate(walls):
            wall[40:60, k % 50 : k % 50 + 14] = 255
        film(target, list(walls))
    return folder / "videos"


def write_recipe(folder: Path, videos: Path, engine: str = "local") -> Path:
    path = folder / f"{engine}.yaml"
    path.write_text(RECIPE.format(videos=videos.as_posix(), engine=engine))
    return path


def start(recipe: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hashtag2action", "curate", str(recipe), "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def run_to_its_end(recipe: Path, out: Path) -> float:
    """Run undisturbed; returns the seconds it took."""
    began_s = time.monotonic()
    finish(start(recipe, out))
    return time.monotonic() - began_s


def finish(run: subprocess.Popen[bytes]) -> None:
    _, told = run.communicate()
    assert run.returncode == 0, told.decode()


def run_with_kills(
    recipe: Path, out: Path, rng: random.Random, num_kills: int, usual_s: float
) -> list[str]:
    """Run with SIGKILLs at random moments; returns what was hit: `worker` or `parent`.

    A worker is killed at most once between two deaths of the parent: a row hit twice in a row
    rightly leaves as crashed.
    """
    killed: list[str] = []
    run = start(recipe, out)
    while len(killed) < num_kills:
        time.sleep(rng.uniform(0.1, 0.8) * usual_s)
        if run.poll() is not None:
            break
        workers = workers_of(run.pid)
        if workers and killed[-1:] != ["worker"] and rng.random() < 0.5:
            kill(rng.choice(workers))
            killed.append("worker")
            continue
        run.kill()
        run.communicate()
        killed.append("parent")
        assert not [pid for pid in workers if outlives(pid)], "workers outlive their parent"
        run = start(recipe, out)
    finish(run)
    return killed


def workers_of(pid: int) -> list[int]:
    """Return the worker processes of a run."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        found = " ".join((task / "children").read_text() for task in tasks)
        children = [int(child) for child in found.split()]
        return [child for child in children if b"spawn_main" in command_of(child)]
    except OSError:
        return []


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def outlives(pid: int, grace_s: float = 2.0) -> bool:
    """Whether a process still runs after a grace."""
    deadline = time.monotonic() + grace_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state in "ZX":
            return False
        time.sleep(0.01)
    return True


def files_of(run: Path) -> dict[str, str]:
    """Return every file of a run with the hash of its bytes; its log of settings is left out."""
    return {
        path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name != "config.yaml"
    }
