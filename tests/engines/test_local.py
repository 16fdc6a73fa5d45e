import os
import signal
from functools import partial

import pytest

from hashtag2action.engines.local import LocalEngine
from hashtag2action.errors import EngineError


def open_adder(amount: int) -> partial[int]:
    return partial(add, amount)


def add(amount: int, item: int) -> int:
    return amount + item


def open_killer() -> object:
    return kill_at_three


def kill_at_three(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def open_failing() -> object:
    return fail


def fail(item: int) -> int:
    raise ValueError(f"item {item}")


@pytest.mark.parametrize("num_workers", [1, 2])
def test_every_item_is_done_once(num_workers: int) -> None:
    engine = LocalEngine(num_workers=num_workers)
    done = engine.map(partial(open_adder, 10), range(7))
    assert sorted(done) == list(range(10, 17))


def test_no_items_start_no_worker() -> None:
    assert list(LocalEngine(num_workers=2).map(partial(open_adder, 1), [])) == []


def test_killed_worker_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(EngineError, match="run the same command again"):
        list(LocalEngine(num_workers=2).map(open_killer, range(6)))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_failure_in_a_worker_reaches_the_caller(num_workers: int) -> None:
    with pytest.raises(ValueError, match="item"):
        list(LocalEngine(num_workers=num_workers).map(open_failing, range(4)))
