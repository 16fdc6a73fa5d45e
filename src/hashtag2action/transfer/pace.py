"""How fast one host is asked, by all processes of this machine together.

Turns are kept in files: a lock ends with the process that held it.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.05
"""Time between two looks for a free place (chosen: short beside any download)."""
_LONGEST_S = 3_600.0
"""A turn further away than this is a clock that was set back (chosen: longer than any wait)."""


class HostPace:
    """Places and turns of hosts, in a folder that processes share."""

    def __init__(self, folder: Path, max_at_once: int, requests_per_s: float) -> None:
        self._folder = folder
        self._max_at_once = max_at_once
        self._interval_s = 1.0 / requests_per_s
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def turn(self, host: str) -> Iterator[None]:
        """Wait for a place at a host and for its next turn; the place is held inside."""
        name = hashlib.blake2b(host.lower().encode(), digest_size=8).hexdigest()
        with self._place(name):
            time.sleep(self._take_turn(name))
            yield

    def postpone(self, host: str, wait_s: float) -> None:
        """Give nobody a turn at a host for some seconds."""
        name = hashlib.blake2b(host.lower().encode(), digest_size=8).hexdigest()
        with self._next_turn(name) as (now_s, next_s, write):
            write(max(next_s, now_s + wait_s))

    @contextmanager
    def _place(self, name: str) -> Iterator[None]:
        while True:
            for number in range(self._max_at_once):
                with (self._folder / f"{name}.{number}").open("w") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        continue
                    yield
                    return
            time.sleep(_POLL_S)

    def _take_turn(self, name: str) -> float:
        with self._next_turn(name) as (now_s, next_s, write):
            write(max(now_s, next_s) + self._interval_s)
            return max(0.0, next_s - now_s)

    @contextmanager
    def _next_turn(self, name: str) -> Iterator[tuple[float, float, Callable[[float], None]]]:
        file = os.open(self._folder / f"{name}.next", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = os.pread(file, 64, 0).decode("ascii", "replace")
            now_s = time.time()
            next_s = float(text) if text else 0.0
            if next_s > now_s + _LONGEST_S:
                next_s = now_s

            def write(value_s: float) -> None:
                os.ftruncate(file, 0)
                os.pwrite(file, f"{value_s:.6f}".encode(), 0)

            yield now_s, next_s, write
        finally:
            os.close(file)
