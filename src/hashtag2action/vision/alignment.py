"""Laying one clip on another: which part of the picture, at which speed, from which moment on.

Movement finds the moment: what stands still looks the same at any. The part of the picture is then
made finer by its edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hashtag2action.vision.fingerprint import (
    COLUMN_ORDERS,
    NUM_ORDERS,
    ROW_ORDERS,
    SAMPLES_PER_S,
    WHOLE,
    Crop,
    Fingerprint,
    side_map,
)

# Of a crop to 85 % the waves up to this order are told by those that are kept.
_COMPARED_ORDERS = 11
_IS_COMPARED = ROW_ORDERS + COLUMN_ORDERS < _COMPARED_ORDERS
_ROWS, _COLUMNS = ROW_ORDERS[_IS_COMPARED], COLUMN_ORDERS[_IS_COMPARED]
FINENESS = np.sqrt(_ROWS**2 + _COLUMNS**2).astype(np.float32)
"""Length of each compared wave's vector; natural pictures have waves of about one over it."""
ROWS, COLUMNS = _ROWS, _COLUMNS
_MIRROR_SIGNS = np.where(_COLUMNS % 2 == 1, -1, 1).astype(np.float32)

_SPEEDS = (1.0, 0.9, 0.95, 1.05, 1.1)
_OFFSET_STEP_S = 1 / 16
LAG = 2  # samples; chosen: a quarter of a second, half a clap
_LEAST_GAIN = 0.004  # chosen: any speed a little off fits noise a little better
_MIN_SIDE = 0.78
_NOTHING = 1e-6  # of a length
_EDGE_STEPS = (0.03, 0.015, 0.0075)


@dataclass(frozen=True)
class Way:
    """How one clip may lie on another."""

    crop: Crop = WHOLE
    """The part of the first that the second shows."""
    is_mirrored: bool = False
    is_swapped: bool = False
    """The second is the larger one: it is `crop` of the second that the first shows."""


@dataclass(frozen=True)
class Timing:
    """Time in the second clip is `speed * time + offset_s`."""

    speed: float
    offset_s: float
    score: float = 0.0
    """Correlation of the movements, less where little of the shorter clip is compared."""


@dataclass
class Film:
    """A fingerprint made ready for comparison."""

    times_s: np.ndarray
    """From the first picture on."""
    grid: np.ndarray
    """float32 (N, NUM_ORDERS, NUM_ORDERS)."""

    @classmethod
    def of(cls, fingerprint: Fingerprint) -> "Film":
        """Lay the waves out by row and column order."""
        times = np.asarray(fingerprint.times_s, np.float64)
        grid = np.zeros((len(times), NUM_ORDERS, NUM_ORDERS), np.float32)
        grid[:, ROW_ORDERS, COLUMN_ORDERS] = fingerprint.waves
        return cls(times - times[:1], grid)

    def seen(self, crop: Crop = WHOLE, is_mirrored: bool = False) -> np.ndarray:
        """Return the compared waves of a part, float32 (N, waves), each times its fineness."""
        return seen(self.grid, crop, is_mirrored)


def seen(grid: np.ndarray, crop: Crop, is_mirrored: bool) -> np.ndarray:
    """Return the compared waves of a part of pictures, each times its fineness."""
    if crop != WHOLE:
        height, width, top, left = (round(value, 4) for value in crop)
        grid = side_map(height, top) @ grid @ side_map(width, left).T
    waves = grid[:, _ROWS, _COLUMNS] * FINENESS
    return waves * _MIRROR_SIGNS if is_mirrored else waves


def seen_of_waves(waves: np.ndarray) -> np.ndarray:
    """Return the compared waves of fingerprints' pictures, each times its fineness."""
    return waves[:, _IS_COMPARED] * FINENESS


def lagged(values: np.ndarray) -> np.ndarray:
    """Return what changed since a quarter of a second before."""
    return values[LAG:] - values[:-LAG]


def at_times(values: np.ndarray, times_s: np.ndarray, wanted_s: np.ndarray) -> np.ndarray:
    """Guess values between times from the two before and the two after.

    A cubic through them: a straight line loses a fifth of what happens 1.5 times a second.
    """
    last = len(times_s) - 1
    after = np.minimum(np.maximum(np.searchsorted(times_s, wanted_s), 1), last)
    share = (wanted_s - times_s[after - 1]) / (times_s[after] - times_s[after - 1])
    share = share.astype(np.float32)
    square = share * share
    cube = square * share
    weights = np.zeros((len(wanted_s), len(values)), np.float32)
    rows = np.arange(len(wanted_s))
    weights[rows, after - 1] = 1.5 * cube - 2.5 * square + 1
    weights[rows, after] = -1.5 * cube + 2 * square + 0.5 * share
    weights[rows, np.maximum(after - 2, 0)] += -0.5 * cube + square - 0.5 * share
    weights[rows, np.minimum(after + 1, last)] += 0.5 * cube - 0.5 * square
    return weights @ values


