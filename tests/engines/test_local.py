import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import pytest
from tests.engines.troubled import (
    open_adder,
    open_dying,
    open_failing,
    open_killer,
    open_troubled,
    open_unportable,
)

from hashtag2action.engines.base import Limits, Lost
from hashtag2action.engines.local import InlineEngine, LocalEngine
from hashtag2action.errors import EngineError, MissingExtraError

LIMITS = Limits(max_seconds_per_video=3, max_memory_mb_per_video=300)


@pytest.mark.parametrize("engine", [LocalEngine(num_workers=1), LocalEngine(num_workers=2)])
@pytest.mark.parametrize("limits", [None, Limits()])
def test_every_item_is_done_once(engine: LocalEngine, limits: Limits | None) -> None:
    done = engine.map(partial(open_adder, 10), range(7), limits)
    assert sorted(done) == [(index, index + 10) for index in range(7)]


def test_in_this_process_items_go_in_order() -> None:
    done = InlineEngine().map(partial(open_adder, os.getpid()), range(3), Limits())
    assert list(done) == [(index, index + os.getpid()) for index in range(3)]


def test_no_items_start_no_worker() -> None:
    assert list(LocalEngine(num_workers=2).map(partial(open_adder, 1), [])) == []


def test_without_limits_a_lost_worker_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EngineError, match="run the same command again"):
        list(LocalEngine(num_workers=2).map(open_killer, range(6)))


def test_a_lost_worker_costs_its_item_and_no_other(tmp_path: Path) -> None:
    items = ["a", "hang", "b", "grow", "die", "hang_once", "c", "leave", "ask", "die_once", "d"]
    engine = LocalEngine(num_workers=2)
    outcomes = dict(engine.map(partial(open_troubled, tmp_path), items, LIMITS))
    lost = {"hang": "timed_out", "grow": "too_large", "die": "crashed"}
    lost |= {"leave": "crashed", "ask": "too_large"}
    for index, item in enumerate(items):
        assert outcomes[index] == (Lost(lost[item]) if item in lost else item)  # pyright: ignore
        asked = (tmp_path / item).read_text().split()
        assert len(asked) == (2 if item in lost or item.endswith("_once") else 1)
    earlier = [(tmp_path / item).read_text().split()[0] for item in items]
    for item in ("hang", "grow", "die", "hang_once", "die_once"):
        second = (tmp_path / item).read_text().split()[1]
        assert second not in earlier[: items.index(item) + 1], "the retry had a fresh worker"


@pytest.mark.parametrize("num_workers", [1, 2])
@pytest.mark.parametrize("error", [ValueError("item"), MissingExtraError("item", "x")])
def test_failure_in_a_worker_reaches_the_caller(num_workers: int, error: Exception) -> None:
    with pytest.raises(type(error), match="item"):
        list(LocalEngine(num_workers=num_workers).map(partial(open_failing, error), range(4)))


def test_an_error_that_does_not_travel_arrives_in_words() -> None:
    with pytest.raises(EngineError, match="UnportableError: ab"):
        list(LocalEngine(num_workers=1).map(open_unportable, range(2), Limits()))


def test_workers_that_die_while_they_start_are_an_error() -> None:
    with pytest.raises(EngineError, match="died while they started"):
        list(LocalEngine(num_workers=1).map(open_dying, range(2), Limits()))


PARENT = textwrap.dedent("""
    import sys
    sys.path[:0] = {paths!r}
    from functools import partial
    from pathlib import Path
    from tests.engines.troubled import open_troubled
    from hashtag2action.engines.base import Limits
    from hashtag2action.engines.local import LocalEngine

    opening = partial(open_troubled, Path(sys.argv[1]))
    list(LocalEngine(num_workers=2).map(opening, ["hang", "hang_once", "a"], Limits()))
""")


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_workers_end_with_their_parent(tmp_path: Path, sign: signal.Signals) -> None:
    script = PARENT.format(paths=[path for path in sys.path if path])
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 30
    while len(list(tmp_path.glob("hang*"))) < 2:
        assert time.monotonic() < deadline, "the workers never began"
        time.sleep(0.02)
    time.sleep(0.05)
    pids = [int(path.read_text()) for path in tmp_path.glob("hang*")]
    began_s = time.monotonic()
    process.send_signal(sign)
    process.communicate()
    while any(Path(f"/proc/{pid}").exists() and is_alive(pid) for pid in pids):
        assert time.monotonic() - began_s < 5, "a worker outlives its parent"
        time.sleep(0.01)
    assert time.monotonic() - began_s < 2


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
