"""Moments of very many clips under keys: the signs of the slowest waves of a part of a picture.

What belongs here is how a moment becomes a key and how keys are looked up; which changes of a
clip are asked for is told by `candidates`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple, TypeVar

import numpy as np

from hashtag2action.vision.fingerprint import (
    COLUMN_ORDERS,
    MIRROR_SIGNS,
    ROW_ORDERS,
    WHOLE,
    Crop,
    cosines,
    crop_map,
)
from hashtag2action.vision.prints import Prints, moments

FIRST, KEPT_STEP = 2, 4  # pictures: each half second stands in the index
_BATCH = 1 << 12
_WAITING = 8  # batches; what waits is held in memory
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads keys over slots
_MIN_LEVELS = 2.5  # gray levels; a picture of less contrast tells nothing
_LOOK_CELLS = 9
_LOOK_BLUR = 7.0  # orders


Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Region:
    """A part of the picture that has keys of its own."""

    part: Crop
    key_bits: int
    hash_bits: int
    max_distance: int
    """Largest distance of two hashes whose keys agree."""
    max_look_distance: int
    """Largest distance of two looks, of 144. Chosen: 98 of 100 copies lie below, and 19 of 20 pairs
    whose keys agree by chance above."""
    num_flipped: int
    """Signs nearest to zero that are asked for both ways."""
    flips_pairs: bool
    crops: tuple[Crop, ...]

    @property
    def flips(self) -> list[tuple[int, ...]]:
        """Which of the least sure signs are turned, per probe."""
        single = [(one,) for one in range(self.num_flipped)]
        pairs = list(combinations(range(self.num_flipped), 2)) if self.flips_pairs else []
        return [(), *single, *pairs]

    @property
    def mask(self) -> np.uint64:
        """The bits of a hash that are its key."""
        return np.uint64((1 << self.key_bits) - 1)


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


_NONE = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Form:
    """A turn of waves into the values whose signs are a hash; mirrored where bits are turned."""

    crop: int
    """Number of the region's crop."""
    turn: np.ndarray
    mirrors: tuple[tuple[bool, np.uint64], ...]
    """Whether it is the mirror image, and which bits that turns."""


@cache
def forms_of(region: Region) -> list[Form]:
    """Return all changed forms that are asked for.

    The mirror image of a part in the middle has the same waves, some of them negative.
    """
    part = region.part
    order = _order(region)
    odd = (MIRROR_SIGNS[order] < 0).astype(np.uint8)
    bits = np.packbits(np.pad(odd, (0, 64 - len(odd))), bitorder="little").view("<u8")[0]
    is_central = abs(1 - part.left - part.width - part.left) < 1e-6
    forms = []
    for number, crop in enumerate(region.crops):
        turn = form(region, crop, False)
        if is_central:
            forms.append(Form(number, turn, ((False, np.uint64(0)), (True, bits))))
        else:
            forms.append(Form(number, turn, ((False, np.uint64(0)),)))
            forms.append(Form(number, form(region, crop, True), ((True, np.uint64(0)),)))
    return forms


def _order(region: Region) -> np.ndarray:
    part = region.part
    order = np.argsort(ROW_ORDERS / part.height + COLUMN_ORDERS / part.width, kind="stable")
    return order[: region.hash_bits]


@cache
def form(region: Region, crop: Crop, is_mirrored: bool) -> np.ndarray:
    """Return what turns waves into the values whose signs are the hash, slowest first.

    They are those of the region's part of the picture after it was cropped, then mirrored.
    """
    part = region.part
    # A part at the right of the mirror image is the mirror image of a part at the left.
    left = 1 - part.left - part.width if is_mirrored else part.left
    inner = Crop(
        crop.height * part.height,
        crop.width * part.width,
        crop.top + crop.height * part.top,
        crop.left + crop.width * left,
    )
    turn = crop_map(Crop(*(round(value, 4) for value in inner)))
    if is_mirrored:
        turn = turn * MIRROR_SIGNS
    return np.ascontiguousarray(turn[:, _order(region)])


def least_sure(values: np.ndarray, region: Region) -> np.ndarray:
    """Return bits to turn, uint64 (probes, N): those of the signs nearest to zero."""
    size = np.abs(values[:, : region.key_bits]).view(np.int32)
    size &= ~np.int32(31)
    size |= np.arange(region.key_bits, dtype=np.int32)
    least = np.partition(size, region.num_flipped, axis=1)[:, : region.num_flipped] & 31
    bits = np.uint64(1) << least.T.astype(np.uint64)
    turned = np.zeros((len(region.flips), len(values)), np.uint64)
    for probe, flips in enumerate(region.flips):
        for flip in flips:
            turned[probe] ^= bits[flip]
    return turned


def signs_of_looks(waves: np.ndarray, crop: Crop = WHOLE, is_mirrored: bool = False) -> np.ndarray:
    """Compare neighboring cells of blurred pictures, uint64 (M, 3)."""
    values = waves @ _look(crop, is_mirrored)
    part = values.shape[1] // 3
    return np.stack([signs(values[:, at * part : (at + 1) * part]) for at in range(3)], axis=1)


@cache
def _look(crop: Crop, is_mirrored: bool) -> np.ndarray:
    """Return what turns waves into the differences of neighboring cells of a blurred picture.

    Their signs compare pictures place by place, so that what covers a part changes that part only.
    """
    waves = cosines((np.arange(_LOOK_CELLS) + 0.5) / _LOOK_CELLS)
    cells = waves[ROW_ORDERS][:, :, None] * waves[COLUMN_ORDERS][:, None, :]
    cells *= np.exp(-(ROW_ORDERS**2 + COLUMN_ORDERS**2) / (2 * _LOOK_BLUR**2))[:, None, None]
    across = np.diff(cells, axis=2).reshape(len(cells), -1)
    down = np.diff(cells, axis=1).reshape(len(cells), -1)
    turned = MIRROR_SIGNS if is_mirrored else np.ones_like(MIRROR_SIGNS)
    look = (crop_map(crop) * turned) @ np.concatenate([across, down], axis=1)
    return np.ascontiguousarray(look, dtype=np.float32)


def tells(waves: np.ndarray) -> np.ndarray:
    """Say which pictures have contrast enough to tell anything."""
    return np.einsum("ij,ij->i", waves, waves) >= _MIN_LEVELS**2


def is_new(keys: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Say which moments differ from the one before them in their clip."""
    found = np.ones(len(keys), bool)
    found[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    return found


def signs(values: np.ndarray) -> np.ndarray:
    """Pack signs, the first in the lowest bit."""
    packed = np.packbits(values > 0, axis=1, bitorder="little")
    if packed.shape[1] < 8:
        padded = np.zeros((len(values), 8), np.uint8)
        padded[:, : packed.shape[1]] = packed
        packed = padded
    return packed.view("<u8").ravel()


def _slot(keys: np.ndarray, bits: int, region: Region) -> np.ndarray:
    if bits == region.key_bits:
        return keys.astype(np.uint32)
    return ((keys * _MIXER) >> np.uint64(64 - bits)).astype(np.uint32)
