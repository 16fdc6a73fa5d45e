"""Which pairs of many fingerprints are worth a comparison, without looking at all pairs.

A moment's key is the signs of the slowest waves of a part of its picture. Every clip stands in an
index under the keys of its moments, and asks for the keys it would have if it were cropped,
mirrored, or covered in most places: of the whole picture at each of `CROPS`, and of a strip along
each edge, since a sticker leaves one of these free. A sign that is nearly zero is asked for both
ways. A key that very many clips share (a common intro, a black frame with a logo) leads to the best
ranked of them only, so the work stays in proportion to the clips.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from hashtag2action.vision.alignment import Way
from hashtag2action.vision.fingerprint import (
    COLUMN_ORDERS,
    MIRROR_SIGNS,
    ROW_ORDERS,
    WHOLE,
    Crop,
    Fingerprint,
    cosines,
    crop_map,
)
from hashtag2action.vision.neighbors import CROPS
from hashtag2action.vision.prints import ListedPrints, Prints, moments

# Pictures: each half second stands in the index, each second asks, from the same one on.
_FIRST, _KEPT_STEP, _ASKED_STEP = 2, 4, 8
_MAX_SLOT_BITS = 24
_MIXER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads keys over slots
_MIN_LEVELS = 2.5  # gray levels; a picture of less contrast tells nothing
_BATCH = 1 << 14
_ASKED_AT_ONCE = 512
_LOOK_CELLS = 9
_LOOK_BLUR = 7.0  # orders


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


_EDGE = 0.3
REGIONS = (
    Region(WHOLE, 26, 64, 14, 46, 6, False, tuple(CROPS)),
    *(
        Region(part, 24, 52, 9, 42, 6, True, (WHOLE,))
        for part in (
            Crop(_EDGE, 1, 0, 0),
            Crop(_EDGE, 1, 1 - _EDGE, 0),
            Crop(1, _EDGE, 0, 0),
            Crop(1, _EDGE, 0, 1 - _EDGE),
        )
    ),
)
"""Chosen on rendered clips: all copies cropped to 85 % share a key, and 97 of 100 with a fifth
covered; two moments of different clips share one once in some ten million times."""


@dataclass(frozen=True)
class Candidates:
    """Pairs worth a comparison, and how they may lie on each other."""

    one: np.ndarray
    """int64 (M,), index of the clip that is looked at cropped."""
    other: np.ndarray
    crop: np.ndarray
    """Index in `CROPS`."""
    is_mirrored: np.ndarray
    distance: np.ndarray
    """Of the hashes, 0 to 1."""
    num: np.ndarray
    """Keys that led from one to the other."""

    def way(self, index: int) -> Way:
        """Return how the one may lie on the other."""
        return Way(CROPS[self.crop[index]], bool(self.is_mirrored[index]))

    def __len__(self) -> int:
        return len(self.one)


def find_candidates(
    prints: Prints, rank: np.ndarray, max_sharing: int = 48, num_threads: int = 1
) -> Candidates:
    """Return the pairs of fingerprints that are worth a comparison.

    Args:
        prints: The fingerprints.
        rank: int64 (N,), who stays of two copies; lower is better.
        max_sharing: Clips that one key leads to; where more share it, the best ranked.
        num_threads: Threads; the result does not depend on it.
    """
    found: list[np.ndarray] = []
    for region in REGIONS:
        index = _Index.of(prints, region, rank)
        with ThreadPoolExecutor(num_threads) as pool:
            for first, data, starts in prints.batches(_BATCH):
                runs = [
                    (at, min(at + _ASKED_AT_ONCE, len(starts) - 1))
                    for at in range(0, len(starts) - 1, _ASKED_AT_ONCE)
                ]
                ask = _Asker(index, region, max_sharing, first, data, starts)
                found += pool.map(ask, runs)
    return _thinned(np.concatenate([np.zeros(0, _HIT), *found]))


def candidate_pairs(prints: Sequence[Fingerprint]) -> np.ndarray:
    """Return the pairs of a few fingerprints that are worth a comparison.

    Returns:
        int64 (M, 2), indices with the smaller one first, sorted, without repeats.
    """
    found = find_candidates(ListedPrints(prints), np.arange(len(prints)))
    pairs = np.stack([found.one, found.other], axis=1)
    return np.unique(np.sort(pairs, axis=1), axis=0)


_HIT = np.dtype(
    [
        ("one", "<i4"),
        ("other", "<i4"),
        ("distance", "<f4"),
        ("num", "<i2"),
        ("crop", "i1"),
        ("mirrored", "?"),
    ]
)


def _thinned(hits: np.ndarray) -> Candidates:
    """Keep the closest way of each pair in each direction, pairs together, in a fixed order."""
    kept = _closest(hits)
    return Candidates(
        kept["one"].astype(np.int64), kept["other"].astype(np.int64),
        kept["crop"].astype(np.int64), kept["mirrored"], kept["distance"], kept["num"],
    )  # fmt: skip


@dataclass(frozen=True)
class _Index:
    """The moments of all clips under the keys of one region."""

    slot_bits: int
    slots: np.ndarray
    """Where the moments of each slot begin."""
    hashes: np.ndarray
    looks: np.ndarray
    clips: np.ndarray

    @classmethod
    def of(cls, prints: Prints, region: Region, rank: np.ndarray) -> "_Index":
        nothing = np.zeros(0, np.uint64)
        hashes, looks, clips = [nothing], [_signs_of_looks(_NO_WAVES)], [np.zeros(0, np.int32)]
        turn = _turn(region, WHOLE, False)
        for first, data, starts in prints.batches(_BATCH):
            waves, owners = moments(data, starts, _KEPT_STEP, _FIRST)
            values = waves @ turn
            found = _signs(values)
            is_new = _is_new(found & _mask(region), owners) & _tells(waves)
            hashes.append(found[is_new])
            looks.append(_signs_of_looks(waves[is_new]))
            clips.append((owners[is_new] + first).astype(np.int32))
        hash_, clip = np.concatenate(hashes), np.concatenate(clips)
        slot_bits = min(_MAX_SLOT_BITS, len(hash_).bit_length() + 1)
        slot = _slot(hash_ & _mask(region), slot_bits)
        order = np.argsort((slot.astype(np.int64) << 32) | rank[clip].astype(np.int64))
        slots = np.searchsorted(slot[order], np.arange((1 << slot_bits) + 1))
        return cls(
            slot_bits,
            slots.astype(np.int32),
            hash_[order],
            np.concatenate(looks)[order],
            clip[order],
        )


@dataclass(frozen=True)
class _Asker:
    """Asks an index for the keys that clips would have, changed in the region's ways."""

    index: _Index
    region: Region
    max_sharing: int
    first: int
    data: np.ndarray
    starts: np.ndarray

    def __call__(self, run: tuple[int, int]) -> np.ndarray:
        starts = self.starts[run[0] : run[1] + 1]
        waves, owners = moments(self.data, starts, _ASKED_STEP, _FIRST)
        told = _tells(waves)
        waves, owners = waves[told], (owners[told] + run[0] + self.first).astype(np.int32)
        found = [np.zeros(0, _HIT)]
        for number, crop in enumerate(self.region.crops):
            for is_mirrored in (False, True):
                hits = self._ask(waves, owners, crop, is_mirrored)
                hits["crop"], hits["mirrored"] = number, is_mirrored
                found.append(hits)
        return _closest(np.concatenate(found))

    def _ask(
        self, waves: np.ndarray, owners: np.ndarray, crop: Crop, is_mirrored: bool
    ) -> np.ndarray:
        """Look up one changed form of some moments."""
        region, index = self.region, self.index
        values = waves @ _turn(region, crop, is_mirrored)
        hashes = _signs(values)
        is_new = _is_new(hashes & _mask(region), owners)
        hashes, owners, values, waves = (each[is_new] for each in (hashes, owners, values, waves))
        unsure = np.abs(values[:, : region.key_bits])
        unsure = np.argpartition(unsure, region.num_flipped, axis=1)[:, : region.num_flipped]
        bits = np.uint64(1) << unsure.astype(np.uint64)
        turned = np.zeros((len(region.flips), len(hashes)), np.uint64)
        for probe, flips in enumerate(region.flips):
            for flip in flips:
                turned[probe] ^= bits[:, flip]
        keys = (hashes ^ turned) & _mask(region)
        slot = _slot(keys.ravel(), index.slot_bits)
        begin = index.slots[slot]
        count = np.minimum(index.slots[slot + 1] - begin, self.max_sharing)
        hit = np.flatnonzero(count)
        count, begin = count[hit], begin[hit]
        total = int(count.sum())
        place = np.arange(total) - np.repeat(np.cumsum(count) - count, count)
        place += np.repeat(begin, count)
        asked = np.repeat(hit, count)
        moment = asked % len(hashes) if len(hashes) else asked
        apart = hashes[moment] ^ index.hashes[place]
        distance = np.bitwise_count(apart)
        is_hit = (
            ((apart ^ turned.ravel()[asked]) & _mask(region) == 0)
            & (distance <= region.max_distance)
            & (owners[moment] != index.clips[place])
        )
        moment, place, distance = moment[is_hit], place[is_hit], distance[is_hit]
        looks = _signs_of_looks(waves[moment], crop, is_mirrored)
        look_distance = np.bitwise_count(looks ^ index.looks[place]).sum(axis=1, dtype=np.int32)
        is_alike = look_distance <= region.max_look_distance
        hits = np.zeros(int(is_alike.sum()), _HIT)
        hits["one"], hits["other"] = owners[moment[is_alike]], index.clips[place[is_alike]]
        hits["distance"] = distance[is_alike] / region.hash_bits
        hits["num"] = 1
        return hits


