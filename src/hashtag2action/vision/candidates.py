"""Which pairs of many fingerprints are worth a comparison, without looking at all pairs.

A moment's key is the signs of the slowest waves of a part of its picture. Every clip stands in an
index under the keys of its moments, and asks for the keys it would have if it were cropped,
mirrored, or covered in most places: of the whole picture at each of `CROPS`, and of a strip along
each edge, since a sticker leaves one of these free. A sign that is nearly zero is asked for both
ways. A key that very many clips share (a common intro, a black frame with a logo) leads to the best
ranked of them only, so the work stays in proportion to the clips.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace

import numpy as np

from hashtag2action.vision.alignment import Way
from hashtag2action.vision.fingerprint import WHOLE, Crop, Fingerprint
from hashtag2action.vision.moment_index import FIRST, Moments, RegionIndex, build, in_turn
from hashtag2action.vision.moment_keys import (
    Form,
    Region,
    forms_of,
    is_new,
    least_sure,
    signs,
    signs_of_looks,
    tells,
)
from hashtag2action.vision.prints import ListedPrints, Prints, moments
from hashtag2action.vision.ways import CROPS

_ASKED_STEP = 8  # pictures: each second asks
_ASKED_AT_ONCE = 512  # clips
_CLIPS_PER_BLOCK = 1 << 16

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


_FEW_CLIPS = 20_000
_REGIONS_OF_FEW = (
    replace(REGIONS[0], key_bits=20, max_distance=16, max_look_distance=54),
    *(replace(strip, key_bits=20, max_distance=13, max_look_distance=48) for strip in REGIONS[1:]),
)
"""Among few clips chance is rare, so more may differ. Chosen on rendered clips: of those with a
fifth covered all but 1 of 200 share such a key with their original, and of small real ones that
were cropped all."""


@dataclass(frozen=True)
class Candidates:
    """Pairs worth a comparison, and how they may lie on each other."""

    one: np.ndarray
    """int32 (M,), index of the clip that is looked at cropped."""
    other: np.ndarray
    crop: np.ndarray
    """Index in `CROPS`."""
    is_mirrored: np.ndarray
    distance: np.ndarray
    """Of the hashes, 0 to 1."""
    num: np.ndarray
    """Keys that led from one to the other."""
    one_picture: np.ndarray
    """Which picture of the one is nearest to one of the other."""
    other_picture: np.ndarray

    def way(self, index: int) -> Way:
        """Return how the one may lie on the other."""
        return Way(CROPS[self.crop[index]], bool(self.is_mirrored[index]))

    def where(self, is_kept: np.ndarray) -> "Candidates":
        """Return some of them."""
        kept = {field.name: getattr(self, field.name)[is_kept] for field in fields(self)}
        return Candidates(**kept)

    def __len__(self) -> int:
        return len(self.one)


def find_candidates(
    prints: Prints, rank: np.ndarray, max_sharing: int = 48, num_threads: int = 1
) -> Candidates:
    """Return the pairs of fingerprints that are worth a comparison.

    Args:
        prints: The fingerprints.
        rank: int64 (N,), who stays of two copies; lower is better.
        max_sharing: Moments that one key leads to; where more share it, the best ranked.
        num_threads: Threads; the result does not depend on it.
    """
    found = list(candidate_blocks(prints, rank, max_sharing, num_threads))
    columns = [[getattr(part, one.name) for part in found] for one in fields(Candidates)]
    return Candidates(*map(np.concatenate, columns))


def candidate_blocks(
    prints: Prints, rank: np.ndarray, max_sharing: int = 48, num_threads: int = 1
) -> Iterator[Candidates]:
    """Yield the same run by run: all pairs in which one of some clips is the worse ranked.

    A million clips have tens of millions of candidates. So what is done with them is done with
    some at a time, and begins when the index is let go of.
    """
    yield from map(_joined, _found(prints, rank, max_sharing, num_threads))


def _found(
    prints: Prints, rank: np.ndarray, max_sharing: int, num_threads: int
) -> Iterator[list[np.ndarray]]:
    regions = REGIONS if len(prints) > _FEW_CLIPS else _REGIONS_OF_FEW
    blocks: list[list[np.ndarray]] = [[] for _ in range(0, max(1, len(prints)), _CLIPS_PER_BLOCK)]
    with ThreadPoolExecutor(num_threads) as pool:
        ask = _Asker(*build(prints, regions, rank, pool), rank, max_sharing)
        for parts in in_turn(pool, ask, prints.batches(_ASKED_AT_ONCE)):
            for number, hits in parts:
                blocks[number].append(hits)
    del ask
    blocks.reverse()
    while blocks:
        yield blocks.pop()


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
        ("one_picture", "<i2"),
        ("other_picture", "<i2"),
        ("crop", "i1"),
        ("is_mirrored", "?"),
    ]
)


def _joined(found: list[np.ndarray]) -> Candidates:
    """Join what each run of clips found.

    Each clip asks in one run, so the closest way of each pair in each direction is known there.
    """
    hits = np.concatenate([np.zeros(0, _HIT), *found])
    return Candidates(**{name: np.ascontiguousarray(hits[name]) for name in _HIT.names or ()})


@dataclass(frozen=True)
class _Asker:
    """Asks the indices for the keys that clips would have, changed in each region's ways."""

    known: Moments
    indices: Sequence[RegionIndex]
    rank: np.ndarray
    max_sharing: int

    def __call__(self, batch: tuple[int, np.ndarray, np.ndarray]) -> list[tuple[int, np.ndarray]]:
        """Return the hits of some clips, by the block of the worse ranked of each two."""
        first, data, starts = batch
        waves, owners, pictures = moments(data, starts, _ASKED_STEP, FIRST)
        told = tells(waves)
        asked = _Asked(waves[told], (owners[told] + first).astype(np.int32), pictures[told])
        found = [np.zeros(0, _HIT)]
        for index in self.indices:
            for form in forms_of(index.region):
                found += self._ask(index, asked, form)
        hits = _closest(np.concatenate(found))
        if not len(hits):
            return []
        one, other = hits["one"], hits["other"]
        block = np.where(self.rank[one] > self.rank[other], one, other) // _CLIPS_PER_BLOCK
        hits = hits[np.argsort(block, kind="stable")]
        numbers, begins = np.unique(np.sort(block), return_index=True)
        # Copies: a part would keep all of its run.
        parts = [part.copy() for part in np.split(hits, begins[1:])]
        return list(zip(numbers.tolist(), parts, strict=True))

    def _ask(self, index: RegionIndex, asked: "_Asked", form: Form) -> Iterator[np.ndarray]:
        """Look up one changed form of some moments."""
        region, known = index.region, self.known
        values = asked.waves @ form.turn
        hashes = signs(values)
        new = np.flatnonzero(is_new(hashes & region.mask, asked.clips))
        hashes, turned = hashes[new], least_sure(values[new], region)
        for is_mirrored, bits in form.mirrors:
            found = index.find(hashes ^ bits, turned, self.max_sharing)
            moment, place = new[found.asked], found.kept
            which, nth = np.unique(moment, return_inverse=True)
            looks = signs_of_looks(asked.waves[which], region.crops[form.crop], is_mirrored)
            apart = np.bitwise_count(looks[nth] ^ known.looks[place]).sum(axis=1, dtype=np.int32)
            is_hit = (apart <= region.max_look_distance) & (
                asked.clips[moment] != known.clips[place]
            )
            moment, place = moment[is_hit], place[is_hit]
            hits = np.zeros(len(moment), _HIT)
            hits["one"], hits["other"] = asked.clips[moment], known.clips[place]
            hits["one_picture"] = asked.pictures[moment]
            hits["other_picture"] = known.pictures[place]
            hits["distance"] = found.distance[is_hit] / region.hash_bits
            hits["num"] = 1
            hits["crop"], hits["is_mirrored"] = form.crop, is_mirrored
            yield hits


@dataclass(frozen=True)
class _Asked:
    """Moments that are asked for."""

    waves: np.ndarray
    clips: np.ndarray
    pictures: np.ndarray


def _closest(hits: np.ndarray) -> np.ndarray:
    """Of equal pairs, keep the closest, and count them."""
    order = np.lexsort(
        (hits["is_mirrored"], hits["crop"], hits["distance"], hits["other"], hits["one"])
    )
    hits = hits[order]
    is_first = np.ones(len(hits), bool)
    is_first[1:] = (hits["one"][1:] != hits["one"][:-1]) | (hits["other"][1:] != hits["other"][:-1])
    kept = hits[is_first]
    if len(kept):
        sums = np.add.reduceat(hits["num"].astype(np.int64), np.flatnonzero(is_first))
        kept["num"] = np.minimum(sums, 30_000)
    return kept
