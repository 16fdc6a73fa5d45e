"""The default detector: a cheap glance at every frame, a closer look where the glance is in doubt.

The glance is YOLOX-nano. It seldom errs when it is sure and sees no animal, and misses persons that
are small, dark or half hidden. The closer look asks YOLOX-nano again at a larger scale, and
MediaPipe's body net about the places where YOLOX saw as little as a hint: the body net sees more,
and takes animals and things for persons, so what it alone sees is nobody. Their answers, and what
YOLOX-nano says of animals, are weighed as independent evidence is: the log odds are added. Where it
sees as little as a hint of an animal, so is a linear form of its own features at its best hint of a
person: they tell more of what stands there than the scores it makes of them.

The weights were fitted by `python -m benchmarks.fit_persons` and rounded. Faces and hands are
looked for only where nobody was found: they are evidence of their own.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from hashtag2action.vision.blazepose import (
    FACE_LAYOUT,
    BlazePoseDetector,
    Finder,
)
from hashtag2action.vision.boxes import shared_parts
from hashtag2action.vision.hands import HandFinder
from hashtag2action.vision.persons import NOBODY, Persons
from hashtag2action.vision.weights import FACE_DETECTION, PERSON_FEATURES, shipped
from hashtag2action.vision.yolox import MIN_SCORE, Things
from hashtag2action.vision.yolox_nano import NUM_FEATURES, NanoNet

GLANCE_PX = 384
"""Longer side at a glance. Chosen: it fits the footage of `benchmarks.fit_persons` no worse than
YOLOX-nano's own 416; 320 is less often enough."""
CLOSE_PX = 512
"""Longer side on a closer look. Chosen: it fits that footage no worse than 576 and 640."""
SURE = 0.3
"""YOLOX-nano's score from which a glance is enough. Source: the project's ONNX demo."""
SUSPECT = MIN_SCORE
"""Score of an animal from which one is suspected, and a glance is not enough. Chosen: of 0.02 to
0.1 the one with the fewest scenes wrong in parts of the footage of `benchmarks.fit_persons` that
were left out. For it a quarter of the sure glances at real persons there are in doubt."""
EVEN = 0.5
"""Score from which it is called a person."""
SAME = 0.5
"""Share of the smaller box inside the other from which two boxes are one person. Chosen."""
LEAST_ODDS = 0.02, 0.1
"""Scores of YOLOX and of MediaPipe below these say no more than these. Chosen: a net that sees
nothing must not outvote one that sees something."""
GLANCE_WEIGHT, GLANCE_BIAS = 0.9, 1.6
"""Turn YOLOX-nano's log odds alone into ours: its 0.15 comes to lie at 0.5."""


@dataclass(frozen=True)
class Weights:
    """What the log odds of each witness weigh on a closer look, as fitted."""

    glance: float
    close: float
    body: float
    """Of the body net, where YOLOX-nano has a hint."""
    animal: float
    bias: float


PLAIN = Weights(glance=0.4, close=0.6, body=0.7, animal=0.0, bias=3.95)
"""Where no animal is suspected, as fitted without features, when one needed a score of 0.1."""
WITH_ANIMAL = Weights(glance=0.38, close=0.07, body=0.41, animal=-0.26, bias=1.7)
"""Where one is, beside the features."""
CAUTION = 0.7
"""Taken off the log odds. Chosen: a mistake weighs twice a miss, for others show the same action,
and a clip without a person teaches none."""


class CascadeDetector:
    """Persons by YOLOX-nano and, in doubt, by the nets of MediaPipe too."""

    def __init__(self, num_threads: int) -> None:
        """Load the nets; raises what `YoloxNet` and `BlazePoseDetector` raise."""
        self._net = NanoNet(num_threads)
        self._bodies = BlazePoseDetector(
            faces_and_hands=False, second_look=False, num_threads=num_threads
        )
        self._faces = Finder(FACE_DETECTION, FACE_LAYOUT, num_threads)
        self._hands = HandFinder(num_threads)
        self._feature_weights = np.load(shipped(PERSON_FEATURES))

    def detect(
        self,
        frames: Sequence[np.ndarray],
        *,
        closely: bool = True,
        parts: bool = True,
        glances: Sequence[Persons] = (),
    ) -> list[Persons]:
        """Find persons in RGB frames, each uint8 (H, W, 3) of any size."""
        found = self._glance(frames, glances)
        if not closely:
            return found
        doubtful = [place for place, persons in enumerate(found) if persons.is_doubtful]
        again = [frames[place] for place in doubtful]
        closer = self._net.look(again, CLOSE_PX)
        for place, things in zip(doubtful, closer, strict=True):
            glance, frame = found[place].notes, frames[place]
            # A body can only add, and only to a hint.
            of_features = float(hint_features(glance, things) @ self._feature_weights)
            persons = weighed(glance, things, NOBODY, of_features)
            if not persons.count(EVEN) and len(persons.scores):
                bodies = self._bodies.detect([frame])[0]
                persons = weighed(glance, things, bodies, of_features)
            if parts and not persons.count(EVEN):
                persons = self._parts(frame, persons)
            found[place] = persons
        return found

    def _glance(self, frames: Sequence[np.ndarray], known: Sequence[Persons]) -> list[Persons]:
        found = dict(enumerate(known))
        due = [k for k in range(len(frames)) if k not in found or found[k].notes is None]
        seen = self._net.look([frames[place] for place in due], GLANCE_PX)
        found |= {place: glanced(things) for place, things in zip(due, seen, strict=True)}
        return [found[place] for place in range(len(frames))]

    def _parts(self, frame: np.ndarray, persons: Persons) -> Persons:
        """Add the surest face and hand of a frame in which nobody was found."""
        face = float(self._faces(frame).scores.max(initial=0))
        return replace(persons, face=face, hand=self._hands(frame))


