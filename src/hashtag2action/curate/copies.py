"""Which clip of a table copies which better ranked one: candidates, then comparisons.

What belongs here is the walk over a table too large to be looked at pair by pair; what makes two
clips copies is told by `vision.neighbors`.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from hashtag2action.processes import Pool
from hashtag2action.vision.alignment import Way
from hashtag2action.vision.candidates import Candidates, candidate_blocks
from hashtag2action.vision.fingerprint import WHOLE, Fingerprint
from hashtag2action.vision.first_look import plausible
from hashtag2action.vision.neighbors import FingerprintMatcher
from hashtag2action.vision.prints import Prints

_PAIRS_PER_JOB = 256  # compared by a process at a time
_PAIRS_WORTH_WORKERS = 4096
"""Chosen: below this many pairs a comparison takes less time than a process takes to start."""
_KEYS_WORTH_A_SEARCH = 8
"""Chosen: chance leads from one clip to another by fewer keys, a crop half a step off by more."""
_LOOKED_AT = 2  # times as many candidates of a clip as are compared
_SEARCHED = 2
"""Chosen: of a clip's likeliest originals the first two are searched for other ways, too."""
_JOBS_WAITING = 4  # per worker; what waits is held in memory


class TablePrints(Prints):
    """The fingerprints of a table, left where Arrow keeps them."""

    def __init__(self, table: pa.Table) -> None:
        self._prints = table["fingerprints"]
        self._times = table["fingerprint_times_s"]

    def __len__(self) -> int:
        return len(self._prints)

    def __getitem__(self, index: int, /) -> Fingerprint:
        """Return one; a clip without a fingerprint has an empty one."""
        return _read(*self.raw(index))

    def raw(self, index: int) -> tuple[bytes, np.ndarray]:
        """Return the bytes and times of one."""
        times = self._times[index]
        values = times.values.to_numpy() if times.is_valid else np.zeros(0)
        return self._prints[index].as_py() or b"", values

    def batches(self, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield runs of them: the index of the first, their bytes, and where each begins."""
        first = 0
        for run in self._runs(size):
            _, offsets, data = run.buffers()
            starts = np.frombuffer(offsets, np.int32)[run.offset : run.offset + len(run) + 1]
            yield first, np.frombuffer(data or b"", np.uint8), starts.astype(np.int64)
            first += len(run)

    def _runs(self, size: int) -> Iterator[pa.Array]:
        """Yield runs of at most so many; only where chunks are small are they copied together."""
        kept: list[pa.Array] = []
        for chunk in self._prints.chunks:
            for begin in range(0, len(chunk), size):
                piece = chunk.slice(begin, size)
                if kept and sum(map(len, kept)) + len(piece) > size:
                    yield kept[0] if len(kept) == 1 else pa.concat_arrays(kept)
                    kept = []
                kept.append(piece)
        if kept:
            yield kept[0] if len(kept) == 1 else pa.concat_arrays(kept)


@dataclass(frozen=True)
class Copies:
    """For each clip, the nearest better ranked clip that it copies."""

    of: np.ndarray
    """int64 (N,), -1 where there is none."""
    distance: np.ndarray
    """float32 (N,)."""


@dataclass(frozen=True)
class CopySearch:
    """How hard copies are looked for."""

    matcher: FingerprintMatcher
    max_sharing: int
    max_compared: int
    workers: int

    def find(self, prints: TablePrints, rank: np.ndarray, num_references: int = 0) -> Copies:
        """Compare each clip with the better ranked candidates for its original.

        Args:
            prints: The clips' fingerprints.
            rank: int64 (N,), who stays of two copies; lower is better.
            num_references: Where not 0, so many first clips are compared with the others only, and
                the others with these only.
        """
        of = np.full(len(prints), -1, np.int64)
        distance = np.full(len(prints), np.inf, np.float32)
        pairs: list[_Pair] = []
        with threadpool_limits(1):  # The search brings threads and processes of its own.
            for found in candidate_blocks(prints, rank, self.max_sharing, self.workers):
                if num_references:
                    is_across = (found.one < num_references) != (found.other < num_references)
                    pairs += self._pairs(prints, found.where(is_across), rank)
                else:
                    pairs += self._pairs(prints, found, rank)
            for copy, original, apart in self._compare(prints, pairs):
                before = rank[of[copy]] if of[copy] >= 0 else 0
                if (apart, rank[original]) < (distance[copy], before):
                    of[copy], distance[copy] = original, apart
        return Copies(of, distance)

    def _pairs(self, prints: Prints, found: Candidates, rank: np.ndarray) -> list["_Pair"]:
        """Group what is worth it into pairs, those of a clip together, the likeliest first."""
        # What very many share leads to very many candidates: the likeliest are looked at.
        found = _likeliest(found, rank, _LOOKED_AT * self.max_compared)
        found = plausible(prints, found, self.workers)
        found = _likeliest(found, rank, self.max_compared)
        worse, better, is_swapped = _by_rank(found, rank)
        order = np.lexsort((found.distance, -found.num, better, worse))
        pairs: list[_Pair] = []
        for k in order.tolist():
            way = found.way(k)
            way = Way(way.crop, way.is_mirrored, bool(is_swapped[k]) and way.crop != WHOLE)
            if pairs and (pairs[-1].copy, pairs[-1].original) == (worse[k], better[k]):
                if way not in pairs[-1].ways:
                    pairs[-1].ways.append(way)
            else:
                pairs.append(_Pair(int(worse[k]), int(better[k]), int(found.num[k]), [way]))
        pairs.sort(key=lambda pair: (pair.copy, -pair.num, rank[pair.original]))
        return pairs

    def _compare(
        self, prints: TablePrints, pairs: list["_Pair"]
    ) -> Iterator[tuple[int, int, float]]:
        jobs = (
            _Job(self.matcher, pairs[at : at + _PAIRS_PER_JOB], {})
            for at in range(0, len(pairs), _PAIRS_PER_JOB)
        )
        if self.workers <= 1 or len(pairs) < _PAIRS_WORTH_WORKERS:
            for job in jobs:
                yield from job.loaded(prints).run()
            return
        with Pool(self.workers, threadpool_limits) as pool:
            waiting: list[Future[list[tuple[int, int, float]]]] = []
            for job in jobs:
                waiting.append(pool.submit(job.loaded(prints).run))
                if len(waiting) >= _JOBS_WAITING * self.workers:
                    yield from waiting.pop(0).result()
            for future in waiting:
                yield from future.result()


def _by_rank(found: Candidates, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the worse and the better ranked clip of each, and whether the better is cropped."""
    is_swapped = rank[found.one] < rank[found.other]
    worse = np.where(is_swapped, found.other, found.one)
    return worse, np.where(is_swapped, found.one, found.other), is_swapped


def _likeliest(found: Candidates, rank: np.ndarray, most: int) -> Candidates:
    """Keep, of each clip's better ranked candidates, those that most keys lead to."""
    worse, better, _ = _by_rank(found, rank)
    order = np.lexsort((-found.num, better, worse))
    worse, better = worse[order], better[order]
    is_pair = np.ones(len(order), bool)
    is_pair[1:] = (worse[1:] != worse[:-1]) | (better[1:] != better[:-1])
    pair_of = np.cumsum(is_pair) - 1
    first = order[is_pair]
    clip = worse[is_pair]
    ranked = np.lexsort((rank[better[is_pair]], -found.num[first], clip))
    begins = np.searchsorted(clip[ranked], clip[ranked])
    place = np.empty(len(ranked), np.int64)
    place[ranked] = np.arange(len(ranked)) - begins
    is_kept = np.zeros(len(order), bool)
    is_kept[order] = place[pair_of] < most
    return found.where(is_kept)


@dataclass
class _Pair:
    copy: int
    original: int
    num: int
    ways: list[Way]


@dataclass(frozen=True)
class _Job:
    """Some pairs, with the fingerprints they need: it may run in another process."""

    matcher: FingerprintMatcher
    pairs: list[_Pair]
    prints: dict[int, tuple[bytes, np.ndarray]]

    def loaded(self, prints: TablePrints) -> "_Job":
        needed = {index for pair in self.pairs for index in (pair.copy, pair.original)}
        return _Job(self.matcher, self.pairs, {index: prints.raw(index) for index in needed})

    def run(self) -> list[tuple[int, int, float]]:
        """Return the pairs that are copies, and how far they are apart.

        Of a clip's pairs the likeliest comes first; what is a copy of one need not be compared
        with the others.
        """
        found: list[tuple[int, int, float]] = []
        last, nth = -1, 0
        for pair in self.pairs:
            if found and found[-1][0] == pair.copy:
                continue
            one, other = _read(*self.prints[pair.copy]), _read(*self.prints[pair.original])
            match = self.matcher.match(one, other, pair.ways)
            nth = nth + 1 if pair.copy == last else 0
            last = pair.copy
            if (
                match is None
                and nth < _SEARCHED
                and pair.num >= _KEYS_WORTH_A_SEARCH
                and self.matcher.is_worth_a_search(one, other, pair.ways)
            ):
                match = self.matcher.match(one, other)
            if match is not None:
                found.append((pair.copy, pair.original, match.distance))
        return found


def _read(data: bytes, times_s: np.ndarray) -> Fingerprint:
    return Fingerprint.from_bytes(data, np.asarray(times_s, np.float64))
