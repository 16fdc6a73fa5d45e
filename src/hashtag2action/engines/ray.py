"""A Ray cluster, joined or started here. The only file that imports ray.

Each actor keeps one worker process of its own and does nothing else, so that a video is isolated
there exactly as on one machine: what is killed is the worker, and the actor tells what became of
it. All machines see the run's folder and the videos under the same paths.
"""

import logging
import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from hashtag2action.config import Config
from hashtag2action.engines.base import Done, Item, Limits, Lost
from hashtag2action.engines.crew import Crew
from hashtag2action.engines.local import available_cores
from hashtag2action.errors import EngineError

_MAX_ACTOR_DEATHS = 3
"""Actors that may die over one item. Chosen: machines leave clusters; a worker's own death ends no
actor."""


class RayEngine(Config):
    """Actors of a Ray cluster, one worker process each."""

    num_workers: int = 0
    """Actors; 0 takes one per core of the cluster. The cluster is the one that RAY_ADDRESS names or
    that this process is connected to already; without either, one is started on this machine and
    ends with this process."""

    def map(
        self,
        open_worker: Callable[[], Callable[[Item], Done]],
        items: Sequence[Item],
        limits: Limits | None = None,
    ) -> Generator[tuple[int, Done | Lost], None, None]:
        """Work on items in actors, as `engines.base.Engine` says."""
        if not items:
            return
        num_cores = _join_cluster(self.num_workers)
        num_actors = min(self.num_workers or num_cores, num_cores, len(items))
        with _Actors(open_worker, num_actors, limits) as actors:
            yield from actors.map(items)


def _join_cluster(num_workers: int) -> int:
    """Connect this process to a cluster, once; returns the cluster's number of cores."""
    import ray

    if not ray.is_initialized():
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.WARNING}
        if not os.environ.get("RAY_ADDRESS"):
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            quiet |= {"num_cpus": num_workers or available_cores(), "include_dashboard": False}
        ray.init(**quiet)
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


class _Visitor:
    """What an actor is: a crew of one."""

    def __init__(self, opening: bytes, limits: Limits | None) -> None:
        # A worker process begins with its parent's main script, which here is Ray's own.
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._crew = Crew(opening, 1, limits)

    def visit(self, item: Any) -> Any:
        [(_, outcome)] = self._crew.map([item])
        return outcome


class _Actors:
    """Actors with one item each; a context."""

    def __init__(
        self,
        open_worker: Callable[[], Callable[[Any], Any]],
        num_actors: int,
        limits: Limits | None,
    ) -> None:
        import ray
        from ray import cloudpickle

        self._ray = ray
        self._visitor = ray.remote(num_cpus=1)(_Visitor)
        self._given = (cloudpickle.dumps(open_worker), limits)  # pyright: ignore[reportPrivateImportUsage]
        self._idle: list[Any] = [self._visitor.remote(*self._given) for _ in range(num_actors)]
        self._held: dict[Any, tuple[Any, int]] = {}
        """By the reference of an answer to come: the actor, and the place of its item."""

    def __enter__(self) -> "_Actors":
        return self

    def __exit__(self, *_: object) -> None:
        for actor in [*self._idle, *(actor for actor, _ in self._held.values())]:
            self._ray.kill(actor)

    def map(self, items: Sequence[Any]) -> Iterator[tuple[int, Any | Lost]]:
        """Work on items, as `Crew.map` does."""
        waiting = deque(range(len(items)))
        deaths: Counter[int] = Counter()
        while waiting or self._held:
            self._hand_out(waiting, items)
            done = []
            for answer in self._ray.wait(list(self._held), num_returns=1)[0]:
                actor, index = self._held.pop(answer)
                try:
                    done.append((index, self._ray.get(answer)))
                    self._idle.append(actor)
                except self._ray.exceptions.RayTaskError as error:
                    self._idle.append(actor)
                    raise error.cause from error
                except self._ray.exceptions.RayActorError as error:
                    deaths[index] += 1
                    if deaths[index] == _MAX_ACTOR_DEATHS:
                        raise EngineError(
                            f"{_MAX_ACTOR_DEATHS} Ray actors died over the same part ({error}). "
                            "Finished parts are on disk: run the same command again to go on"
                        ) from error
                    self._idle.append(self._visitor.remote(*self._given))
                    waiting.appendleft(index)
            self._hand_out(waiting, items)
            yield from done

    def _hand_out(self, waiting: deque[int], items: Sequence[Any]) -> None:
        while waiting and self._idle:
            actor, index = self._idle.pop(), waiting.popleft()
            self._held[actor.visit.remote(items[index])] = (actor, index)
