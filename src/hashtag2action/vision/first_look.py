"""A first look at very many candidates: most that share a key by chance are told from copies here.

Each pair is looked at in one moment, the one whose keys agree, in blurred cells of the picture. A
cover changes its own cells only, so what counts is the share of cells that disagree. One pair costs
some 30 us here, a comparison of two clips a hundred times that.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from hashtag2action.vision.agreement import CELL_WAVES, DISAGREEMENT
from hashtag2action.vision.alignment import seen_of_waves
from hashtag2action.vision.candidates import Candidates
from hashtag2action.vision.fingerprint import MIRROR_SIGNS, NUM_WAVES, crop_map
from hashtag2action.vision.prints import Prints, pictures_of
from hashtag2action.vision.ways import CROPS

_AT_ONCE = 1 << 14
_GAINS = np.exp(np.linspace(np.log(0.55), np.log(1.8), 9)).astype(np.float32)
_FEW_KEYS = 3
_MAX_DISAGREEING = 0.52
_MAX_DISAGREEING_OF_FEW_KEYS = 0.42
"""Chosen on rendered copies under every change: 99 of 100 lie below, and 1 of 100 candidates by
chance. Those that few keys led to are more often chance."""


def plausible(prints: Prints, found: Candidates, num_threads: int = 1) -> Candidates:
    """Keep the candidates whose nearest moments show the same, but for what may cover it."""
    one = _pictures(prints, found.one, found.one_picture)
    other = _pictures(prints, found.other, found.other_picture)

    def look(begin: int) -> np.ndarray:
        part = slice(begin, begin + _AT_ONCE)
        turned = _turned(one[part], found.crop[part], found.is_mirrored[part])
        return disagreeing(turned, other[part].astype(np.float32))

    with ThreadPoolExecutor(num_threads) as pool:
        shares = np.concatenate([np.zeros(0), *pool.map(look, range(0, len(found), _AT_ONCE))])
    few = found.num <= _FEW_KEYS
    is_kept = shares <= np.where(few, _MAX_DISAGREEING_OF_FEW_KEYS, _MAX_DISAGREEING)
    return found.where(is_kept)


def disagreeing(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the share of cells that disagree, in the light that suits half of them best.

    Args:
        one: Waves of pictures, float32 (M, NUM_WAVES).
        other: Those of the pictures they are compared with.
    """
    left, right = seen_of_waves(one) @ CELL_WAVES, seen_of_waves(other) @ CELL_WAVES
    contrast = left.std(axis=1) + 1e-6
    least = np.full(len(left), np.inf, np.float32)
    share = np.ones(len(left), np.float32)
    for gain in _GAINS:
        rest = right - gain * left
        rest -= _middle(rest)[:, None]
        error = np.abs(rest, out=rest) / gain
        middle = _middle(error)
        is_better = middle < least
        least[is_better] = middle[is_better]
        apart = error[is_better] > DISAGREEMENT * contrast[is_better, None]
        share[is_better] = apart.mean(axis=1)
    return share


def _middle(values: np.ndarray) -> np.ndarray:
    middle = values.shape[1] // 2
    return np.partition(values, middle, axis=1)[:, middle]


def _pictures(prints: Prints, clips: np.ndarray, pictures: np.ndarray) -> np.ndarray:
    """Read single pictures of many clips, float16 (M, NUM_WAVES)."""
    made = np.zeros((len(clips), NUM_WAVES), np.float16)
    order = np.argsort(clips, kind="stable")
    ordered = clips[order]
    for first, data, starts in prints.batches(_AT_ONCE):
        begin, end = np.searchsorted(ordered, [first, first + len(starts) - 1])
        if begin == end:
            continue
        here = order[begin:end]
        made[here] = pictures_of(data, starts, clips[here] - first, pictures[here])
    return made


def _turned(waves: np.ndarray, crop: np.ndarray, is_mirrored: np.ndarray) -> np.ndarray:
    """Crop and mirror each picture in its own way."""
    made = np.empty((len(waves), NUM_WAVES), np.float32)
    for number in np.unique(crop):
        here = crop == number
        made[here] = waves[here].astype(np.float32) @ crop_map(CROPS[number])
    return np.where(is_mirrored[:, None], made * MIRROR_SIGNS, made)
