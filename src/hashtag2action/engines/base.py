"""What an engine is: a parallel map, nothing more."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


class Engine(Protocol):
    """Runs one function over many items, wherever that may be."""

    def map(
        self, open_worker: Callable[[], Callable[[Item], Done]], items: Iterable[Item]
    ) -> Iterator[Done]:
        """Open a worker once per process and give it items; results come in any order.

        Raises:
            EngineError: A worker process died.
        """
        ...
