"""Bars around the picture: black, of one color, or a blurred copy of the picture itself.

A bar ends in a line as straight as a ruler that stands still while the picture moves, and nothing
beyond the line is sharp but a caption perhaps. What lies inside the lines is the inner crop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from hashtag2action.vision.order import median

_LEAST_BAR, _MOST_BAR = 0.03, 0.45  # shares of a side; chosen: thinner ones are a codec's edge
_STEP = 4  # gray levels across a line; chosen: above an encoder's noise, below any seen border
_SHARP = 5  # gray levels from pixel to pixel; chosen: a blur wide enough to hide stays below
_MAX_SHARP_SHARE = 0.05  # of a row; chosen: specks of an encoder
_LEAST_SMOOTH = 0.6  # of a bar; chosen: a caption of two lines fits into the rest
_LEAST_LINE = (
    0.4  # of the length of a line that shows a step; chosen: dark pictures meet black bars
)
_LEAST_END = 0.15  # the same within an eighth of the line at either end
_LEAST_SURE_END = 0.6  # the same of a bar that stands alone
_LEAST_INNER = 0.01  # of the pixels next to a blurred bar; chosen: a few outlines
_LEAST_RISE = 4.0  # times the steps elsewhere in the bar; chosen: clouds have steps everywhere
_LEAST_SIDE_PX = 32  # of a picture that is judged, and of what bars leave of it
_LEAST_LIKE = 0.3  # as _LEAST_LINE, right across from a bar; chosen: nothing else steps there
_LEAST_OF_LIKES = 0.6  # the longer of two such lines; chosen: half of a picture's side and more
_LIKE_ROWS = 2  # how far from right across; chosen: a resized picture spreads a line over two rows
_LEAST_PAIR = 0.65  # smaller to larger bar of a pair; chosen: captions move a picture up a little
_ROUNDS = 2  # bars inside bars: a wide film in a square in a blurred frame
_FLAT_SPREAD = 2.5  # gray levels; chosen: an encoder's noise on one color


class Crop(NamedTuple):
    """Shares of the upright picture's sides that bars take, each 0 to 1."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def inner_fraction(self) -> float:
        """Share of the picture that lies inside the bars."""
        return (1 - self.left - self.right) * (1 - self.top - self.bottom)

    def cut(self, picture: np.ndarray) -> np.ndarray:
        """Return the inside of a picture, (h, w, ...); a view."""
        height, width = picture.shape[:2]
        rows = slice(round(self.top * height), height - round(self.bottom * height))
        columns = slice(round(self.left * width), width - round(self.right * width))
        return picture[rows, columns]


