"""Dissolves and fades: stretches in which every picture is a mix of two others.

In a window that a dissolve fits into, the pictures lie on the straight line between the window's
ends, one step after the other, and the ends show different things. What moves leaves the line;
light that changes stays on it, but its ends show the same edges. And a mix of two pictures is paler
than both, in contrast and in edges, which neither light nor a camera that pans can do. So there are
two ways to be sure: a straight line between unlike ends, or a dip, which forgives ends that are
alike and scenes in which somebody moves. Windows of many lengths are tried, so that a dissolve of
any usual length fits one of them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

TINY_PX = 16
"""Side of the tiny luma pictures that dissolves are told from."""
# Half the length of each window; chosen: dissolves of 0.2 to 1.4 s, each length within a quarter.
_HALF_WINDOWS_S = (0.12, 0.16, 0.20, 0.26, 0.34, 0.44, 0.56, 0.72)
_SHARES = (0.25, 0.5, 0.75)  # of the window, where pictures are held against the line
_MAX_UNEVENNESS = 0.12  # chosen: 0.12 and 0.15 find the same, 0.15 a few more wrong ones
_MAX_ERROR = 0.42  # chosen: nine in ten true windows of hand-held takes lie below
# Log odds of a dissolve, by how its window looks. Source: logistic regression on windows of the
# rendered worlds 101 and 102, and of dissolves between and within UCF101 takes of the groups from
# 10 on; both outcomes weigh alike in it.
_LOG_ODDS = 73.3
_PER_LOG_CHANGE, _PER_ERROR, _PER_UNEVENNESS, _PER_LIKENESS = 1.5, -22.3, -13.4, -2.0
_PER_CONTRAST_DIP, _PER_EDGE_DIP = -48.7, -23.0
_DIP_SHARES, _DIP_WEIGHTS = (
    (0.35, 0.5, 0.65),
    (0.25, 0.5, 0.25),
)  # of the window; chosen: its middle
_DIP_RANGE = (0.3, 1.5)  # chosen: beyond it a dip is a flash or a flat end
_BLUR_PX = 1.5  # of tiny pictures; chosen: what is left over are edges, not light
_FLAT = 4.0  # squared gray levels; lets the noise of flat pictures correlate with nothing
_BLOCK = 1024  # windows looked at together; chosen: a few megabytes


@dataclass(frozen=True)
class MixMeasures:
    """How much the pictures around some centers look like a mix of their window's two ends."""

    change: np.ndarray
    """Mean absolute difference of the ends, 0 to 255."""
    error: np.ndarray
    """Largest mean distance from the line between the ends, as a share of their change."""
    unevenness: np.ndarray
    """Largest distance of a mixing share from an even ramp, 0 to 1."""
    likeness: np.ndarray
    """Correlation of the ends' edges, -1 to 1; near 0 where an end is flat, as in a fade."""
    contrast_dip: np.ndarray
    """Contrast around the middle, as a share of the mean of the ends'."""
    edge_dip: np.ndarray
    """The same of the edges."""

    @property
    def log_odds(self) -> np.ndarray:
        """Log odds that the window holds a dissolve, float32 (M,)."""
        return (
            _LOG_ODDS
            + _PER_LOG_CHANGE * np.log(np.maximum(self.change, 1))
            + _PER_ERROR * self.error
            + _PER_UNEVENNESS * self.unevenness
            + _PER_LIKENESS * np.maximum(self.likeness, 0)
            + _PER_CONTRAST_DIP * self.contrast_dip
            + _PER_EDGE_DIP * self.edge_dip
        )


@dataclass(frozen=True)
class MixLimits:
    """From when on a window counts as a dissolve."""

    min_change: float
    """Least change between the ends, gray levels."""
    max_doubt: float
    """Largest error plus weighted likeness of what is sure without a dip."""
    likeness_weight: float
    """Weight of the likeness of the ends."""
    min_log_odds: float
    """Least log odds of what is sure by its dip."""


def half_windows(times_s: np.ndarray) -> list[int]:
    """Return the half lengths of the windows in frames, ascending, as far as the video allows."""
    if len(times_s) < 2:
        return []
    step_s = float(np.median(np.diff(times_s)))
    halves = {max(2, round(half_s / step_s)) for half_s in _HALF_WINDOWS_S}
    return sorted(half for half in halves if 2 * half < len(times_s))


