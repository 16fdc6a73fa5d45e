"""Perceptual hashes of a clip: which clips show the same pictures, also cropped or mirrored.

A picture's hash is the signs of its 64 slowest cosine waves. Signs survive what re-uploads do to a
picture: another size, another encoder, other light. Mirroring a picture turns the signs of the odd
horizontal waves, so the hash of the mirror image is the hash with one fixed mask laid over it.
"""

from dataclasses import dataclass

import cv2
import numpy as np

CROP_SCALES = (1.0, 0.95, 0.9, 0.85)
"""Centered crops that are hashed, as shares of the width and height. Chosen: re-uploads are cropped
to 85 % and more, and half a step between two crops changes few signs."""
SAMPLES_PER_S = 4.0
"""Pictures hashed per second. Chosen: one person at one place, twice, differs in the moments."""
MOVEMENT_STEPS = 2
"""Movement is told over so many samples: half a second."""
NUM_CROPS = len(CROP_SCALES)
HASH_BITS = 64

_GRID_PX = 32
_NUM_WAVES = 11  # the 64 slowest but the constant one lie in the triangle of 11 x 11
_REDUCED_PX = 64
_LEAST_MOVEMENT = 16 * 3.0  # of waves; chosen: 3 gray levels of change over the picture
_VOID_CONTRAST = 2.5  # gray levels; chosen: five times the noise an encoder leaves
_BAR_STEP = 2
_BAR_LUMA = 40  # gray levels; chosen: black is 16, and an encoder smears a little


def _waves() -> np.ndarray:
    places = (np.arange(_GRID_PX) + 0.5) * np.pi / _GRID_PX
    return np.cos(np.arange(_NUM_WAVES)[:, None] * places).astype(np.float32)


def _slowest() -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the 64 slowest waves but the constant one, in a fixed order."""
    rows, columns = np.mgrid[:_NUM_WAVES, :_NUM_WAVES]
    order = np.lexsort((columns.ravel(), rows.ravel(), (rows + columns).ravel()))
    chosen = order[1 : HASH_BITS + 1]
    return rows.ravel()[chosen], columns.ravel()[chosen]


_WAVES = _waves()
_ROWS, _COLUMNS = _slowest()
_WEIGHTS = np.uint64(1) << np.arange(HASH_BITS, dtype=np.uint64)
MIRROR_MASK = np.uint64(int(_WEIGHTS[_COLUMNS % 2 == 1].sum()))
"""Laid over a hash (exclusive or), it gives the hash of the mirror image."""


@dataclass(frozen=True)
class Waves:
    """The slow cosine waves of one picture, at each of `CROP_SCALES`."""

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
    height, width = inner.shape
    values = np.zeros((NUM_CROPS, HASH_BITS), np.float32)
    is_flat = False
    for index, scale in enumerate(CROP_SCALES):
        top, left = round(height * (1 - scale) / 2), round(width * (1 - scale) / 2)
        crop = inner[top : height - top, left : width - left]
        small = cv2.resize(crop, (_GRID_PX, _GRID_PX), interpolation=cv2.INTER_AREA)
        if index == 0:
            is_flat = float(cv2.meanStdDev(small)[1][0, 0]) < _VOID_CONTRAST
        waves = _WAVES @ small.astype(np.float32) @ _WAVES.T
        values[index] = waves[_ROWS, _COLUMNS]
    return Waves(values, is_flat)


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
        if len(inside) * _BAR_STEP < _GRID_PX:
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
