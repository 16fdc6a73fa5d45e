"""Light, contrast, clipping and sharpness of pictures."""

from dataclasses import dataclass

import cv2
import numpy as np

_BLACK_LUMA, _BLACK_SPREAD = 32.0, 8.0  # gray levels; chosen: video black is 16, plus a faint logo

_DARK_LUMA, _BRIGHT_LUMA = 20, 235  # chosen: video black is 16 and white 235, with a little noise
_SHARPNESS_SIDE_PX = 360  # chosen: what a training crop of 224 to 320 is scaled from
_FIELDS, _PATCH_PX = 3, 72  # chosen: enough of each third to tell a wall from a blur


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


def clipped_fractions(picture: np.ndarray) -> tuple[float, float]:
    """Return the shares of a picture that are as dark and as bright as luma can say, 0 to 1.

    Args:
        picture: Luma, uint8 (h, w).
    """
    dark = cv2.threshold(picture, _DARK_LUMA, 255, cv2.THRESH_BINARY_INV)[1]
    bright = cv2.threshold(picture, _BRIGHT_LUMA - 1, 255, cv2.THRESH_BINARY)[1]
    return cv2.countNonZero(dark) / picture.size, cv2.countNonZero(bright) / picture.size


def sharpness(picture: np.ndarray) -> float:
    """Return the variance of the Laplacian of luma, at about 360 pixels on the shorter side.

    It is the median over the middles of nine fields, so that no caption and no blurred
    background decides alone.
    A picture that was scaled up from few pixels has little, whatever its size.

    Args:
        picture: Luma at full size, uint8 (h, w), without bars.
    """
    height, width = picture.shape
    # Whole factors only: means over whole blocks are cheaper than other resizing.
    factor = max(1, round(min(height, width) / _SHARPNESS_SIDE_PX))
    spreads = []
    for band in np.array_split(picture, _FIELDS):
        for field in np.array_split(band, _FIELDS, axis=1):
            if not field.size:
                continue
            part = _middle(field, _PATCH_PX * factor)
            size = max(1, part.shape[1] // factor), max(1, part.shape[0] // factor)
            part = cv2.resize(part, size, interpolation=cv2.INTER_AREA) if factor > 1 else part
            spreads.append(float(cv2.meanStdDev(cv2.Laplacian(part, cv2.CV_16S))[1][0, 0]))
    return float(np.median(spreads)) ** 2


def _middle(picture: np.ndarray, side_px: int) -> np.ndarray:
    height, width = picture.shape
    top, left = max(0, height - side_px) // 2, max(0, width - side_px) // 2
    return picture[top : top + side_px, left : left + side_px]
