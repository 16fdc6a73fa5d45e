"""This machine: in process, or over a pool of spawned processes. The embedded default."""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from threadpoolctl import threadpool_limits

from hashtag2action.config import Config
from hashtag2action.engines.base import Done, Item
from hashtag2action.errors import EngineError

_worker: Callable[[Any], Any] | None = None


class LocalEngine(Config):
    """Processes on this machine."""

    num_workers: int = 0
    """Worker processes; 1 runs in this process, 0 takes one per available core."""

    def map(
        self, open_worker: Callable[[], Callable[[Item], Done]], items: Iterable[Item]
    ) -> Iterator[Done]:
        """Open a worker once per process and give it items.

        Raises:
            EngineError: A worker process died (killed, or out of memory).
        """
        todo = list(items)
        num_workers = min(self.num_workers or available_cores(), len(todo))
        if num_workers <= 1:
            if todo:
                work = open_worker()
                for item in todo:
                    with threadpool_limits(1):
                        done = work(item)
                    yield done
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            num_workers, mp_context=context, initializer=_open, initargs=(open_worker,)
        ) as pool:
            futures = {pool.submit(_work, item): item for item in todo}
            try:
                for future in as_completed(futures):
                    yield future.result()
            except BrokenProcessPool as error:
                raise EngineError(
                    "a worker process died before its part was finished (killed, or out of "
                    "memory). Finished parts are on disk: run the same command again to go on"
                ) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _open(open_worker: Callable[[], Callable[[Any], Any]]) -> None:
    global _worker  # noqa: PLW0603 - a process pool offers no other place for a worker's state
    _worker = open_worker()
    # One thread a process: the pools of numerical libraries would fight over the same cores, and
    # their many small products run three times slower for it.
    threadpool_limits(1)


def _work(item: Any) -> Any:
    assert _worker is not None, "the pool's initializer runs before any item"
    return _worker(item)
