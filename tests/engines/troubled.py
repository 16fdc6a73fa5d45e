"""Functions for workers that do as they are told, or fall over. Light: workers import them."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path


def open_adder(amount: int) -> partial[int]:
    return partial(add, amount)


def add(amount: int, item: int) -> int:
    return amount + item


def open_killer() -> Callable[[int], int]:
    return kill_at_three


def kill_at_three(item: int) -> int:
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def open_failing(error: Exception) -> Callable[[int], int]:
    return partial(fail, error)


def fail(error: Exception, item: int) -> int:
    raise error


class UnportableError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one + two)


def open_troubled(folder: Path) -> Callable[[str], str]:
    return partial(behave, folder)


def behave(folder: Path, item: str) -> str:
    """Do what the item says, having noted which process was asked."""
    with (folder / item).open("a") as file:
        file.write(f"{os.getpid()}\n")
    is_first = len((folder / item).read_text().splitlines()) == 1
    if item == "hang" or (item == "hang_once" and is_first):
        time.sleep(60)
    if item == "grow":
        held = b"x" * 2**30
        time.sleep(60 + held[0])
    if item == "ask":
        raise MemoryError
    if item == "die" or (item == "die_once" and is_first):
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "kill_parent_once" and is_first:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if item == "leave":
        os._exit(0)
    return item


def open_dying() -> Callable[[int], int]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it is dead")


def open_unportable() -> Callable[[int], int]:
    return unportable


def unportable(item: int) -> int:
    raise UnportableError("a", "b")
