"""A command that is stopped: one line, no traceback, and nobody left."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.curate.killed_runs import outlives, start, workers_of, write_recipe, write_videos

STOPPED = b"h2a: stopped; run the same command again to go on\n"
SIGNS = (signal.SIGINT, signal.SIGTERM)


def heeds_sigterm(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("sign", SIGNS)
def test_a_command_stopped_while_it_starts_says_so_in_one_line(sign: signal.Signals) -> None:
    command = [sys.executable, "-m", "hashtag2action", "--help"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not heeds_sigterm(run.pid):
        time.sleep(0.001)
    run.send_signal(sign)
    _, told = run.communicate(timeout=60)
    assert told == STOPPED
    assert run.returncode == 128 + sign


@pytest.mark.parametrize("sign", SIGNS)
def test_a_run_ends_at_once_and_says_how_to_go_on(tmp_path: Path, sign: signal.Signals) -> None:
    run = start(write_recipe(tmp_path, write_videos(tmp_path)), tmp_path / "out")
    deadline = time.monotonic() + 60
    while not (workers := workers_of(run.pid)):
        assert run.poll() is None
        assert time.monotonic() < deadline, "the workers never began"
        time.sleep(0.02)
    began_s = time.monotonic()
    run.send_signal(sign)
    _, told = run.communicate()
    assert time.monotonic() - began_s < 5
    assert run.returncode == 128 + sign
    assert told.endswith(STOPPED)
    assert b"Traceback" not in told
    assert not [pid for pid in workers if outlives(pid)]


CONVERTING = """
import signal
from hashtag2action import cli
from hashtag2action.__main__ import main

@cli.app.command()
def half_imported():
    try:
        signal.raise_signal(signal.SIG)
    except KeyboardInterrupt:
        raise AttributeError("a library made this of it") from None

main()
"""


@pytest.mark.parametrize("sign", SIGNS)
def test_an_interrupt_that_a_library_makes_an_error_of_is_one(sign: signal.Signals) -> None:
    command = [sys.executable, "-c", CONVERTING.replace("SIG)", f"{sign.name})"), "half-imported"]
    run = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert run.stderr == STOPPED
    assert run.returncode == 128 + sign


RENDERING = """
from pathlib import Path
from hashtag2action.sources.studio.platform import Studio, render_studio
if __name__ == "__main__":
    render_studio(Studio(num_posts=40, seed=0), Path("world"), 2)
"""


@pytest.mark.parametrize("sign", [*SIGNS, signal.SIGKILL])
def test_a_pool_ends_with_what_started_it(tmp_path: Path, sign: signal.Signals) -> None:
    (tmp_path / "rendering.py").write_text(RENDERING)
    command = [sys.executable, "rendering.py"]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(workers := workers_of(run.pid)) < 2:
        assert run.poll() is None
        assert time.monotonic() < deadline, "the pool never began"
        time.sleep(0.02)
    run.send_signal(sign)
    _, told = run.communicate(timeout=20)
    if sign == signal.SIGINT:
        assert told.count(b"Traceback") == 1, "the pool speaks, too"
    assert not [pid for pid in workers if outlives(pid)]
