"""Many fingerprints at once, read from the bytes in which they are stored."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from hashtag2action.vision.fingerprint import NUM_WAVES, Fingerprint

_HEADER = 4 * NUM_WAVES


class Prints(Protocol):
    """Many fingerprints."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, index: int, /) -> Fingerprint:
        """Return one."""
        ...

    def batches(self, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield runs of them: the index of the first, their bytes, uint8, and where each begins.

        The beginnings are int64 of one more than their number; the last is the end.
        """
        ...


class ListedPrints(list[Fingerprint]):
    """Fingerprints in a list."""

    def batches(self, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield runs of them as bytes."""
        for first in range(0, len(self), size):
            texts = [one.to_bytes() for one in self[first : first + size]]
            starts = np.cumsum([0, *(len(text) for text in texts)], dtype=np.int64)
            yield first, np.frombuffer(b"".join(texts), np.uint8), starts


def moments(
    data: np.ndarray, starts: np.ndarray, step: int, first: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read every n-th picture of each clip, from a first one on.

    Returns:
        float32 (M, NUM_WAVES), and int64 (M,) twice: whose each is, and which picture of its clip.
    """
    num_pictures = np.maximum(np.diff(starts) - _HEADER, 0) // NUM_WAVES
    num = (num_pictures - first + step - 1) // step
    num = np.where(num_pictures > 0, np.maximum(num, 1), 0)
    owners = np.repeat(np.arange(len(num)), num)
    nth = np.arange(len(owners)) - np.repeat(np.cumsum(num) - num, num)
    picture = np.minimum(nth * step + first, num_pictures[owners] - 1)
    return pictures_of(data, starts, owners, picture), owners, picture


def pictures_of(
    data: np.ndarray, starts: np.ndarray, clips: np.ndarray, pictures: np.ndarray
) -> np.ndarray:
    """Read single pictures of clips, float32 (M, NUM_WAVES)."""
    if not len(clips):
        return np.zeros((0, NUM_WAVES), np.float32)
    whose, nth = np.unique(clips, return_inverse=True)
    heads = sliding_window_view(data, _HEADER)[starts[whose]].view("<f2")
    heads = heads.reshape(len(whose), 2, NUM_WAVES).astype(np.float32)
    at = starts[clips] + _HEADER + pictures.astype(np.int64) * NUM_WAVES
    levels = sliding_window_view(data, NUM_WAVES)[at].view(np.int8)
    waves = levels * heads[nth, 1]
    waves += heads[nth, 0]
    return waves
