"""What the camera does and what moves on its own: optical flow, split in two.

Between two pictures a tenth of a second apart every place of the picture has moved somewhere. A
camera that pans, zooms, turns or shakes moves all of them by one similarity, which is fitted so
that whoever moves in front of it does not count; what is left over is the subject.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from hashtag2action.vision.order import quantile

FLOW_SIDE_PX = 90
"""Shorter side of the pictures compared; chosen: a tenth of a millisecond of flow."""
_CELL_PX = 8  # distance of the places looked at; chosen: 11 across the shorter side of 90 px
_LEAST_TEXTURE = 3.0  # gray levels; chosen: flow on less is a guess from the neighborhood
_INLIER_PX = 0.35  # chosen: the flow's own error on a moving wall is 0.1 to 0.2 px
_ROUNDS = 4
# A camera that zooms or turns is rarer than one that moves: few places do not prove it (chosen).
_PRIOR = np.diag([1e-3, 1e-3, 2.0, 2.0])
_FIELD_PX = 7  # chosen: a hand at arm's length
_EVEN_LEVELS = 8.0  # gray levels; chosen: an even field moves by a codec's noise
_REFINEMENTS = 3
_SURELY_PHOTO, _SURELY_NONE = 0.1, 0.6  # chosen: more fits would change no verdict
_MARGIN_PX = 4  # what comes in at the edges was not there before


@dataclass(frozen=True)
class MotionSplit:
    """Motion between two pictures, in pixels of the pictures given."""

    camera_px: float
    """Mean way of the picture's places that the camera made."""
    subject_px: float
    """Mean way, beyond the camera's, of the tenth of the textured places that moves most."""
    camera: np.ndarray
    """float64 (2, 3), the similarity that takes a place of the first picture to the second."""


@lru_cache(maxsize=64)
def _flow(height: int, width: int) -> cv2.DISOpticalFlow:
    """Return a flow for pictures of one size: asked for another, it would go on as for that one."""
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)


