"""Geometry shared by the detectors: fitting pictures into squares, and overlapping boxes."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Letterbox:
    """A frame fitted into a square without changing its proportions, and the way back.

    `picture` is uint8 (side, side, 3); `scale` is square pixels per frame pixel on each axis (x,
    y; they differ by rounding only); `offset` is the frame's top left corner (x, y) in the square.
    """

    picture: np.ndarray
    scale: np.ndarray
    offset: np.ndarray

    def to_frame(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 2) of x, y in pixels of the square to pixels of the frame."""
        return (points - self.offset) / self.scale


def letterbox(frame: np.ndarray, side: int, *, fill: int = 0, centered: bool = True) -> Letterbox:
    """Fit an RGB frame, uint8 (H, W, 3), into a square of `side` pixels, the rest being `fill`."""
    height, width = frame.shape[:2]
    ratio = side / max(height, width)
    inner_width, inner_height = max(1, round(width * ratio)), max(1, round(height * ratio))
    resampling = cv2.INTER_AREA if ratio < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(frame, (inner_width, inner_height), interpolation=resampling)
    left, top = ((side - inner_width) // 2, (side - inner_height) // 2) if centered else (0, 0)
    picture = np.full((side, side, 3), fill, np.uint8)
    picture[top : top + inner_height, left : left + inner_width] = resized
    return Letterbox(
        picture=picture,
        scale=np.array([inner_width / width, inner_height / height], np.float32),
        offset=np.array([left, top], np.float32),
    )


def overlaps(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return intersection over union, float (n,) in [0, 1], of one box (4,) with boxes (n, 4)."""
    return _overlaps(box[None], boxes)[0]


def _overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    inner = _inner(boxes, others)
    union = _areas(boxes)[:, None] + _areas(others)[None] - inner
    return np.where(union > 0, inner / np.maximum(union, 1e-9), 0.0)


def _inner(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the area that two boxes share, (n, m), for all pairs."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    sides = np.maximum(np.minimum(boxes[:, None, 2:], others[None, :, 2:]) - low, 0)
    return sides[..., 0] * sides[..., 1]


def _areas(boxes: np.ndarray) -> np.ndarray:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]


def groups_of_one_thing(
    boxes: np.ndarray, scores: np.ndarray, max_overlap: float
) -> list[np.ndarray]:
    """Group boxes (n, 4) that overlap a better one by more than `max_overlap`.

    Returns:
        Index arrays, best group first, the best box of a group first. The first index of each is
        what plain non-maximum suppression keeps.
    """
    order = np.argsort(-scores, kind="stable")
    same = _overlaps(boxes[order], boxes[order]) > max_overlap
    np.fill_diagonal(same, val=True)
    is_free = np.ones(len(order), bool)
    groups = []
    for place in range(len(order)):
        if is_free[place]:
            group = same[place] & is_free
            groups.append(order[group])
            is_free &= ~group
    return groups


def clip_to_frame(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut boxes (n, 4) of x0, y0, x1, y1 at the border of the picture; float32."""
    limits = np.array([width, height, width, height], np.float32)
    return np.clip(boxes, 0, limits).astype(np.float32)


def shared_parts(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the share of the smaller box inside the other, (n, m) in [0, 1], for all pairs."""
    inner = _inner(boxes, others)
    smaller = np.minimum(_areas(boxes)[:, None], _areas(others)[None])
    return np.where(smaller > 0, inner / np.maximum(smaller, 1e-9), 0.0)