WHOLE = Crop(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class _Side:
    """A bar along one side of a picture."""

    share: float
    is_sure: bool
    """Of one color and ending in an unbroken line: believed without its like opposite."""


_NO_BAR = _Side(0.0, is_sure=False)


class _Profile(NamedTuple):
    """What the rows of a picture say, each a share of the row; float64 (h,) or (h - 2,)."""

    sharp: np.ndarray
    """Pixels unlike their neighbor in the row."""
    lines: np.ndarray
    """Pixels unlike the one two rows on: a resized picture spreads a line over two rows."""
    ends: np.ndarray
    """The same, in the eighth at either end that has less: captions end before the picture."""
    off: np.ndarray
    """Pixels that are not of the color of the first rows."""
    last_off: np.ndarray
    """Pixels that are not of the color of the last rows."""


class Profiles(NamedTuple):
    """What one picture says of bars above and below, and left and right."""

    rows: _Profile
    columns: _Profile


def find_crop(pictures: Sequence[np.ndarray], known: Sequence[Profiles] = ()) -> Crop:
    """Find the bars that some pictures of one scene have in common.

    Args:
        pictures: Luma, each uint8 (h, w), upright, about 180 pixels on the shorter side.
        known: What `profiles_of` says of each, if that was asked before.
    """
    crop = WHOLE
    profiles = known or [profiles_of(picture) for picture in pictures]
    for _ in range(_ROUNDS):
        top, bottom = _bars([one.rows for one in profiles])
        left, right = (0.0, 0.0) if top + bottom else _bars([one.columns for one in profiles])
        if not top + bottom + left + right:
            break
        wide, high = 1 - crop.left - crop.right, 1 - crop.top - crop.bottom
        crop = Crop(
            crop.left + left * wide,
            crop.top + top * high,
            crop.right + right * wide,
            crop.bottom + bottom * high,
        )
        # Two pictures are enough to say whether there are bars within the bars.
        inside = [crop.cut(picture) for picture in pictures[-2:]]
        if min(inside[0].shape) < _LEAST_SIDE_PX:
            break
        profiles = [profiles_of(picture) for picture in inside]
    return crop


def profiles_of(picture: np.ndarray) -> Profiles:
    """Look for straight lines and sharp places along both ways of a picture, uint8 (h, w)."""
    return Profiles(_profile(picture), _profile(cv2.transpose(picture)))


def _bars(profiles: Sequence[_Profile]) -> tuple[float, float]:
    """Return the shares of the bars above and below."""
    sharp, lines, ends, off, last_off = np.mean([_stacked(one) for one in profiles], axis=0)
    lines, ends = lines[:-2], ends[:-2]
    before = _side(sharp, lines, ends, off)
    after = _side(sharp[::-1], lines[::-1], ends[::-1], last_off[::-1])
    if like := _like_opposite(sharp, lines, before, after):
        return like
    # A horizon, a shelf or a caption looks like the end of a bar, but has not its like opposite.
    is_pair = min(before.share, after.share) >= _LEAST_PAIR * max(before.share, after.share)
    above = before.share if before.is_sure or is_pair else 0.0
    below = after.share if after.is_sure or is_pair else 0.0
    if not above + below:
        above = below = _likest(sharp, lines)
    return above, below


def _like_opposite(
    sharp: np.ndarray, lines: np.ndarray, before: _Side, after: _Side
) -> tuple[float, float] | None:
    """Return two bars of one size, where one was found and the other side shows its like.

    A dark or smooth picture meets its bar in half a line. Right across from a bar, that is enough.
    """
    if abs(before.share - after.share) * len(sharp) <= 2 * _LIKE_ROWS:
        return None
    turned = sharp[::-1], lines[::-1]
    likes = ((turned, before.share), ((sharp, lines), after.share))
    # A line further in may be the picture's own: nothing steps inside a bar.
    shares = [share for side, share in likes if _strength(*side, share) >= _LEAST_LIKE]
    return (min(shares), min(shares)) if shares else None


def _likest(sharp: np.ndarray, lines: np.ndarray) -> float:
    """Return the share of two bars right across from each other, neither of which stands alone."""
    height = len(sharp)
    longest = _largest_of(lines, 2 + 2 * _LIKE_ROWS)
    first, last = max(3 + _LIKE_ROWS, round(_LEAST_BAR * height)), round(_MOST_BAR * height)
    rows = np.arange(first, last)
    places = rows - 2 - _LIKE_ROWS
    both = np.stack([longest[places], longest[::-1][places]])
    shorter = both.min(axis=0)
    is_likely = (shorter >= _LEAST_LIKE) & (both.max(axis=0) >= _LEAST_OF_LIKES)
    rows, shorter = rows[is_likely], shorter[is_likely]
    # The longest pair first: it is the one, if both its lines end a smooth bar.
    for row in rows[np.argsort(-shorter, kind="stable")].tolist():
        share = row / height
        if _strength(sharp, lines, share) and _strength(sharp[::-1], lines[::-1], share):
            return share
    return 0.0


def _largest_of(values: np.ndarray, window: int) -> np.ndarray:
    """Return the largest of each few neighbors, (n - window + 1,)."""
    num = len(values) - window + 1
    largest = values[:num]
    for first in range(1, window):
        largest = np.maximum(largest, values[first : first + num])
    return largest


def _strength(sharp: np.ndarray, lines: np.ndarray, share: float) -> float:
    """Return how long a line is that ends a smooth bar above of about this share; 0 is no bar."""
    row = round(share * len(sharp))
    if row <= 2 + _LIKE_ROWS:
        return 0.0
    is_smooth = sharp[: row - 2] <= _MAX_SHARP_SHARE
    if np.count_nonzero(is_smooth) / is_smooth.size < _LEAST_SMOOTH:
        return 0.0
    if median(lines[: row - 2 - _LIKE_ROWS]) * _LEAST_RISE > _LEAST_LIKE:
        return 0.0
    return float(lines[row - 2 - _LIKE_ROWS : row + _LIKE_ROWS].max())


def _stacked(profile: _Profile) -> np.ndarray:
    height = len(profile.sharp)
    stacked = np.zeros((5, height))
    for row, values in zip(stacked, profile, strict=True):
        row[: len(values)] = values
    return stacked


def _profile(picture: np.ndarray) -> _Profile:
    end = max(2, picture.shape[1] // 8)
    steps = _above(cv2.absdiff(picture[2:], picture[:-2]), _STEP)
    ends = np.minimum(_row_shares(steps[:, :end]), _row_shares(steps[:, -end:]))
    sharp = _above(cv2.absdiff(picture[:, 1:], picture[:, :-1]), _SHARP)
    return _Profile(
        _row_shares(sharp),
        _row_shares(steps),
        ends,
        _off(picture, picture[:2]),
        _off(picture, picture[-2:]),
    )


def _above(picture: np.ndarray, level: int) -> np.ndarray:
    return cv2.threshold(picture, level, 255, cv2.THRESH_BINARY)[1]


def _off(picture: np.ndarray, edge: np.ndarray) -> np.ndarray:
    level = float(edge.mean())
    low, high = np.array(level - _FLAT_SPREAD), np.array(level + _FLAT_SPREAD)
    return 1 - _row_shares(cv2.inRange(picture, low, high))


def _row_shares(mask: np.ndarray) -> np.ndarray:
    """Return the share of 255 in each row of a mask of 0 and 255."""
    return cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] / (255 * mask.shape[1])


def _side(sharp: np.ndarray, lines: np.ndarray, ends: np.ndarray, off: np.ndarray) -> _Side:
    """Find the bar above; the arguments are as in `_Profile`."""
    height = len(sharp)
    rows = np.arange(max(2, round(_LEAST_BAR * height)), round(_MOST_BAR * height))
    outside = rows - 2
    counts = outside + 1
    is_smooth = sharp <= _MAX_SHARP_SHARE
    is_bar = is_smooth[outside] & (np.cumsum(is_smooth)[outside] >= _LEAST_SMOOTH * counts)
    # The step from the row before to this one shows in two places.
    whole = np.where(ends >= _LEAST_END, lines, 0)
    line = np.maximum(whole[rows - 2], whole[rows - 1])
    is_flat = np.cumsum(off <= _MAX_SHARP_SHARE)[outside] >= _LEAST_SMOOTH * counts
    best = _NO_BAR
    for index in np.argsort(-line, kind="stable"):
        if line[index] <= _LEAST_LINE:
            break
        row = int(rows[index])
        if not is_bar[index]:
            continue
        if row > 2 and line[index] < _LEAST_RISE * median(lines[: row - 2]):
            continue
        if not is_flat[index] and sharp[row + 1 : row + 1 + height // 8].mean() < _LEAST_INNER:
            continue
        is_unbroken = max(ends[row - 2], ends[row - 1]) >= _LEAST_SURE_END
        best = _Side(row / height, bool(is_flat[index] and is_unbroken))
        break
    return best
