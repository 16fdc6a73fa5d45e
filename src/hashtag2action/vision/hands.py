"""Hands by MediaPipe: palms found in the whole frame, and each then looked at alone.

The palm detector takes paws and folds for palms. The hand net, asked about the picture around a
palm, says whether there is a hand in it; both must be right, so the lesser of their scores counts.

Source: Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking" (2020); the square around
a palm (2.6 times as large, half a palm further toward the fingers, turned until they point up) from
the graph `palm_detection_detection_to_roi` of MediaPipe 0.10 (Apache-2.0).
"""

import cv2
import numpy as np

from hashtag2action.vision.blazepose import PALM_LAYOUT, Finder, Net
from hashtag2action.vision.weights import HAND_LANDMARK, PALM_DETECTION

MIN_PALM = 0.3
"""Palms below this score are not looked at. Chosen: half of what counts, and a little more."""
SIDE_PX = 224
"""Side of the hand net's pictures."""
GROWTH, SHIFT = 2.6, 0.5
_WRIST, _MIDDLE_FINGER = 0, 2  # places among the palm detector's seven points


class HandFinder:
    """Says how sure it is that a frame shows a hand."""

    def __init__(self, num_threads: int) -> None:
        """Load the nets; raises what `Net` raises."""
        self._palms = Finder(PALM_DETECTION, PALM_LAYOUT, num_threads)
        self._hand = Net(HAND_LANDMARK, num_threads)

    def __call__(self, frame: np.ndarray) -> float:
        """Return the score, in [0, 1], of the surest hand in an RGB frame, uint8 (H, W, 3)."""
        palms = self._palms(frame)
        best = 0.0
        for box, points, score in zip(palms.boxes, palms.points, palms.scores, strict=True):
            if score < max(MIN_PALM, best):
                break  # the rest are no surer
            picture = palm_picture(frame, box, points).astype(np.float32)
            picture /= 255
            presence = float(self._hand(picture)[1][0])
            best = max(best, min(float(score), presence))
        return best


def palm_picture(frame: np.ndarray, box: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Cut a hand out of an RGB frame, fingers up: uint8 (SIDE_PX, SIDE_PX, 3), black outside.

    Args:
        frame: uint8 (H, W, 3).
        box: The palm's, x0, y0, x1, y1 in pixels.
        points: The palm's, (7, 2) of x, y in pixels.
    """
    palm_px = float(np.max(box[2:] - box[:2]))
    up = points[_MIDDLE_FINGER] - points[_WRIST]
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    center = (box[:2] + box[2:]) / 2 + up * palm_px * SHIFT
    down = -up * (GROWTH * palm_px / SIDE_PX)
    right = np.array([-up[1], up[0]]) * (GROWTH * palm_px / SIDE_PX)
    to_frame = np.stack([right, down, center - (right + down) * (SIDE_PX / 2)], axis=1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, to_frame, (SIDE_PX, SIDE_PX), flags=flags)
