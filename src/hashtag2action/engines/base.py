"""What an engine is: a parallel map whose workers may be lost, nothing more."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, TypeVar

from pydantic import Field

from hashtag2action.config import Config

Item = TypeVar("Item")
Done = TypeVar("Done")


class Limits(Config):
    """What one video may cost; beyond it, the video is a row with a reason.

    They can change a verdict, as every threshold can, so they are part of the key of the stages
    that open videos.
    """

    max_seconds_per_video: Annotated[float, Field(gt=0)] | None = 300.0
    """Longest time one stage may spend on a video, seconds by the clock; null sets no limit.
    Chosen: a ten-minute 1080p upload takes about a minute of one core, and machines are shared."""
    max_memory_mb_per_video: Annotated[int, Field(ge=64)] | None = 2048
    """Most resident memory of a worker that visits a video, MiB; null sets no limit. Chosen: five
    times what a worker needs at 1080p; room for the reference pictures of 4K at ten bits."""


LostReason = Literal["crashed", "timed_out", "too_large"]


@dataclass(frozen=True)
class Lost:
    """What is left of an item whose worker was lost twice, the second time alone."""

    reason: LostReason


class Engine(Protocol):
    """Runs one function over many items, wherever that may be."""

    def map(
        self,
        open_worker: Callable[[], Callable[[Item], Done]],
        items: Sequence[Item],
        limits: Limits | None = None,
    ) -> Generator[tuple[int, Done | Lost], None, None]:
        """Open a worker once per process and give it items; results come in any order.

        Args:
            open_worker: Loads what a worker needs and returns the function; picklable.
            items: What to work on; picklable.
            limits: What one item may cost. An item that loses its worker (it dies, hangs or grows)
                is tried once more in a fresh one that has done nothing else, and then comes back
                as `Lost`. None sets no limits, and an item lost twice is an error.

        Yields:
            The place of an item in `items`, and its result.

        Raises:
            EngineError: A worker was lost where no limits are set, or workers do not start.
        """
        ...