def _closest(hits: np.ndarray) -> np.ndarray:
    """Of equal pairs, keep the closest, and count them."""
    order = np.lexsort(
        (hits["mirrored"], hits["crop"], hits["distance"], hits["other"], hits["one"])
    )
    hits = hits[order]
    is_first = np.ones(len(hits), bool)
    is_first[1:] = (hits["one"][1:] != hits["one"][:-1]) | (hits["other"][1:] != hits["other"][:-1])
    kept = hits[is_first]
    if len(kept):
        sums = np.add.reduceat(hits["num"].astype(np.int64), np.flatnonzero(is_first))
        kept["num"] = np.minimum(sums, 30_000)
    return kept


_NO_WAVES = np.zeros((0, len(ROW_ORDERS)), np.float32)


def _signs_of_looks(waves: np.ndarray, crop: Crop = WHOLE, is_mirrored: bool = False) -> np.ndarray:
    """Compare neighboring cells of blurred pictures, uint64 (M, 3)."""
    values = waves @ _look(crop, is_mirrored)
    part = values.shape[1] // 3
    return np.stack([_signs(values[:, at * part : (at + 1) * part]) for at in range(3)], axis=1)


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
    signs = MIRROR_SIGNS if is_mirrored else np.ones_like(MIRROR_SIGNS)
    look = (crop_map(crop) * signs) @ np.concatenate([across, down], axis=1)
    return np.ascontiguousarray(look, dtype=np.float32)