def likely_timings(
    one: np.ndarray, one_s: np.ndarray, other: np.ndarray, other_s: np.ndarray, min_shared_s: float
) -> list[Timing]:
    """Return up to three timings: the best of all, the best at equal speed, and from the start.

    Args:
        one: Compared waves of one clip.
        one_s: Their times.
        other: Those of the other.
        other_s: Their times.
        min_shared_s: Least time that both show.
    """
    moved, moved_other = lagged(one), lagged(other)
    moved_s, moved_other_s = one_s[LAG:] - LAG / 16, other_s[LAG:] - LAG / 16
    found = _best_offsets(moved, moved_s, moved_other, moved_other_s, min_shared_s)
    timings = [max(found, key=lambda timing: timing.score), found[0], Timing(1.0, 0.0)]
    return list(dict.fromkeys(timings))


def _best_offsets(
    one: np.ndarray, one_s: np.ndarray, other: np.ndarray, other_s: np.ndarray, min_shared_s: float
) -> list[Timing]:
    """Slide one over the other at each speed; bilinear in their products, computed once."""
    speeds, offsets = [], []
    for speed in _SPEEDS:
        low = (other_s[0] - speed * one_s[-1]) + min_shared_s
        high = (other_s[-1] - speed * one_s[0]) - min_shared_s
        step_s = _OFFSET_STEP_S if speed == 1 else 2 * _OFFSET_STEP_S
        steps = np.arange(np.floor(low / step_s), np.ceil(high / step_s) + 1) * step_s
        speeds.append(np.full(len(steps), speed))
        offsets.append(steps)
    speed_of, offset = np.concatenate(speeds), np.concatenate(offsets)
    wanted = speed_of[:, None] * one_s + offset[:, None]
    inside = ((wanted >= other_s[0]) & (wanted <= other_s[-1])).astype(np.float32)
    # Between which two pictures, and how far from the first to the second.
    place = np.interp(wanted, other_s, np.arange(len(other_s))).astype(np.float32)
    whole = np.floor(place)
    before, share = whole.astype(np.int32), place - whole
    products = one @ other.T
    steps = np.diff(products, axis=1, append=np.float32(0))
    at = before + np.arange(0, products.size, len(other_s), dtype=np.int32)
    product = np.einsum("ij,ij->i", products.take(at) + share * steps.take(at), inside)
    energy, other_energy = (one**2).sum(1), (other**2).sum(1)
    # The energy of what lies between is a square in the share.
    neighbors = np.append((other[1:] * other[:-1]).sum(1), other_energy[-1])
    slope = 2 * (neighbors - other_energy)
    bend = other_energy + np.append(other_energy[1:], other_energy[-1]) - 2 * neighbors
    energies = (bend.take(before) * share + slope.take(before)) * share + other_energy.take(before)
    scale = (inside @ energy) * np.einsum("ij,ij->i", energies, inside)
    num = inside.sum(1)
    shared = np.minimum(num / min(len(one_s), len(other_s)), 1)
    scores = product / np.sqrt(np.maximum(scale, 1e-9)) * np.sqrt(shared)
    scores = np.where(num >= min_shared_s * SAMPLES_PER_S - LAG, scores, -1)
    timings = []
    for speed in _SPEEDS:
        here = np.flatnonzero(speed_of == speed)
        if not len(here):
            timings.append(Timing(speed, 0.0, -1.0))
            continue
        best = here[scores[here].argmax()]
        timings.append(Timing(speed, float(offset[best]), float(scores[best])))
    return timings


