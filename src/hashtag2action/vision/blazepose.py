"""Persons by the nets of MediaPipe: bodies first, then faces and hands on them as further evidence.

The pose detector alone takes many things for a body; so do the face and the palm detector for a
face and a hand. They err on different things. A body's score is therefore the chance that at least
one of the three is right, were they independent: 1 - (1 - body)(1 - face)(1 - hand).

Source: Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking" (2020); sizes, value
ranges and margins from the graphs `pose_detection_cpu`, `pose_landmark_by_roi_cpu`,
`palm_detection_cpu` and `face_detection_full_range` of MediaPipe 0.10 (Apache-2.0).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hashtag2action.errors import MissingExtraError
from hashtag2action.vision.anchors import Found, anchor_centers, decode
from hashtag2action.vision.boxes import clip_to_frame, letterbox
from hashtag2action.vision.persons import Persons
from hashtag2action.vision.weights import (
    FACE_DETECTION,
    PALM_DETECTION,
    POSE_DETECTION,
    POSE_LANDMARK,
    WeightsFile,
    locate,
)

MIN_SCORE = 0.2
"""Weaker answers are no evidence. Source: `pose_detection_cpu`, `min_score_thresh`."""
MARGIN = 1.25
"""Growth of the circle around a body before anything is looked for in it. Source: the pose graph.
The circle's center and radius are the detector's first two key points: hips and full body."""
MIN_PRESENCE = 0.5
"""Presence below which a second look sees no person. Source: the pose graph, `threshold`."""


class Net:
    """A TensorFlow Lite file in one interpreter, fed one picture at a time."""

    def __init__(self, weights: WeightsFile, num_threads: int) -> None:
        """Load a net.

        Raises:
            MissingExtraError: ai-edge-litert is not installed.
            WeightsError: The file is not in the cache and cannot be fetched.
        """
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise MissingExtraError("ai-edge-litert", "persons") from error
        self._net = Interpreter(str(locate(weights)), num_threads=num_threads)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._outputs = [output["index"] for output in self._net.get_output_details()]

    def __call__(self, picture: np.ndarray) -> list[np.ndarray]:
        """Run on float32 (side, side, 3); return the outputs without their batch axis."""
        self._net.set_tensor(self._input, picture[None])
        self._net.invoke()
        return [self._net.get_tensor(output)[0] for output in self._outputs]


@dataclass(frozen=True)
class Layout:
    """How a detector sees a picture: side in pixels, value range, strides, anchors at a point."""

    side: int
    low: float
    high: float
    strides: tuple[int, ...]
    per_stride: int


POSE_LAYOUT = Layout(224, -1.0, 1.0, (8, 16, 32, 32, 32), 2)
PALM_LAYOUT = Layout(192, 0.0, 1.0, (8, 16, 16, 16), 2)
FACE_LAYOUT = Layout(192, -1.0, 1.0, (4,), 1)


class Finder:
    """One of the single-shot detectors: finds bodies, faces or palms in a whole frame."""

    def __init__(self, weights: WeightsFile, layout: Layout, num_threads: int) -> None:
        """Load the net; raises what `Net` raises."""
        self._net = Net(weights, num_threads)
        self._layout = layout
        self._anchors = anchor_centers(layout.side, layout.strides, layout.per_stride)

    def __call__(self, frame: np.ndarray) -> Found:
        """Look at an RGB frame, uint8 (H, W, 3); boxes and points are in pixels of the frame."""
        layout = self._layout
        fitted = letterbox(frame, layout.side)
        step = (layout.high - layout.low) / 255
        # In place: memory for each product takes ten times as long as the product.
        picture = fitted.picture.astype(np.float32)
        picture *= step
        picture += layout.low
        raw, logits = self._net(picture)
        found = decode(raw, logits[:, 0], self._anchors, MIN_SCORE)
        corners = fitted.to_frame(found.boxes.reshape(-1, 2, 2))
        return Found(corners.reshape(-1, 4), fitted.to_frame(found.points), found.scores)


class BlazePoseDetector:
    """Persons by MediaPipe's body, face and hand detectors."""

    def __init__(self, *, faces_and_hands: bool, second_look: bool, num_threads: int) -> None:
        """Load the nets; raises what `Net` raises."""
        self._bodies = Finder(POSE_DETECTION, POSE_LAYOUT, num_threads)
        self._parts: dict[str, Finder] = {}
        if faces_and_hands:
            self._parts["face"] = Finder(FACE_DETECTION, FACE_LAYOUT, num_threads)
            self._parts["hand"] = Finder(PALM_DETECTION, PALM_LAYOUT, num_threads)
        self._presence = Net(POSE_LANDMARK, num_threads) if second_look else None

    def detect(
        self,
        frames: Sequence[np.ndarray],
        *,
        closely: bool = True,
        parts: bool = True,
        glances: Sequence[Persons] = (),
    ) -> list[Persons]:
        """Find persons in RGB frames, each uint8 (H, W, 3) of any size."""
        return [self._detect_one(frame) for frame in frames]

    def _detect_one(self, frame: np.ndarray) -> Persons:
        bodies = self._bodies(frame)
        if self._presence is not None:
            looked = [self._is_there(frame, points) for points in bodies.points]
            keep = np.array(looked, dtype=bool)
            bodies = Found(bodies.boxes[keep], bodies.points[keep], bodies.scores[keep])
        scores = bodies.scores
        surest: dict[str, float] = {}
        for name, finder in self._parts.items():
            parts = finder(frame)
            surest[name] = float(parts.scores.max(initial=0.0))
            scores = 1 - (1 - scores) * (1 - part_scores(bodies, parts))
        order = np.argsort(-scores, kind="stable")
        boxes = clip_to_frame(body_boxes(bodies), *frame.shape[:2])
        return Persons(
            boxes[order],
            np.clip(scores[order], 0, 1).astype(np.float32),
            face=surest.get("face"),
            hand=surest.get("hand"),
        )

    def _is_there(self, frame: np.ndarray, points: np.ndarray) -> bool:
        assert self._presence is not None
        upright = body_picture(frame, points, side=256)
        return float(self._presence(upright.astype(np.float32) / 255)[1][0]) >= MIN_PRESENCE


