"""The operations of RandAugment on one picture, uint8 (H, W, 3), each as Pillow defines it.

They are written for arrays because a clip goes through them sixteen pictures at a time. Places of
pixels are those of their centers; what comes from outside of a picture is gray.

Source: the operations of AutoAugment (arXiv 1805.09501) with the definitions of Pillow's ImageOps,
ImageEnhance and affine transform.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

Picture = UInt8[np.ndarray, "h w 3"]

FILL = 128
"""Gray level outside of a picture. Source: RandAugment as VideoMAE V2 uses it."""
_LEVELS = np.arange(256)
# Pillow's weights of the channels in gray, in 65536ths (ITU-R 601).
_GRAY = np.array([19595, 38470, 7471], np.float32) / 65536
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13


def auto_contrast(picture: Picture) -> Picture:
    """Stretch every channel to the whole range of levels."""
    tables = []
    for counts in _histograms(picture):
        used = np.flatnonzero(counts)
        low, high = int(used[0]), int(used[-1])
        if high <= low:
            tables.append(_LEVELS)
            continue
        scale = 255.0 / (high - low)
        # In Pillow's order of operations: what is cut off must be equal, too.
        tables.append(_LEVELS * scale + -low * scale)
    return _look_up(picture, tables)


def equalize(picture: Picture) -> Picture:
    """Give every channel a flat histogram."""
    tables = []
    for counts in _histograms(picture):
        used = counts[counts > 0]
        step = int(used.sum() - used[-1]) // 255 if len(used) > 1 else 0
        if not step:
            tables.append(_LEVELS)
            continue
        before = np.concatenate([[0], np.cumsum(counts)[:-1]])
        tables.append((step // 2 + before) // step)
    return _look_up(picture, tables)


def invert(picture: Picture) -> Picture:
    """Turn black to white."""
    return 255 - picture


def posterize(picture: Picture, num_bits: int) -> Picture:
    """Keep the highest bits of every level; 0 bits leave black."""
    return picture & np.uint8(256 - 2 ** (8 - num_bits))


def solarize(picture: Picture, threshold: int) -> Picture:
    """Invert levels from a threshold on."""
    return _look_up(picture, [np.where(threshold > _LEVELS, _LEVELS, 255 - _LEVELS)])


def solarize_add(picture: Picture, amount: int) -> Picture:
    """Raise levels of the darker half by an amount."""
    return _look_up(picture, [np.where(_LEVELS < 128, _LEVELS + amount, _LEVELS)])


def brightness(picture: Picture, factor: float) -> Picture:
    """Blend with black; 1 changes nothing."""
    return _look_up(picture, [_LEVELS * factor])


def contrast(picture: Picture, factor: float) -> Picture:
    """Blend with the picture's mean gray; 1 changes nothing."""
    mean = int(_gray(picture).mean() + 0.5)
    return _look_up(picture, [mean + (_LEVELS - mean) * factor])


def color(picture: Picture, factor: float) -> Picture:
    """Blend with the gray picture; 1 changes nothing."""
    mixing = factor * np.eye(3, dtype=np.float32) + (1 - factor) * _GRAY
    return cv2.transform(picture, mixing.astype(np.float32))  # pyright: ignore


def sharpness(picture: Picture, factor: float) -> Picture:
    """Blend with a smoothed picture, whose border stays sharp; 1 changes nothing."""
    smooth = picture.copy()
    smooth[1:-1, 1:-1] = cv2.filter2D(picture, -1, _SMOOTH)[1:-1, 1:-1]
    return cv2.addWeighted(picture, factor, smooth, 1 - factor, 0)  # pyright: ignore


def shear_x(picture: Picture, amount: float) -> Picture:
    """Move rows sideways by an amount per row."""
    return _warp(picture, np.array([[1, amount, 0], [0, 1, 0]], np.float64))


def shear_y(picture: Picture, amount: float) -> Picture:
    """Move columns up or down by an amount per column."""
    return _warp(picture, np.array([[1, 0, 0], [amount, 1, 0]], np.float64))


def translate_x(picture: Picture, fraction: float) -> Picture:
    """Move sideways by a fraction of the width."""
    return _warp(picture, np.array([[1, 0, fraction * picture.shape[1]], [0, 1, 0]], np.float64))


def translate_y(picture: Picture, fraction: float) -> Picture:
    """Move up or down by a fraction of the height."""
    return _warp(picture, np.array([[1, 0, 0], [0, 1, fraction * picture.shape[0]]], np.float64))


def rotate(picture: Picture, degrees: float) -> Picture:
    """Turn counterclockwise around the middle."""
    height, width = picture.shape[:2]
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    middle = np.array([width / 2, height / 2])
    return _warp(picture, np.column_stack([turn, middle - turn @ middle]))


def _warp(picture: Picture, source_of: Float[np.ndarray, "2 3"]) -> Picture:
    """Take every pixel from a place of the picture, bicubic."""
    matrix = source_of.copy()
    # Places are of centers, half a pixel from the corner OpenCV counts from.
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    height, width = picture.shape[:2]
    return cv2.warpAffine(  # pyright: ignore
        picture,
        matrix,
        (width, height),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(FILL, FILL, FILL),
    )


def _histograms(picture: Picture) -> list[np.ndarray]:
    counts = (cv2.calcHist([picture], [channel], None, [256], [0, 256]) for channel in range(3))
    return [found.ravel().astype(np.int64) for found in counts]


def _gray(picture: Picture) -> UInt8[np.ndarray, "h w"]:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)  # pyright: ignore


def _look_up(picture: Picture, tables: list[np.ndarray]) -> Picture:
    # Pillow cuts fractions off.
    levels = [table.clip(0, 255).astype(np.uint8) for table in tables]
    if len(levels) == 1:
        return cv2.LUT(picture, levels[0])  # pyright: ignore
    return cv2.LUT(picture, np.stack(levels, axis=1)[:, None])  # pyright: ignore