def finer_timing(
    one: np.ndarray, one_s: np.ndarray, other: np.ndarray, other_s: np.ndarray, rough: Timing
) -> tuple[Timing, np.ndarray, np.ndarray] | None:
    """Try offsets, then speeds around a timing.

    Returns:
        The best timing and both clips at the moments they share; None where these are too few.
    """
    moved = lagged(one)
    energy = (moved**2).sum(1)
    best: Timing | None = None

    def attempt(speeds: np.ndarray, offsets_s: np.ndarray, least_gain: float = 0.0) -> None:
        nonlocal best
        wanted = speeds[:, None] * one_s + offsets_s[:, None]
        is_inside = _is_inside(wanted, other_s)
        # All at once; what lies outside is guessed at the ends, and does not count.
        within = np.minimum(np.maximum(wanted, other_s[0]), other_s[-1])
        guessed = at_times(other, other_s, within.ravel()).reshape(*wanted.shape, -1)
        changes = guessed[:, LAG:] - guessed[:, :-LAG]
        both = is_inside[:, LAG:] & is_inside[:, :-LAG]
        product = (np.einsum("aij,ij->ai", changes, moved) * both).sum(1)
        energies = (np.einsum("aij,aij->ai", changes, changes) * both).sum(1)
        scale = np.sqrt(energies * (both @ energy))
        scores = np.where(scale > _NOTHING, product / np.maximum(scale, _NOTHING), 0.0)
        for k in np.flatnonzero(is_inside.sum(1) >= SAMPLES_PER_S):
            if best is None or scores[k] > best.score + least_gain:
                best = Timing(float(speeds[k]), float(offsets_s[k]), float(scores[k]))

    around = rough.offset_s + np.array([0, -1, 1, -2, 2]) / 32
    attempt(np.full(len(around), rough.speed), around)
    if best is None:
        return None
    changes = np.array([-0.0125, 0.0125, -0.025, 0.025])
    attempt(best.speed + changes, best.offset_s - changes * float(one_s.mean()), _LEAST_GAIN)
    around = best.offset_s + np.array([-1, 1]) / 64
    attempt(np.full(len(around), best.speed), around)
    wanted = best.speed * one_s + best.offset_s
    is_inside = _is_inside(wanted, other_s)
    return best, one[is_inside], at_times(other, other_s, wanted[is_inside])


def _is_inside(times_s: np.ndarray, other_s: np.ndarray) -> np.ndarray:
    return (times_s >= other_s[0] - 1e-6) & (times_s <= other_s[-1] + 1e-6)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the cosine of the angle of two arrays of equal shape, 0 where one is nothing."""
    one, other = one.ravel(), other.ravel()
    scale = float(np.sqrt(one.dot(one) * other.dot(other)))
    return float(one.dot(other)) / scale if scale > _NOTHING else 0.0


def own_likeness(clip: np.ndarray) -> float:
    """Return how well a clip's movements agree with themselves some moments later, at best."""
    moved = lagged(clip)
    lags = range(3, round(0.6 * len(moved)) + 1)
    return max([0.0, *(correlation(moved[:-lag], moved[lag:]) for lag in lags)])


def coverage(one_s: np.ndarray, other_s: np.ndarray, at: Timing) -> tuple[float, float]:
    """Return the share of either clip that the other shows."""
    slack_s = 0.5 / SAMPLES_PER_S
    mapped = at.speed * one_s + at.offset_s
    shares = [
        float(((these >= those[0] - slack_s) & (these <= those[-1] + slack_s)).mean())
        for these, those in ((mapped, other_s), (other_s, mapped))
    ]
    return shares[0], shares[1]


def finer_crop(film: Film, way: Way, other: np.ndarray, other_s: np.ndarray, at: Timing) -> Crop:
    """Move the edges of a crop to where the mean pictures of the shared time agree best."""
    wanted = at.speed * film.times_s + at.offset_s
    is_inside = (wanted >= other_s[0] - 1e-6) & (wanted <= other_s[-1] + 1e-6)
    if is_inside.sum() < SAMPLES_PER_S:
        return way.crop
    mean = film.grid[is_inside].mean(axis=0, keepdims=True)
    target = at_times(other, other_s, wanted[is_inside]).mean(axis=0)
    crop = way.crop
    edges = [crop.top, crop.top + crop.height, crop.left, crop.left + crop.width]
    best = correlation(seen(mean, crop, way.is_mirrored)[0], target)
    for step in _EDGE_STEPS:
        for _ in range(3):
            before = best
            for moved in _moved(edges, step):
                score = correlation(seen(mean, _crop_of(moved), way.is_mirrored)[0], target)
                if score > best + 1e-5:
                    best, edges = score, moved
            if best == before:
                break
    return _crop_of(edges)


def _moved(edges: list[float], step: float) -> Sequence[list[float]]:
    moved = []
    for index in range(4):
        for change in (-step, step):
            new = [*edges]
            new[index] = min(1.0, max(0.0, new[index] + change))
            if min(new[1] - new[0], new[3] - new[2]) >= _MIN_SIDE:
                moved.append(new)
    return moved


def _crop_of(edges: list[float]) -> Crop:
    top, bottom, left, right = edges
    return Crop(bottom - top, right - left, top, left)