def split_motion(before: np.ndarray, after: np.ndarray) -> MotionSplit:
    """Split the motion between two pictures into the camera's and the rest.

    Args:
        before: Luma, uint8 (h, w), `FLOW_SIDE_PX` on the shorter side.
        after: Luma of the same size, about 0.1 s later.
    """
    height, width = before.shape
    scale = min(height, width)
    field = _flow(height, width).calc(before, after, None)  # pyright: ignore
    grid = slice(_CELL_PX // 2, None, _CELL_PX)
    weights = _texture(after).ravel()
    moved = field[grid, grid].reshape(-1, 2).astype(np.float64)
    design = _design(height, width)
    seen = weights > 0
    both = np.concatenate([seen, seen])
    target = np.concatenate([moved[:, 0], moved[:, 1]])
    tx, ty, zoom, turn = _fit(design[both], target[both], weights[seen], _start(moved[seen]))
    camera = (design @ (tx, ty, zoom, turn)).reshape(2, -1)
    rest = np.hypot(*(moved.T - camera)[:, seen])
    z, t = zoom / scale, turn / scale
    shift = np.array([tx, ty]) - np.array([[z, -t], [t, z]]) @ (width / 2, height / 2)
    matrix = np.array([[1 + z, -t, shift[0]], [t, 1 + z, shift[1]]])
    return MotionSplit(float(np.hypot(*camera).mean()), _mean_of_largest(rest), matrix)


@lru_cache(maxsize=64)
def _design(height: int, width: int) -> np.ndarray:
    """Return how the places move for each of the four numbers of a camera, float64 (2 N, 4).

    First across, place by place, then down.
    """
    scale = min(height, width)
    rows, columns = (np.arange(_CELL_PX // 2, side, _CELL_PX) for side in (height, width))
    x = np.tile((columns - width / 2) / scale, len(rows))
    y = np.repeat((rows - height / 2) / scale, len(columns))
    one, none = np.ones(len(x)), np.zeros(len(x))
    return np.concatenate([np.stack([one, none, x, -y], 1), np.stack([none, one, y, x], 1)])


def _texture(picture: np.ndarray) -> np.ndarray:
    """Weigh each place by how much there is around it to hold on to, float32 (rows, columns)."""
    across = cv2.absdiff(picture[:-1, 1:], picture[:-1, :-1])
    down = cv2.absdiff(picture[1:, :-1], picture[:-1, :-1])
    around = cv2.blur(cv2.max(across, down), (9, 9))
    # A step needs a pixel beyond: the last row and column have what those before them have.
    rows, columns = (
        np.minimum(np.arange(_CELL_PX // 2, side, _CELL_PX), side - 2) for side in picture.shape
    )
    around = around[rows[:, None], columns].astype(np.float32)
    # Past a few levels more contrast makes the flow no surer.
    return np.where(around >= _LEAST_TEXTURE, np.minimum(around, 12.0), 0.0)


def _start(moved: np.ndarray) -> np.ndarray:
    """Say where to begin: with a camera at rest, or one that made what half of the picture did."""
    middle = [quantile(way, 0.5) for way in moved.T] if len(moved) else np.zeros(2)
    near = [np.count_nonzero((np.abs(moved - way) < 1).all(1)) for way in (np.zeros(2), middle)]
    return np.array([*middle, 0.0, 0.0]) if near[1] > near[0] else np.zeros(4)


def _fit(
    design: np.ndarray, target: np.ndarray, weights: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Fit shift, zoom and turn so that as much of the picture as can follows them.

    Args:
        design: float64 (2 N, 4), see `_design`.
        target: float64 (2 N,), pixels, across and then down.
        weights: float (N,).
        start: Shift x, shift y, zoom and turn, in pixels (at one shorter side from the middle).
    """
    num = len(weights)
    fitted = start
    for _ in range(_ROUNDS):
        square = (target - design @ fitted) ** 2
        follow = weights / (1 + (square[:num] + square[num:]) / _INLIER_PX**2) ** 2
        weighted = (design * np.concatenate([follow, follow])[:, None]).T
        fitted = np.linalg.solve(weighted @ design + _PRIOR, weighted @ target)
    return fitted


def _mean_of_largest(values: np.ndarray) -> float:
    """Return the mean of the largest tenth; 0 of none."""
    if not len(values):
        return 0.0
    first = len(values) - max(1, len(values) // 10)
    return float(np.partition(values, first)[first:].mean())


def leftover(before: np.ndarray, after: np.ndarray) -> float:
    """Return how much of the change between two pictures no camera explains.

    One still picture that is panned or zoomed gives next to nothing, however it goes; somebody who
    moves gives much, however small. It is the change that stays when the first picture is moved as
    the camera says, by what there is in the place to change, in the fields where it is largest.

    Args:
        before: Luma, uint8 (h, w), `FLOW_SIDE_PX` on the shorter side.
        after: Luma of the same size, later; half a second is enough for somebody to move.
    """
    height, width = after.shape
    least, camera, moved = np.inf, np.eye(3), before
    for _ in range(_REFINEMENTS):
        # What one fit leaves of a long way is a short way to the next.
        found = split_motion(moved, after).camera
        camera = np.vstack([found, (0, 0, 1)]) @ camera
        moved = cv2.warpAffine(before, camera[:2], (width, height), borderMode=cv2.BORDER_REPLICATE)
        least = min(least, _change_left(moved, after))
        if not _SURELY_PHOTO < least < _SURELY_NONE:
            break
    return least


def _change_left(moved: np.ndarray, after: np.ndarray) -> float:
    inner = slice(_MARGIN_PX, -_MARGIN_PX), slice(_MARGIN_PX, -_MARGIN_PX)
    cross = np.ones((3, 3), np.uint8)
    room = cv2.subtract(cv2.dilate(after, cross), cv2.erode(after, cross))
    changed = _field_means(cv2.absdiff(moved, after)[inner])
    return quantile(changed / (_field_means(room[inner]) + _EVEN_LEVELS), 0.97)


def _field_means(picture: np.ndarray) -> np.ndarray:
    means = cv2.blur(picture.astype(np.float32), (_FIELD_PX, _FIELD_PX))
    return means[_FIELD_PX // 2 :: _FIELD_PX, _FIELD_PX // 2 :: _FIELD_PX]
