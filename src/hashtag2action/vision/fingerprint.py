"""What is kept of a clip's pictures to know its copies: their slowest cosine waves, over time.

A picture's waves are what re-uploads leave alone: another size, another encoder, other light. They
are kept as numbers, not as signs, because much follows from them later: the waves of any crop (see
`crop_map`) and of the mirror image, a picture between two others, and how a picture differs from
the one before. So a fingerprint needs no crops of its own, and 10 seconds take 7 kB.
"""

from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from hashtag2action.video.walk import Scratch

SAMPLES_PER_S = 8.0
"""Pictures kept per second. Chosen: people clap twice a second, and what lies between two pictures
is guessed from both."""
NUM_ORDERS = 12
"""Waves per side; kept are those whose two orders sum to less. Chosen: crops to 85 % ask for waves
a sixth finer than those that are compared."""

_GRID_PX = 64
_REDUCED_PX = 64
_LEAST_PX = 32
_BAR_STEP = 2
_BAR_LUMA = 40  # gray levels; chosen: black is 16, and an encoder smears a little


def _orders() -> tuple[np.ndarray, np.ndarray]:
    """Return row and column order of each wave but the constant one, the slowest first."""
    rows, columns = np.mgrid[:NUM_ORDERS, :NUM_ORDERS]
    rows, columns = rows.ravel(), columns.ravel()
    order = np.lexsort((columns, rows, rows + columns))
    order = order[1 : NUM_ORDERS * (NUM_ORDERS + 1) // 2]
    return rows[order], columns[order]


ROW_ORDERS, COLUMN_ORDERS = _orders()
NUM_WAVES = len(ROW_ORDERS)
MIRROR_SIGNS = np.where(COLUMN_ORDERS % 2 == 1, -1, 1).astype(np.float32)
"""Times these, waves become those of the mirror image."""


def cosines(points: np.ndarray) -> np.ndarray:
    """Return one side's waves of mean square 1 at points of 0 to 1: (NUM_ORDERS, len(points))."""
    waves = np.cos(np.arange(NUM_ORDERS)[:, None] * np.pi * points)
    waves[1:] *= np.sqrt(2)
    return waves


_GRID_WAVES = (cosines((np.arange(_GRID_PX) + 0.5) / _GRID_PX) / _GRID_PX).astype(np.float32)


def waves_of(luma: np.ndarray) -> np.ndarray:
    """Measure one picture, black bars cut off first.

    Args:
        luma: uint8 (H, W), upright.

    Returns:
        float32 (NUM_WAVES,), gray levels; the sum of squares is the variance of what they show.
    """
    return waves_of_reduced(reduced(luma))


def waves_of_reduced(luma: np.ndarray) -> np.ndarray:
    """Measure what `reduced` made of a picture, as `waves_of` does."""
    inner = _without_bars(luma)
    grid = cv2.resize(inner, (_GRID_PX, _GRID_PX), interpolation=cv2.INTER_AREA)
    waves = _GRID_WAVES @ grid.astype(np.float32) @ _GRID_WAVES.T
    return waves[ROW_ORDERS, COLUMN_ORDERS]


class Crop(NamedTuple):
    """A part of a picture, as shares of its sides."""

    height: float
    width: float
    top: float
    left: float


WHOLE = Crop(1.0, 1.0, 0.0, 0.0)


@cache
def crop_map(crop: Crop) -> np.ndarray:
    """Return what turns the waves of a picture into those of a part of it.

    Returns:
        float32 (NUM_WAVES, NUM_WAVES), for waves laid out along rows: `waves @ crop_map(...)`.
    """
    rows, columns = side_map(crop.height, crop.top), side_map(crop.width, crop.left)
    rows = rows[ROW_ORDERS[:, None], ROW_ORDERS]
    columns = columns[COLUMN_ORDERS[:, None], COLUMN_ORDERS]
    return np.ascontiguousarray((rows * columns).T)


@lru_cache(4096)
def side_map(scale: float, start: float) -> np.ndarray:
    """Return the same for one side: float32 (NUM_ORDERS of the part, NUM_ORDERS of the whole)."""
    points = (np.arange(256) + 0.5) / 256
    both = cosines(points) @ cosines(start + scale * points).T / len(points)
    return both.astype(np.float32)


def reduced(luma: np.ndarray, scratch: Scratch | None = None) -> np.ndarray:
    """Bring a picture near 90 pixels quickly: rows are left out, columns averaged, then halved.

    A small picture is returned as it is.

    Args:
        luma: uint8 (H, W).
        scratch: Where rows of a picture that is in no cache are copied first.
    """
    step = max(1, min(luma.shape) // (2 * _REDUCED_PX))
    if step > 1:
        height, width = luma.shape[0] // step, luma.shape[1] // step
        rows = scratch.copy_of(luma[::step]) if scratch else luma[::step]
        luma = cv2.resize(rows, (width, height), interpolation=cv2.INTER_LINEAR)
    if min(luma.shape) < 2 * _REDUCED_PX:
        return luma
    height, width = luma.shape[0] // 2, luma.shape[1] // 2
    even = luma[: 2 * height, : 2 * width]
    return cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)


def _without_bars(luma: np.ndarray) -> np.ndarray:
    """Cut off black bars; a picture that is all bar stays whole."""
    coarse = luma[::_BAR_STEP, ::_BAR_STEP]
    bounds = []
    for axis in (1, 0):
        inside = np.flatnonzero(coarse.max(axis) >= _BAR_LUMA)
        if len(inside) * _BAR_STEP < _LEAST_PX:
            return luma
        bounds.append(slice(inside[0] * _BAR_STEP, (inside[-1] + 1) * _BAR_STEP))
    return luma[bounds[0], bounds[1]]


@dataclass(frozen=True)
class Fingerprint:
    """The waves of one clip."""

    waves: np.ndarray
    """float32 (N, NUM_WAVES), in time order, as of `waves_of`."""
    times_s: np.ndarray
    """float64 (N,), ascending."""
    _read_from: bytes | None = field(default=None, repr=False, compare=False)

    def to_bytes(self) -> bytes:
        """Return the waves in a byte each, around their mean over time.

        What moves is small against what stands, and would drown in the rounding of the whole. What
        was read from bytes gives the same bytes.
        """
        if self._read_from is not None:
            return self._read_from
        if not len(self.waves):
            return b""
        mean = self.waves.mean(axis=0).astype("<f2")
        apart = self.waves - mean.astype(np.float32)
        step = np.maximum(np.abs(apart).max(axis=0) / 127, 1e-4).astype("<f2")
        levels = np.clip(np.rint(apart / step.astype(np.float32)), -127, 127).astype(np.int8)
        return mean.tobytes() + step.tobytes() + levels.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, times_s: np.ndarray) -> "Fingerprint":
        """Read what `to_bytes` wrote."""
        if not data:
            return cls(np.zeros((0, NUM_WAVES), np.float32), times_s)
        mean, step = np.frombuffer(data, "<f2", 2 * NUM_WAVES).reshape(2, -1).astype(np.float32)
        levels = np.frombuffer(data, np.int8, offset=4 * NUM_WAVES).reshape(-1, NUM_WAVES)
        return cls(mean + step * levels, times_s, data)