def _tells(waves: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", waves, waves) >= _MIN_LEVELS**2


def _is_new(keys: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Say which moments differ from the one before them in their clip."""
    is_new = np.ones(len(keys), bool)
    is_new[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    return is_new


@cache
def _turn(region: Region, crop: Crop, is_mirrored: bool) -> np.ndarray:
    """Return what turns waves into the values whose signs are the hash, slowest first."""
    part = region.part
    inner = Crop(
        crop.height * part.height,
        crop.width * part.width,
        crop.top + crop.height * part.top,
        crop.left + crop.width * part.left,
    )
    order = np.argsort(ROW_ORDERS / part.height + COLUMN_ORDERS / part.width, kind="stable")
    turn = crop_map(Crop(*(round(value, 4) for value in inner)))
    if is_mirrored:
        # A part at the right of the mirror image is the mirror image of a part at the left.
        left = round(1 - inner.left - inner.width, 4)
        turn = crop_map(Crop(inner.height, inner.width, inner.top, left)) * MIRROR_SIGNS
    return np.ascontiguousarray(turn[:, order[: region.hash_bits]])


def _signs(values: np.ndarray) -> np.ndarray:
    """Pack signs, the first in the lowest bit."""
    packed = np.packbits(values > 0, axis=1, bitorder="little")
    padded = np.zeros((len(values), 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    return padded.view("<u8").ravel()


def _mask(region: Region) -> np.uint64:
    return np.uint64((1 << region.key_bits) - 1)


def _slot(keys: np.ndarray, bits: int) -> np.ndarray:
    return ((keys * _MIXER) >> np.uint64(64 - bits)).astype(np.int32)
