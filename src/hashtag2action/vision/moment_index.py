"""The moments of very many clips under their keys, and how keys are looked up.

How a moment becomes a key is told by `moment_keys`; which changes of a clip are asked for, by
`candidates`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np

from hashtag2action.vision.fingerprint import WHOLE
from hashtag2action.vision.moment_keys import Region, form, is_new, signs, signs_of_looks, tells
from hashtag2action.vision.prints import Prints, moments

FIRST, KEPT_STEP = 2, 4  # pictures: each half second stands in the index
_BATCH = 1 << 12
_WAITING = 8  # batches; what waits is held in memory
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads keys over slots
_NONE = np.uint64(2**64 - 1)  # a moment whose key is that of the one before

Item = TypeVar("Item")
Made = TypeVar("Made")


class Found(NamedTuple):
    """Moments that were asked for and moments of the index, in pairs."""

    asked: np.ndarray
    """Number of the one that was asked for."""
    kept: np.ndarray
    """Number of the one in the index."""
    distance: np.ndarray
    """Of the hashes, bits."""


@dataclass(frozen=True)
class Moments:
    """What is known of the moments of all clips, whatever the region."""

    looks: np.ndarray
    """uint64 (M, 3)."""
    clips: np.ndarray
    """int32 (M,), whose each is."""
    pictures: np.ndarray
    """int16 (M,), which picture of its clip."""


@dataclass(frozen=True)
class RegionIndex:
    """The moments of all clips under the keys of one region."""

    region: Region
    slot_bits: int
    slots: np.ndarray
    """Where the moments of each slot begin."""
    is_filled: np.ndarray
    """uint8, a bit for each slot: most keys lead nowhere, and bits fit where they are near."""
    hashes: np.ndarray
    moments: np.ndarray

    @classmethod
    def of(
        cls, region: Region, hashes: np.ndarray, numbers: np.ndarray, ranks: np.ndarray
    ) -> "RegionIndex":
        """Sort moments into slots; those of one slot by rank."""
        slot_bits = min(region.key_bits, len(hashes).bit_length() + 2)
        slot = _slot(hashes & region.mask, slot_bits, region)
        order = np.argsort((slot.astype(np.int64) << 32) | ranks)
        counts = np.bincount(slot, minlength=1 << slot_bits).astype(np.int32)
        is_filled = np.packbits(counts > 0, bitorder="little")
        slots = np.zeros((1 << slot_bits) + 1, np.int32)
        np.cumsum(counts, out=slots[1:])
        return cls(region, slot_bits, slots, is_filled, hashes[order], numbers[order])

    def find(self, hashes: np.ndarray, turned: np.ndarray, max_sharing: int) -> Found:
        """Look up each hash with each of its turned signs.

        Args:
            hashes: uint64 (N,).
            turned: uint64 (probes, N), bits of the key to turn.
            max_sharing: Moments that one slot leads to: the best ranked.
        """
        mask = self.region.mask
        slot = _slot((hashes ^ turned).ravel() & mask, self.slot_bits, self.region)
        bit = (self.is_filled[slot >> np.uint32(3)] >> (slot & np.uint32(7)).astype(np.uint8)) & 1
        hit = np.flatnonzero(bit)
        slot = slot[hit]
        begin = self.slots[slot]
        count = np.minimum(self.slots[slot + np.uint32(1)] - begin, max_sharing)
        total = int(count.sum())
        place = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
        place += np.repeat(begin, count)
        probe = np.repeat(hit, count)
        asked = probe % len(hashes) if len(hashes) else probe
        apart = hashes[asked] ^ self.hashes[place]
        distance = np.bitwise_count(apart)
        is_found = distance <= self.region.max_distance
        if self.slot_bits < self.region.key_bits:
            is_found &= (apart ^ turned.ravel()[probe]) & mask == 0
        return Found(asked[is_found], self.moments[place[is_found]], distance[is_found])


def build(
    prints: Prints, regions: Sequence[Region], rank: np.ndarray, pool: Executor
) -> tuple[Moments, list[RegionIndex]]:
    """Put the moments of all clips into an index of each region.

    Args:
        prints: The clips' fingerprints.
        regions: Parts of the picture.
        rank: int64 (N,), which clips stand first where many share a key.
        pool: Threads.
    """

    def measure(batch: tuple[int, np.ndarray, np.ndarray]) -> list[np.ndarray]:
        first, data, starts = batch
        waves, owners, pictures = moments(data, starts, KEPT_STEP, FIRST)
        told = tells(waves)
        waves, owners, pictures = waves[told], owners[told], pictures[told]
        hashes = [signs(waves @ form(region, WHOLE, False)) for region in regions]
        are_new = [
            is_new(found & region.mask, owners)
            for region, found in zip(regions, hashes, strict=True)
        ]
        kept = np.logical_or.reduce(are_new)
        looks = signs_of_looks(waves[kept])
        clips = (owners[kept] + first).astype(np.int32)
        columns = [
            np.where(new, found, _NONE)[kept] for new, found in zip(are_new, hashes, strict=True)
        ]
        return [looks, clips, pictures[kept].astype(np.int16), *columns]

    parts = list(in_turn(pool, measure, prints.batches(_BATCH)))
    if not parts:
        parts = [measure((0, np.zeros(0, np.uint8), np.zeros(1, np.int64)))]
    # Joined and let go column by column: a million clips have gigabytes of them.
    columns = [list(column) for column in zip(*parts, strict=True)]
    del parts
    looks, clips, pictures = (np.concatenate(columns.pop(0)) for _ in range(3))
    indices = []
    for region in regions:
        hashes = np.concatenate(columns.pop(0))
        numbers = np.flatnonzero(hashes != _NONE).astype(np.int32)
        ranks = rank[clips[numbers]]
        indices.append(RegionIndex.of(region, hashes[numbers], numbers, ranks))
    return Moments(looks, clips, pictures), indices


def in_turn(
    pool: Executor, function: Callable[[Item], Made], items: Iterable[Item]
) -> Iterator[Made]:
    """Apply a function in threads, in order; only a few items are taken ahead of time."""
    waiting: deque[Future[Made]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) >= _WAITING:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _slot(keys: np.ndarray, bits: int, region: Region) -> np.ndarray:
    if bits == region.key_bits:
        return keys.astype(np.uint32)
    return ((keys * _MIXER) >> np.uint64(64 - bits)).astype(np.uint32)
