"""What is laid over a picture: captions and titles, stickers and logos.

Letters are thin, of one color, far brighter or darker than what is around them, set in lines, and
they stand still while the picture behind them moves on. Stickers have no such style, but where a
camera moves nothing filmed keeps its place: what does was put there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from hashtag2action.vision.order import quantile

_STROKE_PX = 9  # widest stroke; chosen: letters as high as a quarter of the shorter side
_LEAST_CONTRAST = 60  # gray levels, stroke to surroundings; chosen: readable over anything
_GAP_PX = 9  # widest gap between the letters of a line
_LINE_PX = (5, 48)  # least and most height of a line
_LEAST_LENGTH = 1.5  # width of a line by its height; chosen: three letters
_INK = (0.15, 0.75)  # share of a line's box that is stroke; chosen: thin and heavy type
_MOST_INK_SPREAD = 32.0  # gray levels; chosen: letters so small that few pixels are all ink
_EDGE = 24  # gray levels from pixel to pixel; chosen: the outline of a sticker
_STILL = 10  # gray levels; chosen: a codec's noise beside an edge
_MARK_SHARES = (0.0015, 0.25)  # of the picture; chosen: a platform's logo, half a screen of sticker
_MARGIN_PX = 2  # covered around a line of text


@dataclass(frozen=True)
class Strokes:
    """How far thin things stand out of one picture, uint8 (h, w) each."""

    bright: np.ndarray
    dark: np.ndarray


def strokes_of(picture: np.ndarray) -> Strokes:
    """Find the thin things in a picture.

    Args:
        picture: Luma, uint8 (h, w), about 180 pixels on the shorter side.
    """
    kernel = np.ones((_STROKE_PX, _STROKE_PX), np.uint8)
    return Strokes(
        cv2.morphologyEx(picture, cv2.MORPH_TOPHAT, kernel),
        cv2.morphologyEx(picture, cv2.MORPH_BLACKHAT, kernel),
    )


def text_mask(picture: np.ndarray, strokes: Sequence[Strokes]) -> np.ndarray:
    """Cover the lines of text that several pictures show at the same place.

    Args:
        picture: One of the pictures.
        strokes: The strokes of each of them.

    Returns:
        uint8 (h, w), 255 where there is text.
    """
    covered = np.zeros(picture.shape, np.uint8)
    for lasting in (
        _least([one.bright for one in strokes]),
        _least([one.dark for one in strokes]),
    ):
        _cover_lines(picture, lasting, covered)
    return covered


def _cover_lines(picture: np.ndarray, lasting: np.ndarray, covered: np.ndarray) -> None:
    mask = cv2.threshold(lasting, _LEAST_CONTRAST, 255, cv2.THRESH_BINARY)[1]
    _, top, _, height = cv2.boundingRect(mask)
    # Nowhere else: text fills few rows. What is joined and what is covered around it lies within.
    rows = slice(max(0, top - _MARGIN_PX), top + height + _MARGIN_PX)
    picture, lasting, covered, mask = picture[rows], lasting[rows], covered[rows], mask[rows]
    joined = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, _GAP_PX), np.uint8))
    labels, stats = _pieces(joined)
    shapes = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_WIDTH]
    is_line = (shapes[0] >= _LINE_PX[0]) & (shapes[0] <= _LINE_PX[1])
    is_line &= shapes[1] >= _LEAST_LENGTH * shapes[0]
    is_line &= stats[:, cv2.CC_STAT_AREA] >= 0.5 * shapes[0] * shapes[1]
    for label in np.flatnonzero(is_line[1:]) + 1:
        x, y, width, height, _ = stats[label].tolist()
        place = slice(y, y + height), slice(x, x + width)
        ink = (mask[place] > 0) & (labels[place] == label)
        if _is_text(picture[place], lasting[place], ink):
            _cover(covered, x, y, width, height)


def _is_text(picture: np.ndarray, lasting: np.ndarray, ink: np.ndarray) -> bool:
    """Whether the strokes in a box are many, one beside the other, and of one color."""
    height, width = ink.shape
    if not _INK[0] <= ink.mean() <= _INK[1]:
        return False
    changes = np.count_nonzero(ink[:, 1:] != ink[:, :-1], axis=1)
    # A letter about as wide as high is entered and left once at least, in most of its rows.
    if quantile(changes, 0.7) < 1.5 * width / height:
        return False
    strength = lasting[ink]
    core = picture[ink][strength > 0.6 * quantile(strength, 0.95)]
    return bool(core.std() <= _MOST_INK_SPREAD)


def mark_mask(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Cover what keeps its place while the camera moves; nothing where it does not.

    Args:
        pictures: Luma, uint8 (h, w) each, at least two.

    Returns:
        uint8 (h, w), 255 where there is such a thing.
    """
    covered = np.zeros(pictures[0].shape, np.uint8)
    across = _least([cv2.absdiff(one[1:, 1:], one[1:, :-1]) for one in pictures])
    down = _least([cv2.absdiff(one[1:, 1:], one[:-1, 1:]) for one in pictures])
    is_still = np.ones(across.shape, bool)
    for one, other in pairwise(pictures):
        is_still &= cv2.absdiff(one, other)[1:, 1:] <= _STILL
    edges = (((across > _EDGE) | (down > _EDGE)) & is_still).astype(np.uint8)
    # Where half of the picture keeps its look it was not the camera that moved.
    if 2 * np.count_nonzero(is_still) > is_still.size:
        return covered
    joined = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    labels, stats = _pieces(joined)
    low, high = (share * covered.size for share in _MARK_SHARES)
    for label in range(1, len(stats)):
        x, y, width, height, area = stats[label].tolist()
        # Half of an outline at least.
        if not low <= width * height <= high or area < width + height - 2:
            continue
        place = slice(y, y + height), slice(x, x + width)
        inside = (edges[place] > 0) & (labels[place] == label)
        # An edge along the camera's way keeps its place too: a thing has edges both ways.
        ways = [((way[place] > _EDGE) & inside).sum() for way in (across, down)]
        if min(ways) >= 0.25 * inside.sum():
            _cover(covered, x, y, width + 1, height + 1)
    return covered


def _pieces(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the connected pieces of a mask: a label per pixel, and OpenCV's numbers of each."""
    # Narrow labels and this algorithm take a third of the time of OpenCV's default.
    _, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask, 8, cv2.CV_16U, cv2.CCL_SPAGHETTI
    )
    return labels, stats


def _least(arrays: Sequence[np.ndarray]) -> np.ndarray:
    least = arrays[0]
    for other in arrays[1:]:
        least = cv2.min(least, other)
    return least


def _cover(covered: np.ndarray, x: int, y: int, width: int, height: int) -> None:
    top, left = max(0, y - _MARGIN_PX), max(0, x - _MARGIN_PX)
    covered[top : y + height + _MARGIN_PX, left : x + width + _MARGIN_PX] = 255
