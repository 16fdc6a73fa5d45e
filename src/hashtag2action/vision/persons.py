"""Persons in frames: what a detector is, which there are, and what their finds say of a scene."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Protocol

import numpy as np
from pydantic import Field

from hashtag2action.config import Config


@dataclass(frozen=True)
class Persons:
    """What may be persons in one frame, best first.

    `boxes` is float32 (n, 4) of x0, y0, x1, y1 in pixels inside the frame; `scores` is float32
    (n,) in [0, 1]. Weak candidates are included, so that thresholds can be moved later: whoever
    counts persons counts those that reach the detector's `min_score`. `face` and `hand` are the
    scores, in [0, 1], of the surest face and hand anywhere in the frame, on a body or not; 0 from a
    detector that does not look for them.
    """

    boxes: np.ndarray
    scores: np.ndarray
    face: float = 0.0
    hand: float = 0.0

    def count(self, min_score: float) -> int:
        """Return how many candidates reach a score."""
        return int(np.count_nonzero(self.scores >= min_score))


MIN_FACE = 0.6
"""Score from which a face counts. Source: MediaPipe, `face_detection_full_range`."""
MIN_HAND = 0.5
"""Score from which a hand counts. Source: MediaPipe, `palm_detection_cpu`."""

NOBODY = Persons(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class PersonDetector(Protocol):
    """Finds persons. A frame's answer does not depend on the frames beside it."""

    def detect(self, frames: Sequence[np.ndarray]) -> list[Persons]:
        """Look at RGB frames, each uint8 (H, W, 3) of any size; one answer a frame, in order."""
        ...


class BlazePose(Config):
    """The default: body, face and hand nets of MediaPipe, whose agreement makes a person.

    Its files (6 MB) are fetched once; see `hashtag2action.vision.weights`.
    """

    runtime_fields: ClassVar[tuple[str, ...]] = ("num_threads",)

    kind: Literal["blazepose"] = "blazepose"
    min_score: Annotated[float, Field(gt=0, le=1)] = 0.7
    """Score from which a candidate counts as a person. Chosen: two of the three nets that are half
    sure give 0.75 together, as does one that is three quarters sure; 0.65 to 0.75 do alike."""
    faces_and_hands: bool = True
    """Let a face and a hand found on a body raise its score; without them, `min_score` 0.5 fits."""
    second_look: bool = False
    """Drop bodies in which the pose net, asked about that body alone, sees no person. For use with
    `faces_and_hands` off and a low `min_score`: beside them it costs more persons than it saves."""
    num_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of each net. One suits a worker per core."""

    def open(self) -> PersonDetector:
        """Load the nets.

        Raises:
            MissingExtraError: ai-edge-litert is not installed.
            WeightsError: A file is not in the cache and cannot be fetched.
        """
        from hashtag2action.vision.blazepose import BlazePoseDetector

        return BlazePoseDetector(
            faces_and_hands=self.faces_and_hands,
            second_look=self.second_look,
            num_threads=self.num_threads,
        )


class Yolox(Config):
    """A YOLOX network, any size, trained on COCO and exported to ONNX: a file of your own."""

    runtime_fields: ClassVar[tuple[str, ...]] = ("num_threads",)

    kind: Literal["yolox"] = "yolox"
    path: Path
    """The .onnx file. Nothing is fetched."""
    min_score: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Score from which a candidate counts as a person. Source: the project's ONNX demo."""
    num_threads: Annotated[int, Field(ge=1)] = 1
    """Threads of the network. One suits a worker per core."""

    def open(self) -> PersonDetector:
        """Load the network.

        Raises:
            MissingExtraError: onnxruntime is not installed.
            WeightsError: The file is absent or is not a YOLOX export.
        """
        from hashtag2action.vision.yolox import YoloxDetector

        return YoloxDetector(self.path, self.num_threads)


AnyPersonDetector = Annotated[BlazePose | Yolox, Field(discriminator="kind")]


@dataclass(frozen=True)
class PersonEvidence:
    """What sampled frames say about persons in a scene.

    `fraction` is the share of frames with a person, in [0, 1]; `max_persons` the most in one
    frame; `mean_score` the mean over frames of the best candidate's score, in [0, 1];
    `height_fraction` the median over frames with a person of the tallest one's share of the
    frame's height, in [0, 1]; `face_fraction` and `hand_fraction` the shares of frames with a face
    and with a hand, in [0, 1]: hands without a body are an action too (piano, knitting).
    """

    fraction: float
    max_persons: int
    mean_score: float
    height_fraction: float
    face_fraction: float
    hand_fraction: float


NO_EVIDENCE = PersonEvidence(0.0, 0, 0.0, 0.0, 0.0, 0.0)


def person_evidence(
    found: Sequence[Persons], heights: Sequence[int], min_score: float
) -> PersonEvidence:
    """Sum up what a detector found in the sampled frames of one scene; no frames, no evidence.

    Args:
        found: One entry a frame.
        heights: Height of each frame in pixels.
        min_score: Score from which a candidate counts as a person, the detector's `min_score`.
    """
    if not found:
        return NO_EVIDENCE
    counts = [persons.count(min_score) for persons in found]
    tallest = [
        float(np.max((persons.boxes[:, 3] - persons.boxes[:, 1])[persons.scores >= min_score]))
        / height
        for persons, height, count in zip(found, heights, counts, strict=True)
        if count
    ]
    return PersonEvidence(
        fraction=sum(count > 0 for count in counts) / len(counts),
        max_persons=max(counts),
        mean_score=float(np.mean([persons.scores.max(initial=0.0) for persons in found])),
        height_fraction=float(np.median(tallest)) if tallest else 0.0,
        face_fraction=sum(persons.face >= MIN_FACE for persons in found) / len(found),
        hand_fraction=sum(persons.hand >= MIN_HAND for persons in found) / len(found),
    )
