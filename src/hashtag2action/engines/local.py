"""This machine: a few processes of our own. The embedded default."""

import os
import pickle
from collections.abc import Callable, Generator, Iterator, Sequence

from threadpoolctl import threadpool_limits

from hashtag2action.config import Config
from hashtag2action.engines.base import Done, Item, Limits, Lost
from hashtag2action.engines.crew import Crew


class LocalEngine(Config):
    """Processes on this machine."""

    num_workers: int = 0
    """Worker processes; 0 takes one per available core. With 1, what has no limits runs in this
    process; what has limits needs a process that can be killed, and gets one."""

    def map(
        self,
        open_worker: Callable[[], Callable[[Item], Done]],
        items: Sequence[Item],
        limits: Limits | None = None,
    ) -> Generator[tuple[int, Done | Lost], None, None]:
        """Work on items in worker processes, as `engines.base.Engine` says."""
        num_workers = min(self.num_workers or available_cores(), len(items))
        if num_workers == 0:
            return
        if num_workers == 1 and limits is None:
            yield from run_inline(open_worker, items)
            return
        with Crew(pickle.dumps(open_worker), num_workers, limits) as crew:
            yield from crew.map(items)


class InlineEngine(Config):
    """This process alone, for a debugger: no limit holds, and what kills a worker kills the run."""

    def map(
        self,
        open_worker: Callable[[], Callable[[Item], Done]],
        items: Sequence[Item],
        limits: Limits | None = None,
    ) -> Generator[tuple[int, Done | Lost], None, None]:
        """Work on items one after the other."""
        yield from run_inline(open_worker, items)


def run_inline(
    open_worker: Callable[[], Callable[[Item], Done]], items: Sequence[Item]
) -> Iterator[tuple[int, Done]]:
    """Open a worker in this process and give it all items, in order."""
    if not items:
        return
    work = open_worker()
    for index, item in enumerate(items):
        with threadpool_limits(1):
            done = work(item)
        yield index, done


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
