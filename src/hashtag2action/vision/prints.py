"""Many fingerprints at once, read from the bytes in which they are stored."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from hashtag2action.vision.fingerprint import NUM_WAVES, Fingerprint


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
) -> tuple[np.ndarray, np.ndarray]:
    """Read every n-th picture of each clip, from a first one on.

    Returns:
        float32 (M, NUM_WAVES), and int64 (M,), whose each is.
    """
    header = 4 * NUM_WAVES
    num_pictures = np.maximum(np.diff(starts) - header, 0) // NUM_WAVES
    num = (num_pictures - first + step - 1) // step
    num = np.where(num_pictures > 0, np.maximum(num, 1), 0)
    owners = np.repeat(np.arange(len(num)), num)
    nth = np.arange(len(owners)) - np.repeat(np.cumsum(num) - num, num)
    picture = np.minimum(nth * step + first, num_pictures[owners] - 1)
    begin = starts[:-1][owners] + header + picture * NUM_WAVES
    levels = data[begin[:, None] + np.arange(NUM_WAVES)].view(np.int8)
    heads = np.zeros((len(num), header), np.uint8)
    has_any = num > 0
    heads[has_any] = data[starts[:-1][has_any, None] + np.arange(header)]
    both = heads.view("<f2").reshape(len(num), 2, NUM_WAVES).astype(np.float32)
    return both[owners, 0] + both[owners, 1] * levels, owners
