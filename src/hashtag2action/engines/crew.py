"""A few worker processes and who does what: one item each, watched, replaced when lost.

Memory is watched from outside, as the resident pages that /proc counts, twenty times a second. A
limit on the address space would count what runtimes of networks and allocators merely reserve
(gigabytes, never touched), and would turn up as any kind of fault anywhere in a decoder; resident
pages are what a machine runs out of. They can grow past the limit by what a process touches
between two looks, some 100 MB.
"""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import connection
from typing import Any

from hashtag2action.engines.base import Limits, Lost, LostReason
from hashtag2action.engines.worker import Failed, Ready, Result, Worker
from hashtag2action.errors import EngineError
from hashtag2action.processes import interrupts_held

_LOOK_EVERY_S = 0.05  # at the memory and the time of workers; chosen: costs next to nothing
_MAX_FAILED_STARTS = 3
"""Workers in a row that may die before they are ready (chosen: twice may be bad luck)."""


@dataclass(frozen=True)
class _Task:
    index: int
    item: Any
    is_retry: bool = False


@dataclass
class _Member:
    worker: Worker
    task: _Task | None
    """What it works on, or is to begin with."""
    is_ready: bool = False


class Crew:
    """Up to a number of workers that all open the same way; a context.

    Args:
        opening: Pickled function that opens a worker; it returns the function for the items.
        num_workers: Most processes at a time; they start when there is something to do.
        limits: What one item may cost; None sets no limits.
    """

    def __init__(self, opening: bytes, num_workers: int, limits: Limits | None) -> None:
        assert num_workers >= 1, f"a crew of {num_workers} does nothing"
        self._opening = opening
        self._num_workers = num_workers
        self._limits = limits
        self._members: list[_Member] = []
        self._num_failed_starts = 0

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        while self._members:
            self._members.pop().worker.kill()

    def map(self, items: Sequence[Any]) -> Generator[tuple[int, Any | Lost], None, None]:
        """Work on items; yields the place of each and its result, in any order.

        Raises:
            EngineError: An item lost its worker twice and there are no limits, or no worker starts.
        """
        waiting = deque(_Task(index, item) for index, item in enumerate(items))
        while waiting or any(member.task for member in self._members):
            self._hand_out(waiting)
            done = list(self._listen())
            self._hand_out(waiting)  # first, so that no worker waits while results are looked at
            yield from done

    def _hand_out(self, waiting: deque[_Task]) -> None:
        for member in self._members:
            if not member.worker.is_idle:
                continue
            if member.task is None and waiting:
                member.task = waiting.popleft()
            if member.task is not None:
                member.worker.give(member.task.item)
        num_free = sum(member.task is None for member in self._members)
        room = self._num_workers - len(self._members)
        for _ in range(min(room, len(waiting) - num_free)):
            self._hire(None)

    def _hire(self, task: _Task | None) -> None:
        with interrupts_held():
            self._members.append(_Member(Worker(self._opening), task))

    def _listen(self) -> Iterator[tuple[int, Any | Lost]]:
        members = {member.worker.fileno(): member for member in self._members}
        timeout_s = None if self._limits is None else _LOOK_EVERY_S
        for file in connection.wait(list(members), timeout_s):
            assert isinstance(file, int), "what was waited for comes back"
            yield from self._hear(members[file])
        for member in list(self._members):
            reason = self._excess(member.worker)
            if reason is not None:
                yield from self._lose(member, reason)

    def _hear(self, member: _Member) -> Iterator[tuple[int, Any | Lost]]:
        answer = member.worker.answer()
        if isinstance(answer, Failed):
            raise answer.error
        if isinstance(answer, Ready):
            member.is_ready = True
            self._num_failed_starts = 0
        elif isinstance(answer, Result):
            assert member.task is not None, "a result answers an item"
            index = member.task.index
            member.task = None
            yield index, answer.value
        else:
            yield from self._lose(member, answer.reason)

    def _excess(self, worker: Worker) -> LostReason | None:
        """Say which limit a worker is beyond, if any."""
        since_s, limits = worker.busy_since_s, self._limits
        if since_s is None or limits is None:
            return None
        max_s, max_mb = limits.max_seconds_per_video, limits.max_memory_mb_per_video
        if max_s is not None and time.monotonic() - since_s > max_s:
            return "timed_out"
        if max_mb is not None and worker.resident_bytes() > max_mb * 2**20:
            return "too_large"
        return None

    def _lose(self, member: _Member, reason: LostReason) -> Iterator[tuple[int, Lost]]:
        """Take leave of a worker; its item goes to a fresh one, or is given up."""
        self._members.remove(member)
        member.worker.kill()
        task = member.task
        if not member.is_ready:
            self._num_failed_starts += 1
            if self._num_failed_starts == _MAX_FAILED_STARTS:
                raise EngineError(
                    f"{_MAX_FAILED_STARTS} worker processes in a row died while they started "
                    "(killed, or out of memory). Finished parts are on disk: free some memory and "
                    "run the same command again to go on"
                )
        elif task is not None and not task.is_retry:
            task = replace(task, is_retry=True)
        elif task is not None:
            if self._limits is None:
                raise EngineError(
                    "a worker process died twice on the same part (killed, or out of memory). "
                    "Finished parts are on disk: run the same command again to go on"
                )
            yield task.index, Lost(reason)
            task = None
        if task is not None:
            self._hire(task)
