"""Perceptual hashes of a clip: which clips show the same pictures, also cropped or mirrored.

A picture's hash is the signs of its 64 slowest cosine waves. Signs survive what re-uploads do to a
picture: another size, another encoder, other light. Mirroring a picture turns the signs of the odd
horizontal waves, so the hash of the mirror image is the hash with one fixed mask laid over it.
"""

from dataclasses import dataclass

import cv2
import numpy as np


def _crops() -> list[tuple[float, float, float]]:
    """Return (scale, top, left) of each crop that is hashed, as shares of the picture."""
    crops = [(1.0, 0.0, 0.0)]
    for scale, steps in ((0.96, 1), (0.92, 2), (0.88, 2)):
        places = [(1 - scale) * step / steps for step in range(steps + 1)]
        crops += [(scale, top, left) for top in places for left in places]
    return crops


CROPS = _crops()
"""What is hashed of a picture: all of it, and crops to 96, 92 and 88 % at 4, 9 and 9 places.
Chosen: re-uploads are cropped to 85 % and more, anywhere, and half a step between two crops changes
few signs."""
NUM_CROPS = len(CROPS)
HASH_BITS = 64
SAMPLES_PER_S = 4.0
"""Pictures hashed per second. Chosen: one person at one place, twice, differs in the moments."""
MOVEMENT_STEPS = 2
"""Movement is told over so many samples: half a second."""

_GRID_PX = 64
_NUM_WAVES = 11  # the 64 slowest but the constant one lie in the triangle of 11 x 11
_REDUCED_PX = 64
_LEAST_PX = 32
_LEAST_MOVEMENT = 32 * 3.0  # of waves; chosen: 3 gray levels of change over the picture
_VOID_CONTRAST = 2.5  # gray levels; chosen: five times the noise an encoder leaves
_BAR_STEP = 2
_BAR_LUMA = 40  # gray levels; chosen: black is 16, and an encoder smears a little


def _waves(scale: float, start: float) -> np.ndarray:
    """Return the slow cosine waves over a part of the grid, float32 (waves, grid)."""
    edges = np.arange(_GRID_PX + 1) / _GRID_PX
    # Points that the crop's edge runs through count by the share that lies inside.
    edges = np.clip((edges - start) / scale, 0, 1)
    middles = (edges[1:] + edges[:-1]) / 2
    waves = np.cos(np.arange(_NUM_WAVES)[:, None] * np.pi * middles)
    return (waves * np.diff(edges) * _GRID_PX).astype(np.float32)


def _slowest() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the 64 slowest waves but the constant one, in a fixed order."""
    rows, columns = np.mgrid[:_NUM_WAVES, :_NUM_WAVES]
    order = np.lexsort((columns.ravel(), rows.ravel(), (rows + columns).ravel()))
    chosen = order[1 : HASH_BITS + 1]
    return rows.ravel()[chosen], columns.ravel()[chosen]


_ROW_WAVES = np.concatenate([_waves(scale, top) for scale, top, _ in CROPS])
_COLUMN_WAVES = np.stack([_waves(scale, left) for scale, _, left in CROPS])
_ROWS, _COLUMNS = _slowest()
_WEIGHTS = np.uint64(1) << np.arange(HASH_BITS, dtype=np.uint64)
MIRROR_MASK = np.uint64(int(_WEIGHTS[_COLUMNS % 2 == 1].sum()))
"""Laid over a hash (exclusive or), it gives the hash of the mirror image."""


@dataclass(frozen=True)
class Waves:
    """The slow cosine waves of one picture, at each of `CROPS`."""

    values: np.ndarray
    """float32 (NUM_CROPS, 64)."""
    is_flat: bool
    """Whether the picture is too flat to be told from another."""


def waves_of(luma: np.ndarray) -> Waves:
    """Measure one picture, black bars cut off first.

    Args:
        luma: uint8 (H, W), upright.
    """
    inner = _without_bars(_reduced(luma))
    grid = cv2.resize(inner, (_GRID_PX, _GRID_PX), interpolation=cv2.INTER_AREA)
    is_flat = float(cv2.meanStdDev(grid)[1][0, 0]) < _VOID_CONTRAST
    rows = (_ROW_WAVES @ grid.astype(np.float32)).reshape(NUM_CROPS, _NUM_WAVES, _GRID_PX)
    waves = rows @ _COLUMN_WAVES.transpose(0, 2, 1)
    return Waves(waves[:, _ROWS, _COLUMNS], is_flat)


def hash_pair(now: Waves, before: Waves | None) -> np.ndarray:
    """Hash what a picture shows, and how it differs from the one before it.

    Two clips of one place and person look alike at every moment; what moves tells them apart.

    Args:
        now: The picture.
        before: The picture sampled before it.

    Returns:
        uint64 (2, NUM_CROPS): appearance, movement. 0 stands for nothing to tell: a flat picture,
        or one that hardly differs from the one before.
    """
    hashes = np.zeros((2, NUM_CROPS), np.uint64)
    if not now.is_flat:
        hashes[0] = _signs(now.values)
    if before is not None:
        moved = now.values - before.values
        if np.sqrt(np.mean(moved[0] ** 2)) >= _LEAST_MOVEMENT:
            hashes[1] = _signs(moved)
    return hashes


def _signs(values: np.ndarray) -> np.ndarray:
    return (_WEIGHTS * (values > 0)).sum(axis=1, dtype=np.uint64)


def _reduced(luma: np.ndarray) -> np.ndarray:
    """Bring a picture near 90 pixels quickly: rows are left out, columns averaged, then halved."""
    step = max(1, min(luma.shape) // (2 * _REDUCED_PX))
    if step > 1:
        height, width = luma.shape[0] // step, luma.shape[1] // step
        luma = cv2.resize(luma[::step], (width, height), interpolation=cv2.INTER_LINEAR)
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
    """The hashes of one clip."""

    hashes: np.ndarray
    """uint64 (N, 2, NUM_CROPS), in time order: appearance and movement, as of `hash_pair`."""
    times_s: np.ndarray
    """float64 (N,), from the start of the clip."""

    def to_bytes(self) -> bytes:
        """Return the hashes as little-endian bytes, 16 * NUM_CROPS per time."""
        return self.hashes.astype("<u8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes, times_s: np.ndarray) -> "Fingerprint":
        """Read what `to_bytes` wrote."""
        return cls(np.frombuffer(data, "<u8").reshape(-1, 2, NUM_CROPS), times_s)
