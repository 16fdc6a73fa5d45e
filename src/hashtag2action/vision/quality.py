"""Light and contrast of a clip, from the mean and the spread of luma in each frame."""

from dataclasses import dataclass

import numpy as np

_BLACK_LUMA, _BLACK_SPREAD = 32.0, 8.0  # gray levels; chosen: video black is 16, plus a faint logo


@dataclass(frozen=True)
class Quality:
    """How a clip is lit."""

    brightness: float
    """Mean luma, 0 to 255."""
    contrast: float
    """Mean standard deviation of luma within a frame."""
    black_fraction: float
    """Share of frames that are black, 0 to 1."""


def clip_quality(means: np.ndarray, spreads: np.ndarray) -> Quality:
    """Sum up the frames of a clip.

    Args:
        means: float (N,), mean luma of each frame, N at least 1.
        spreads: float (N,), standard deviation of luma of each frame.
    """
    is_black = (means < _BLACK_LUMA) & (spreads < _BLACK_SPREAD)
    return Quality(float(means.mean()), float(spreads.mean()), float(is_black.mean()))
