"""An end to waiting: the longest time for the head of an answer and for all that follows.

A limit on silence is not enough. A host that sends a byte a second is never silent, and its head
alone could take a day.
"""

import ssl
import threading
import time
from typing import Any

import httpcore


class Deadline(threading.local):
    """Until when the question that a thread asks may go on; each thread has its own."""

    end_s: float = float("inf")
    """On the clock that never goes back."""

    def set_in(self, seconds: float) -> None:
        """Allow some seconds from now on."""
        self.end_s = time.monotonic() + seconds

    def cut(self, timeout_s: float | None) -> float | None:
        """Return the shorter of a limit on silence and of what is left.

        Raises:
            httpcore.ReadTimeout: Nothing is left.
        """
        left_s = self.end_s - time.monotonic()
        if left_s <= 0:
            raise httpcore.ReadTimeout("the time for an answer is over")
        if left_s == float("inf"):
            return timeout_s
        return left_s if timeout_s is None else min(timeout_s, left_s)


class TimedStream(httpcore.NetworkStream):
    """A connection that is read only until the deadline of the thread that reads it."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, once something has."""
        return self._stream.read(max_bytes, self._deadline.cut(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        self._stream.write(buffer, self._deadline.cut(timeout))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Encrypt what follows."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.cut(timeout))
        return TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        """Return what is known of the socket."""
        return self._stream.get_extra_info(info)