def radii(bodies: Found) -> np.ndarray:
    """Return the radius in pixels, float32 (n,), of the circle around each body's hips."""
    return np.linalg.norm(bodies.points[:, 1] - bodies.points[:, 0], axis=1)


def body_boxes(bodies: Found) -> np.ndarray:
    """Return boxes (n, 4) around whole bodies; the detector's own are around their faces."""
    hips, radius = bodies.points[:, 0], radii(bodies)[:, None]
    return np.concatenate([hips - radius, hips + radius], axis=1)


def part_scores(bodies: Found, parts: Found) -> np.ndarray:
    """Return, for each body, the score of the best face or hand on it; float32 (n,), else 0."""
    centers = (parts.boxes[:, :2] + parts.boxes[:, 2:]) / 2
    away = np.linalg.norm(bodies.points[:, None, 0] - centers[None], axis=2)
    near = away <= MARGIN * radii(bodies)[:, None]
    return np.where(near, parts.scores[None], 0).max(axis=1, initial=0).astype(np.float32)


def body_picture(frame: np.ndarray, points: np.ndarray, side: int) -> np.ndarray:
    """Cut a body out of an RGB frame and turn it upright: uint8 (side, side, 3), black outside.

    Args:
        frame: uint8 (H, W, 3).
        points: float32 (4, 2), the detector's key points: hips, then the point straight above
            them, at the body's head or beyond, whose distance is the body's radius.
        side: Width and height of the picture in pixels.
    """
    hips, up = points[0], points[1] - points[0]
    down = -up * (2 * MARGIN / side)
    right = np.array([-up[1], up[0]]) * (2 * MARGIN / side)
    corner = hips - (right + down) * (side / 2)
    to_frame = np.stack([right, down, corner], axis=1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(frame, to_frame, (side, side), flags=flags)