def dissolve_scores(
    tiny: np.ndarray, contrasts: np.ndarray, half: int, limits: MixLimits
) -> np.ndarray:
    """Score each frame as the middle of a dissolve as long as the window, or a little shorter.

    Args:
        tiny: uint8 (N, TINY_PX * TINY_PX), luma pictures.
        contrasts: float32 (N,), standard deviation of luma.
        half: Frames from the center of the window to either end.
        limits: What counts as a dissolve.

    Returns:
        float32 (N,): change in gray levels, less what speaks against it; 0 where nothing is found.
    """
    scores = np.zeros(len(tiny), np.float32)
    num = len(tiny) - 2 * half
    max_error = max(limits.max_doubt, _MAX_ERROR)
    for first in range(0, num, _BLOCK):
        span = slice(first, min(first + _BLOCK, num))
        ends = tiny[span], tiny[span.start + 2 * half : span.stop + 2 * half]
        # The cheap questions first: most windows show one scene, whose middle is no mix.
        change = _rows_mean(cv2.absdiff(*ends))
        middle = tiny[span.start + half : span.stop + half]
        away = _rows_mean(cv2.absdiff(middle, cv2.addWeighted(ends[0], 0.5, ends[1], 0.5, 0)))
        # A mix that is uneven by as much as is allowed lies so far from the even one.
        most = (max_error + _MAX_UNEVENNESS) * change + 1
        starts = first + np.flatnonzero((change >= limits.min_change) & (away <= most))
        line = _line(tiny, starts, half)
        is_even = (line.error <= max_error) & (line.unevenness <= _MAX_UNEVENNESS)
        starts, line = starts[is_even], _Line(*(part[is_even] for part in line))
        if not len(starts):
            continue
        # The dear ones, about edges, are left for the few windows in which all else fits.
        mix = mix_measures(tiny, contrasts, starts, half, line)
        doubt = mix.error + limits.likeness_weight * np.maximum(mix.likeness, 0)
        dips = (mix.log_odds >= limits.min_log_odds) & (mix.error <= _MAX_ERROR)
        is_found = ((doubt <= limits.max_doubt) | dips) & (mix.unevenness <= _MAX_UNEVENNESS)
        strength = mix.change * (1 - mix.error) * (1 - 2 * mix.unevenness)
        scores[starts + half] = np.where(is_found, strength, 0)
    return scores


def mix_measures(
    tiny: np.ndarray,
    contrasts: np.ndarray,
    starts: np.ndarray,
    half: int,
    line: "_Line | None" = None,
) -> MixMeasures:
    """Measure windows of 2 * half + 1 frames; each array is float32 (M,).

    Args:
        tiny: uint8 (N, TINY_PX * TINY_PX), luma pictures.
        contrasts: float32 (N,), standard deviation of luma.
        starts: int (M,), the first frame of each window.
        half: Frames from the center to either end.
        line: What is measured of these windows already.
    """
    line = line or _line(tiny, starts, half)
    edges = np.zeros(len(tiny), np.float32)
    for place in _dip_places(half):
        edges[starts + place] = _edge_strength(tiny[starts + place])
    return MixMeasures(
        line.change,
        line.error,
        line.unevenness,
        _likeness(tiny[starts].astype(np.float32), tiny[starts + 2 * half].astype(np.float32)),
        _dip(contrasts, starts, half),
        _dip(edges, starts, half),
    )


class _Line(NamedTuple):
    """The first three of `MixMeasures`."""

    change: np.ndarray
    error: np.ndarray
    unevenness: np.ndarray


def _line(tiny: np.ndarray, starts: np.ndarray, half: int) -> _Line:
    first = tiny[starts].astype(np.float32)
    line = tiny[starts + 2 * half].astype(np.float32) - first
    length = np.einsum("np,np->n", line, line) + 1e-6
    change = _rows_mean(np.abs(line))
    error = np.zeros(len(starts), np.float32)
    unevenness = np.zeros(len(starts), np.float32)
    for share in _SHARES:
        place = round(2 * half * share)
        way = tiny[starts + place].astype(np.float32) - first
        along = np.einsum("np,np->n", way, line) / length
        # Absolute, not squared: somebody who walks through a dissolve is a small part of it.
        way -= along[:, None] * line
        across = _rows_mean(np.abs(way, out=way))
        error = np.maximum(error, across / np.maximum(change, 1e-6))
        unevenness = np.maximum(unevenness, np.abs(along - place / (2 * half)))
    return _Line(change, error, unevenness)


def _dip_places(half: int) -> list[int]:
    """Return where a dip is read, in frames from the first: both ends, and around the middle."""
    return [0, 2 * half, *(round(2 * half * share) for share in _DIP_SHARES)]


def _dip(values: np.ndarray, starts: np.ndarray, half: int) -> np.ndarray:
    first, last, *within = (values[starts + place] for place in _dip_places(half))
    middle = np.average(within, axis=0, weights=_DIP_WEIGHTS)
    return np.clip(middle / np.maximum((first + last) / 2, 1e-3), *_DIP_RANGE)


def _edge_strength(tiny: np.ndarray) -> np.ndarray:
    """Return the mean change from cell to cell of each tiny picture, both ways."""
    pictures = tiny.reshape(-1, TINY_PX, TINY_PX).astype(np.int16)
    ways = (np.abs(np.diff(pictures, axis=axis)).mean((1, 2)) for axis in (1, 2))
    return sum(ways).astype(np.float32)  # pyright: ignore


def _rows_mean(pictures: np.ndarray) -> np.ndarray:
    if not len(pictures):
        return np.zeros(0, np.float32)
    return cv2.reduce(pictures, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)[:, 0]


def _likeness(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    first, last = first @ _EDGES, last @ _EDGES
    flat = _FLAT * first.shape[1]
    squares = np.einsum("np,np->n", first, first) + flat, np.einsum("np,np->n", last, last) + flat
    return np.einsum("np,np->n", first, last) / np.sqrt(squares[0] * squares[1])


def _edges() -> np.ndarray:
    """Return the matrix that takes a tiny picture's blurred self away from it."""
    places = np.arange(TINY_PX)
    fall = np.exp(-0.5 * ((places[:, None] - places) / _BLUR_PX) ** 2)
    blur = fall / fall.sum(1, keepdims=True)
    return (np.eye(TINY_PX**2) - np.kron(blur, blur)).T.astype(np.float32)


_EDGES = _edges()
