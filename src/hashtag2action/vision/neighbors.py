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
# Each way to lay one clip on another: which crop of either, and whether mirrored.
_CROPS = [(0, crop) for crop in range(NUM_CROPS)] + [(crop, 0) for crop in range(1, NUM_CROPS)]
_ONE = np.array([crop for crop, _ in _CROPS] * 2)
_OTHER = np.array([crop for _, crop in _CROPS] * 2)
_MASKS = np.repeat(np.array([0, MIRROR_MASK], np.uint64), len(_CROPS))


@dataclass(frozen=True)
class Match:
    """How two fingerprints agree, under the crop, mirroring and shift that suit them best."""

    distance: float
    """Mean bits of 64 in which the pictures differ."""
    movement_distance: float | None
    """Mean bits in which the movements differ; None: nothing moves."""
    num_shared: int
    """Moments compared."""
    is_mirrored: bool


class FingerprintMatcher(Config):
    """When two clips are copies."""

    max_distance: float = 9.0
    """Largest mean distance of the pictures where movement bears witness, bits of 64."""
    max_still_distance: float = 3.0
    """Largest mean distance of the pictures where nothing moves. Chosen: sky above, ground below is
    many a landscape."""
    max_movement_distance: float = 16.0
    """Largest mean distance of the movements of many moments; of n moments 1 - 1 / sqrt(n) of it is
    let pass. Chosen: chance is 32, but one person doing one thing twice may fall in step."""
    same_distance: float = 2.5
    """Mean distance of the pictures at which they count as the same. Chosen: then little moves, and
    its movement is half noise."""
    same_movement_distance: float = 20.0
    """Largest mean distance of the movements of such pictures."""
    min_shared: int = 3
    """Least moments that both clips show, and least moving moments that tell clips apart."""
    max_shift: int = 1
    """Samples by which the clips may begin apart. Chosen: more lets push-ups fall in step."""

    def match(self, one: Fingerprint, other: Fingerprint) -> Match | None:
        """Compare two fingerprints; None where they are no copies of each other."""
        best: Match | None = None
        for shift in range(-self.max_shift, self.max_shift + 1):
            found = self._match_at(one.hashes[max(0, -shift) :], other.hashes[max(0, shift) :])
            if found is not None and (best is None or found.distance < best.distance):
                best = found
        return best

    def _match_at(self, one: np.ndarray, other: np.ndarray) -> Match | None:
        num = min(len(one), len(other))
        if num < self.min_shared:
            return None
        left, right = one[:num][:, :, _ONE], other[:num][:, :, _OTHER]
        bits = np.bitwise_count(left ^ right ^ _MASKS).astype(np.float32)
        can_tell = (left != 0) & (right != 0)
        # The first movements of a clip reach across its opening cut.
        can_tell[:MOVEMENT_STEPS, 1] = False
        counts = can_tell.sum(axis=0)
        means = (bits * can_tell).sum(axis=0) / np.maximum(counts, 1)
        allowed = np.where(
            means[0] <= self.same_distance,
            self.same_movement_distance,
            self.max_movement_distance * (1 - 1 / np.sqrt(np.maximum(counts[1], 1))),
        )
        is_copy = (counts[0] >= self.min_shared) & np.where(
            counts[1] >= self.min_shared,
            (means[0] <= self.max_distance) & (means[1] <= allowed),
            means[0] <= self.max_still_distance,
        )
        if not is_copy.any():
            return None
        best = int(np.argmin(np.where(is_copy, means[0], np.inf)))
        return Match(
            distance=float(means[0, best]),
            movement_distance=float(means[1, best]) if counts[1, best] else None,
            num_shared=int(counts[0, best]),
            is_mirrored=bool(_MASKS[best] != 0),
        )


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