def glanced(things: Things) -> Persons:
    """Say what a glance says of persons, and whether it is enough."""
    boxes, scores = _no_animals(things)
    best = float(scores.max(initial=0.0))
    is_doubtful = best < SURE or things.animal >= SUSPECT
    return Persons(boxes, _chance(_alone(scores)), is_doubtful=is_doubtful, notes=things)


def _alone(scores: np.ndarray) -> np.ndarray:
    """Return our log odds where YOLOX-nano alone speaks for a person."""
    return GLANCE_WEIGHT * _odds(scores, LEAST_ODDS[0]) + GLANCE_BIAS


def weighed(glance: Things, closer: Things, bodies: Persons, of_features: float) -> Persons:
    """Join three views of one frame; the surest box gets the weight of all evidence.

    Args:
        glance: What YOLOX-nano saw at a glance.
        closer: What it saw on a closer look.
        bodies: What the body net saw.
        of_features: What the hint's features say for a person, in log odds; heard where an animal
            is suspected.
    """
    (far_boxes, far), (near_boxes, near) = _no_animals(glance), _no_animals(closer)
    boxes, alone = np.concatenate([near_boxes, far_boxes]), np.concatenate([near, far])
    said = evidence(glance, closer, bodies)
    is_plain = not suspects_animal(glance, closer)
    weights = PLAIN if is_plain else WITH_ANIMAL
    odds = said @ astuple(weights)[:-1] + weights.bias + (0.0 if is_plain else of_features)
    odds -= CAUTION
    whole = float(_chance(np.array(odds)))
    order = np.argsort(-alone, kind="stable")
    boxes, alone = boxes[order], alone[order]
    keep = [
        k
        for k in range(len(boxes))
        if not np.any(shared_parts(boxes[:k], boxes[k : k + 1]) >= SAME)
    ]
    boxes, alone = boxes[keep], alone[keep]
    scores = np.minimum(_chance(_alone(alone)), whole)
    scores[:1] = whole
    return Persons(boxes, scores.astype(np.float32))


def suspects_animal(glance: Things, closer: Things) -> bool:
    """Whether either look hints at an animal anywhere."""
    return max(glance.animal, closer.animal) >= SUSPECT


def evidence(glance: Things, closer: Things, bodies: Persons) -> np.ndarray:
    """Return the log odds of the witnesses, float64 (4,), in the order of `Weights`."""
    (far_boxes, far), (near_boxes, near) = _no_animals(glance), _no_animals(closer)
    hints = np.concatenate([near_boxes, far_boxes])
    is_hinted = np.any(shared_parts(hints, bodies.boxes) >= SAME, axis=0)
    return np.array(
        [
            _odds(far.max(initial=0), LEAST_ODDS[0]),
            _odds(near.max(initial=0), LEAST_ODDS[0]),
            _odds(bodies.scores[is_hinted].max(initial=0), LEAST_ODDS[1]),
            _odds(max(glance.animal, closer.animal), SUSPECT),
        ]
    )


def hint_features(glance: Things, closer: Things) -> np.ndarray:
    """Return YOLOX-nano's features at its best hint, float32 (128,), the mean of those that hint.

    Zeros where neither does: then there is nobody, whatever is said.
    """
    hints = [
        things.features[np.argmax(things.persons > things.animals)]
        for things in (glance, closer)
        if np.any(things.persons > things.animals)
    ]
    return np.mean(hints, axis=0) if hints else np.zeros(NUM_FEATURES, np.float32)


def _no_animals(things: Things) -> tuple[np.ndarray, np.ndarray]:
    keep = things.persons > things.animals
    return things.boxes[keep], things.persons[keep]


def _odds(scores: np.ndarray | float, least: float) -> np.ndarray:
    clipped = np.clip(scores, least, 1 - least)
    return np.log(clipped / (1 - clipped))


def _chance(odds: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-odds))).astype(np.float32)
