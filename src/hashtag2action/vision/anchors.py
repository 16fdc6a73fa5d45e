"""Reading the output of MediaPipe's single-shot detectors (poses, palms, faces).

Each net looks at a square picture on a few grids and says, for each grid point (an anchor), how
sure it is that a thing lies there, and where the box and the key points are relative to it.

Source: the graphs `pose_detection_cpu`, `palm_detection_cpu` and `face_detection_full_range` of
MediaPipe 0.10 (Apache-2.0): sizes, strides, value ranges, overlap limit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hashtag2action.vision.boxes import groups_of_one_thing

MAX_OVERLAP = 0.3
"""Boxes that overlap by more are one thing. Source: the graphs, `min_suppression_threshold`."""


@dataclass(frozen=True)
class Found:
    """Things found in one square picture, best first.

    `boxes` float32 (n, 4) of x0, y0, x1, y1 and `points` float32 (n, K, 2) of x, y in pixels of
    the square; `scores` float32 (n,) in [0, 1].
    """

    boxes: np.ndarray
    points: np.ndarray
    scores: np.ndarray


def anchor_centers(side: int, strides: Sequence[int], per_stride: int) -> np.ndarray:
    """Return anchor centers, float32 (A, 2) of x, y in pixels, in the order the nets use.

    Args:
        side: Width and height of the net's input in pixels.
        strides: One entry per output layer, in pixels. Layers of one stride share a grid.
        per_stride: Anchors at a grid point for each layer.
    """
    centers = []
    for stride in dict.fromkeys(strides):
        cells = -(-side // stride)
        repeat = per_stride * sum(other == stride for other in strides)
        y, x = np.divmod(np.arange(cells * cells), cells)
        grid = (np.stack([x, y], axis=1) + 0.5) * (side / cells)
        centers.append(np.repeat(grid, repeat, axis=0))
    return np.concatenate(centers).astype(np.float32)


def decode(raw: np.ndarray, logits: np.ndarray, anchors: np.ndarray, min_score: float) -> Found:
    """Turn a net's output for one picture into things found.

    Anchors that speak of one thing are averaged, weighted by their scores; the best score stays.

    Args:
        raw: float32 (A, 4 + 2 K): box center x, y, width, height, then K points of x, y; all in
            pixels, centers and points relative to the anchor.
        logits: float32 (A,).
        anchors: float32 (A, 2) of `anchor_centers`.
        min_score: Anchors below this score, in (0, 1), are dropped.
    """
    # Clipped so that the exponential stays inside float32.
    scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    keep = np.flatnonzero(scores >= min_score)
    scores, raw, anchors = scores[keep], raw[keep], anchors[keep]
    centers, half = raw[:, :2] + anchors, raw[:, 2:4] / 2
    boxes = np.concatenate([centers - half, centers + half], axis=1)
    points = raw[:, 4:].reshape(len(raw), (raw.shape[1] - 4) // 2, 2) + anchors[:, None]
    groups = groups_of_one_thing(boxes, scores, MAX_OVERLAP)
    weights = [scores[group] / scores[group].sum() for group in groups]
    pairs = list(zip(groups, weights, strict=True))
    return Found(
        boxes=_stack([weight @ boxes[group] for group, weight in pairs], (0, 4)),
        points=_stack(
            [np.tensordot(weight, points[group], 1) for group, weight in pairs],
            (0, *points.shape[1:]),
        ),
        scores=_stack([scores[group[0]] for group in groups], (0,)),
    )


def _stack(rows: list[np.ndarray], empty: tuple[int, ...]) -> np.ndarray:
    return np.stack(rows).astype(np.float32) if rows else np.zeros(empty, np.float32)
