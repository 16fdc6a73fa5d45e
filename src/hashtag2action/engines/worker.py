"""One worker process and the line to it: opened once, given one item at a time, killed at will.

A worker dies with its parent however that ends: the kernel is asked to see to it, and the closed
pipe says it too. It holds nothing that is not on disk or in its last answer, so SIGKILL is how it
is always ended.
"""

import contextlib
import multiprocessing
import os
import pickle
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from threadpoolctl import threadpool_limits

from hashtag2action.engines.base import Lost
from hashtag2action.errors import EngineError
from hashtag2action.processes import die_with

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Ready:
    """A worker has opened what it needs."""


@dataclass(frozen=True)
class Result:
    """An item's result."""

    value: Any


@dataclass(frozen=True)
class Failed:
    """A worker's function, or its opening, raised."""

    error: Exception


Answer = Ready | Result | Failed | Lost


class Worker:
    """A worker process, as its parent sees it; made while interrupts are held, to be known whole.

    Args:
        opening: Pickled function that opens the worker; it returns the function for the items.
    """

    def __init__(self, opening: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()
        self.pid: int = self._process.pid or 0
        self._memory = os.open(f"/proc/{self.pid}/statm", os.O_RDONLY)
        self.is_idle: bool = False
        self.busy_since_s: float | None = None
        """When the item at hand was given, by `time.monotonic`; None: there is none."""
        with contextlib.suppress(OSError):  # a worker that died already is found when asked
            self._pipe.send_bytes(opening)

    def fileno(self) -> int:
        """Return what becomes readable when the worker has something to say, or is dead."""
        return self._pipe.fileno()

    def give(self, item: Any) -> None:
        """Hand over an item; its answer comes through `answer`."""
        assert self.is_idle, "a worker has one item at a time"
        self.is_idle = False
        self.busy_since_s = time.monotonic()
        with contextlib.suppress(OSError):
            self._pipe.send(item)

    def answer(self) -> Answer:
        """Read what a readable line says; a dead worker says `crashed`."""
        try:
            answer: Answer = self._pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            return Lost("crashed")
        self.busy_since_s = None
        self.is_idle = not isinstance(answer, Lost)
        return answer

    def resident_bytes(self) -> int:
        """Return the memory the process holds now; 0 if it is gone."""
        try:
            pages = os.pread(self._memory, 128, 0).split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * _PAGE_BYTES

    def kill(self) -> None:
        """End the process and whatever it began, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()
        os.close(self._memory)


def _serve(pipe: Connection, parent_pid: int) -> None:
    """Be a worker: open, then answer items until the parent hangs up."""
    die_with(parent_pid)
    os.setpgid(0, 0)  # a group of its own, to be killed with all it began
    work: Callable[[Any], Any] | None = None
    with _Telling(pipe):
        work = pickle.loads(pipe.recv_bytes())()
        # One thread a process: the pools of numerical libraries would fight over the same cores,
        # and their many small products run three times slower for it.
        threadpool_limits(1)
        pipe.send(Ready())
    while work is not None:
        try:
            item = pipe.recv()
        except EOFError:
            return
        with _Telling(pipe):
            pipe.send(Result(work(item)))


class _Telling:
    """Sends what goes wrong inside to the parent, which raises it; nothing is swallowed."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, MemoryError):
            self._pipe.send(Lost("too_large"))
            return True
        if not isinstance(error, Exception):
            return False
        told = "".join(traceback.format_exception(error)).rstrip()
        self._pipe.send(Failed(_portable(error, f"In a worker process:\n{told}")))
        return True


def _portable(error: Exception, note: str) -> Exception:
    """Return the error if it survives the way to the parent, else its words."""
    error.add_note(note)
    try:
        pickle.loads(pickle.dumps(error))
    except (pickle.PickleError, TypeError, AttributeError, ValueError):
        plain = EngineError(f"{type(error).__name__}: {error}")
        plain.add_note(note)
        return plain
    return error
