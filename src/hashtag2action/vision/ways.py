"""In which ways one clip may lie on another: the crops to begin with, and the likeliest.

These are rough looks, at two pictures a second; `neighbors` looks closely.
"""

from collections.abc import Sequence

import numpy as np

from hashtag2action.vision.agreement import share_disagreeing
from hashtag2action.vision.alignment import LAG, Film, Timing, Way, at_times, seen
from hashtag2action.vision.fingerprint import WHOLE, Crop

_STRIDE = 4  # pictures; half a second
_NUM_TRIED = 2  # likeliest crops; the whole picture is tried besides


def _crops() -> list[Crop]:
    crops = [WHOLE]
    for scale, num in ((0.96, 2), (0.92, 3), (0.88, 4), (0.845, 4)):
        places = [round((1 - scale) * step / (num - 1), 4) for step in range(num)]
        crops += [Crop(scale, scale, top, left) for top in places for left in places]
    return crops


CROPS = _crops()
"""Crops that a search begins with: all of the picture, and 96, 92, 88 and 84.5 % of it at 4, 9, 16
and 16 places. Chosen: re-uploads are cropped to 85 % and more, anywhere, and half a step between
two crops turns few signs; the edges are made finer afterwards."""


def likely_ways(one: Film, other: Film) -> list[Way]:
    """Return how two clips may lie on each other: the likeliest crops, then uncropped.

    Uncropped they are laid both ways: whose pictures are guessed between two is not the same.
    """
    grids = one.grid[::_STRIDE], other.grid[::_STRIDE]
    scored: list[tuple[float, Way]] = []
    for is_swapped in (False, True):
        first, second = reversed(grids) if is_swapped else grids
        target = _directions(seen(second, WHOLE, False))
        for crop in CROPS[is_swapped:]:
            for is_mirrored in (False, True):
                likeness = _directions(seen(first, crop, is_mirrored)) @ target.T
                best = float(np.sort(likeness, axis=None)[-3:].mean())
                scored.append((best, Way(crop, is_mirrored, is_swapped)))
    scored.sort(key=lambda pair: -pair[0])
    uncropped = [
        Way(is_mirrored=is_mirrored, is_swapped=is_swapped)
        for is_swapped in (False, True)
        for is_mirrored in (False, True)
    ]
    return [way for _, way in scored[:_NUM_TRIED]] + uncropped


def may_agree(
    one: np.ndarray,
    one_s: np.ndarray,
    other: np.ndarray,
    other_s: np.ndarray,
    timings: Sequence[Timing],
) -> bool:
    """Say whether three tenths of the picture agree: most chance candidates end here.

    Args:
        one: Compared waves of one clip.
        one_s: Their times.
        other: Those of the other.
        other_s: Their times.
        timings: How they may lie on each other in time; any will do.
    """
    for at in timings:
        wanted = at.speed * one_s[::_STRIDE] + at.offset_s
        is_inside = (wanted >= other_s[0]) & (wanted <= other_s[-1])
        if is_inside.sum() <= LAG:
            continue
        left, right = one[::_STRIDE][is_inside], at_times(other, other_s, wanted[is_inside])
        share = share_disagreeing(left, right)
        if share is not None and share <= 0.7:
            return True
    return False


def _directions(waves: np.ndarray) -> np.ndarray:
    return waves / (np.linalg.norm(waves, axis=1, keepdims=True) + 1e-6)
