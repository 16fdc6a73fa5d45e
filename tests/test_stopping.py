"""A command that is stopped leaves nobody behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.curate.killed_runs import outlives, workers_of

SIGNS = (signal.SIGINT, signal.SIGTERM)
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
