"""The default detector: a cheap glance at every frame, a closer look where the glance is in doubt.

The glance is YOLOX-nano. It seldom errs when it is sure, and misses persons that are small, dark or
half hidden. The closer look asks YOLOX-nano again at a larger scale, and MediaPipe's body net: it
sees more, and takes animals and things for persons. Their answers, and YOLOX-nano's on animals, are
weighed as independent evidence is: the log odds are added.

The weights were fitted by logistic regression, in four folds by source, on 1,247 scenes composed of
real footage (people in plain view, darkened, small on other pictures, half covered; animals, things
and abstract pictures, also darkened), and rounded. Faces and hands added nothing to the other four
and are looked for only where nobody was found: they are evidence of their own.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hashtag2action.vision.blazepose import (
    FACE_LAYOUT,
    BlazePoseDetector,
    Finder,
)
from hashtag2action.vision.boxes import shared_parts
from hashtag2action.vision.hands import HandFinder
from hashtag2action.vision.persons import NOBODY, Persons
from hashtag2action.vision.weights import (
    FACE_DETECTION,
    YOLOX_NANO,
    shipped,
)
from hashtag2action.vision.yolox import Things, YoloxNet

GLANCE_PX = 416
"""Longer side at a glance. Source: YOLOX-nano's input."""
CLOSE_PX = 640
"""Longer side on a closer look. Chosen: half as large again, for small figures."""
SURE = 0.3
"""YOLOX-nano's score from which a glance is enough. Source: the project's ONNX demo."""
EVEN = 0.5
"""Score at which a person is as likely as not."""
SAME = 0.5
"""Share of the smaller box inside the other from which two boxes are one person. Chosen."""
LEAST_ODDS = 0.02, 0.1
"""Scores of YOLOX and of MediaPipe below these say no more than these. Chosen: a net that sees
nothing must not outvote one that sees something."""
GLANCE_WEIGHT, GLANCE_BIAS = 0.9, 1.6
"""Turn YOLOX-nano's log odds alone into ours: its 0.15 comes to lie at 0.5."""
CLOSE_WEIGHTS = 0.85, 0.6, 0.6, 0.65
"""Weights of YOLOX at a glance and closely, of the body net, and against, of an animal."""
CLOSE_BIAS = 2.6
"""Fitted 4.0, less the log odds of 0.8: as likely as not would be too many mistakes."""


class CascadeDetector:
    """Persons by YOLOX-nano and, in doubt, by the nets of MediaPipe too."""

    def __init__(self, num_threads: int) -> None:
        """Load the nets; raises what `YoloxNet` and `BlazePoseDetector` raise."""
        self._net = YoloxNet(shipped(YOLOX_NANO), num_threads, "cpu")
        self._bodies = BlazePoseDetector(
            faces_and_hands=False, second_look=False, num_threads=num_threads
        )
        self._faces = Finder(FACE_DETECTION, FACE_LAYOUT, num_threads)
        self._hands = HandFinder(num_threads)

    def detect(
        self,
        frames: Sequence[np.ndarray],
        *,
        closely: bool = True,
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
            # A body can only add: where there is enough without, nobody looks for one.
            persons = _weighed(glance, things, NOBODY)
            if not persons.count(EVEN):
                persons = _weighed(glance, things, self._bodies.detect([frame])[0])
            found[place] = persons if persons.count(EVEN) else self._parts(frame, persons)
        return found

    def _glance(self, frames: Sequence[np.ndarray], known: Sequence[Persons]) -> list[Persons]:
        found = dict(enumerate(known))
        due = [k for k in range(len(frames)) if k not in found or found[k].notes is None]
        seen = self._net.look([frames[place] for place in due], GLANCE_PX)
        found |= {place: _glanced(things) for place, things in zip(due, seen, strict=True)}
        return [found[place] for place in range(len(frames))]

    def _parts(self, frame: np.ndarray, persons: Persons) -> Persons:
        """Add the surest face and hand of a frame in which nobody was found."""
        face = float(self._faces(frame).scores.max(initial=0))
        return replace(persons, face=face, hand=self._hands(frame))


def _glanced(things: Things) -> Persons:
    boxes, scores = _no_animals(things)
    best = float(scores.max(initial=0.0))
    return Persons(
        boxes,
        _chance(GLANCE_WEIGHT * _odds(scores, LEAST_ODDS[0]) + GLANCE_BIAS),
        is_doubtful=best < SURE,
        notes=things,
    )


def _weighed(glance: Things, closer: Things, bodies: Persons) -> Persons:
    """Join three views of one frame; the surest box gets the weight of all evidence."""
    (far_boxes, far), (near_boxes, near) = _no_animals(glance), _no_animals(closer)
    animal = max(glance.animal, closer.animal)
    said = (
        _odds(far.max(initial=0), LEAST_ODDS[0]),
        _odds(near.max(initial=0), LEAST_ODDS[0]),
        _odds(bodies.best_score, LEAST_ODDS[1]),
        -_odds(animal, LEAST_ODDS[1]),
    )
    evidence = CLOSE_BIAS + sum(w * odds for w, odds in zip(CLOSE_WEIGHTS, said, strict=True))
    whole = float(_chance(np.array(evidence)))
    boxes = np.concatenate([near_boxes, far_boxes, bodies.boxes])
    alone = np.concatenate([near, far, bodies.scores * LEAST_ODDS[1]])
    order = np.argsort(-alone, kind="stable")
    boxes, alone = boxes[order], alone[order]
    keep = [
        k
        for k in range(len(boxes))
        if not np.any(shared_parts(boxes[:k], boxes[k : k + 1]) >= SAME)
    ]
    boxes, alone = boxes[keep], alone[keep]
    scores = np.minimum(_chance(GLANCE_WEIGHT * _odds(alone, LEAST_ODDS[0]) + GLANCE_BIAS), whole)
    scores[:1] = whole
    return Persons(boxes, scores.astype(np.float32))


def _no_animals(things: Things) -> tuple[np.ndarray, np.ndarray]:
    keep = things.persons > things.animals
    return things.boxes[keep], things.persons[keep]


def _odds(scores: np.ndarray | float, least: float) -> np.ndarray:
    clipped = np.clip(scores, least, 1 - least)
    return np.log(clipped / (1 - clipped))


def _chance(odds: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-odds))).astype(np.float32)
