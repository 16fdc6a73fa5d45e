"""Which fingerprints belong to the same pictures: candidates from an index, then a comparison.

Candidates are pairs that share a quarter of a hash at any moment, found by sorting, so that the
work grows with the pairs that are alike and not with all pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hashtag2action.config import Config
from hashtag2action.vision.fingerprint import (
    HASH_BITS,
    MIRROR_MASK,
    MOVEMENT_STEPS,
    NUM_CROPS,
    Fingerprint,
)

_BAND_BITS = 16
_NO_MASK = np.uint64(0)
_CROPS = [(0, crop) for crop in range(NUM_CROPS)] + [(crop, 0) for crop in range(1, NUM_CROPS)]


@dataclass(frozen=True)
class Match:
    """How two fingerprints agree, under the crop, mirroring and shift that suit them best."""

    distance: float
    """Mean bits of 64 in which the pictures differ."""
    movement_distance: float | None
    """Mean bits in which the movements differ; None: too little moves to tell."""
    num_shared: int
    """Moments compared."""
    is_mirrored: bool


class FingerprintMatcher(Config):
    """When two clips are copies."""

    max_distance: float = 8.0
    """Largest mean distance of the pictures, bits of 64. Chosen: copies lie below 7, pictures of
    other places above 10."""
    max_movement_distance: float = 20.0
    """Largest mean distance of the movements. Chosen: chance is 32, copies lie below 20."""
    min_shared: int = 3
    """Least moments that both clips have, and least moving moments that tell clips apart."""
    min_shared_fraction: float = 0.6
    """Least share of the shorter clip's moments."""

    def match(self, one: Fingerprint, other: Fingerprint) -> Match | None:
        """Compare two fingerprints; None where they are no copies of each other."""
        found = [
            self._best_shift(one.hashes[:, :, crop], other.hashes[:, :, other_crop], is_mirrored)
            for is_mirrored in (False, True)
            for crop, other_crop in _CROPS
        ]
        right = [match for match in found if match is not None and self._is_copy(match)]
        return min(right, key=lambda match: match.distance, default=None)

    def _is_copy(self, match: Match) -> bool:
        if match.distance > self.max_distance:
            return False
        moved = match.movement_distance
        return moved is None or moved <= self.max_movement_distance

    def _best_shift(self, one: np.ndarray, other: np.ndarray, is_mirrored: bool) -> Match | None:
        """Lay one sequence of (appearance, movement) along the other, where they agree best."""
        mask = MIRROR_MASK if is_mirrored else _NO_MASK
        apart = _distances(one[:, 0], other[:, 0], mask)
        least = max(self.min_shared, round(self.min_shared_fraction * min(apart.shape)))
        best: tuple[float, int, int] | None = None
        for shift in range(least - len(one), len(other) - least + 1):
            values = np.diagonal(apart, shift)
            values = values[~np.isnan(values)]
            if len(values) >= least and (best is None or values.mean() < best[0]):
                best = (float(values.mean()), shift, len(values))
        if best is None:
            return None
        distance, shift, num_shared = best
        moved = np.diagonal(_distances(one[:, 1], other[:, 1], mask), shift)
        # The first movements of a clip reach across its opening cut.
        moved = moved[MOVEMENT_STEPS:]
        moved = moved[~np.isnan(moved)]
        movement = float(moved.mean()) if len(moved) >= self.min_shared else None
        return Match(distance, movement, num_shared, is_mirrored)


def candidate_pairs(prints: Sequence[Fingerprint]) -> np.ndarray:
    """Return the pairs of fingerprints worth a comparison.

    Returns:
        int64 (M, 2), indices with the smaller one first, sorted, without repeats.
    """
    whole, whole_of = _gather(prints, slice(0, 1))
    every, every_of = _gather(prints, slice(0, NUM_CROPS))
    asked = np.concatenate([every, every ^ MIRROR_MASK])
    asked_of = np.concatenate([every_of, every_of])
    pairs: list[np.ndarray] = []
    for band in range(HASH_BITS // _BAND_BITS):
        shift, mask = np.uint64(band * _BAND_BITS), np.uint64((1 << _BAND_BITS) - 1)
        # A clip counts once per value: a still picture repeats its hash.
        known = np.unique(np.stack([(whole >> shift) & mask, whole_of]), axis=1)
        wanted = np.unique(np.stack([(asked >> shift) & mask, asked_of]), axis=1)
        starts = np.searchsorted(known[0], wanted[0], "left")
        counts = np.searchsorted(known[0], wanted[0], "right") - starts
        first = np.repeat(wanted[1], counts)
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        second = known[1][np.repeat(starts, counts) + place]
        both = np.stack([np.minimum(first, second), np.maximum(first, second)], axis=1)
        pairs.append(np.unique(both[first != second], axis=0))
    return np.unique(np.concatenate(pairs), axis=0).astype(np.int64)


def _gather(prints: Sequence[Fingerprint], crops: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return all appearance hashes of some crops and whose they are, flat pictures left out."""
    hashes = [one.hashes[:, 0, crops].ravel() for one in prints]
    owners = np.repeat(np.arange(len(prints), dtype=np.uint64), [len(one) for one in hashes])
    values = np.concatenate([np.zeros(0, np.uint64), *hashes])
    return values[values != 0], owners[values != 0]


def _distances(one: np.ndarray, other: np.ndarray, mask: np.uint64) -> np.ndarray:
    """Return float32 (N, M), bits that differ; NaN where either has nothing to tell."""
    bits = np.bitwise_count(one[:, None] ^ other[None, :] ^ mask).astype(np.float32)
    bits[(one == 0)[:, None] | (other == 0)[None, :]] = np.nan
    return bits
