"""Keeps an encoder from changing how this process is scheduled."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Put back how this thread is scheduled.

    Where root runs it, libsvtav1 puts the thread that opens it, and so all that this one starts
    later, into real time, before everything else on the machine. A thread that then waits by
    spinning keeps from its core the one it waits for, for good.
    """
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, param)
