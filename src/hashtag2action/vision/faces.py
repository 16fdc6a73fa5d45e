"""Where faces are in a clip, and making them unrecognizable.

Faces are looked for several times a second, followed over time, and covered in every picture:
between two finds the box moves along, before the first and after the last it stays a while. What is
covered is averaged to a few cells over the whole face and blurred, so that what is left does not
tell one person from another; it cannot be undone, for what is not written cannot be read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.vision.boxes import overlaps

NUM_CELLS = 5
"""Cells across a covered face. Chosen: eyes are two fifths of a face apart, so that no cell holds
one of them alone."""
_FACE_IN_BODY_BOX = 0.5
"""Share of the pose net's own box, around a head with much air, that holds the face. Measured on 43
faces of single clips: half of them are narrower than 0.44 of it."""
_SURE_BODY = 0.5
"""Score from which the pose net's box counts. Source: MediaPipe, `pose_detection_cpu`."""
_LEAST_OVERLAP = 0.1
"""Least overlap of boxes that follow each other in a track. Chosen: a face may move by most of its
width between two looks."""


@dataclass(frozen=True)
class FoundFaces:
    """Boxes, float32 (n, 4) of x0, y0, x1, y1 in pixels, and scores, float32 (n,)."""

    boxes: np.ndarray
    scores: np.ndarray


FaceFinder = Callable[[np.ndarray], FoundFaces]
"""Looks at an RGB picture, uint8 (H, W, 3)."""
Pictures = Callable[[], Iterator[np.ndarray]]
"""Shows the pictures of a clip from its first; called twice."""


class FaceBlur(Config):
    """How faces are found and covered."""

    min_score: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Score from which a find is followed. Chosen: half of the net's own threshold; a place blurred
    in vain costs less than a face shown."""
    sure_score: Annotated[float, Field(gt=0, lt=1)] = 0.6
    """Score at which one find is enough; weaker ones must be met twice. Source: MediaPipe,
    `face_detection_full_range`."""
    looks_per_s: Annotated[float, Field(gt=0)] = 12.5
    """Pictures per second in which faces are looked for. Chosen: every second one of 25."""
    margin: Annotated[float, Field(ge=1)] = 1.5
    """Growth of a box on each axis before it is covered: the net's boxes end at the brows and the
    chin, and hair and ears tell a person too."""
    hold_s: Annotated[float, Field(ge=0)] = 0.4
    """Time a face stays covered before its first and after its last find, and the longest gap in
    which it counts as the same one, seconds. Chosen: a turn of the head, a hand before the face."""

    def open(self) -> FaceFinder:
        """Load the nets.

        Raises:
            MissingExtraError: ai-edge-litert is not installed.
            WeightsError: A file is not in the cache and cannot be fetched.
        """
        from hashtag2action.vision.blazepose import FACE_LAYOUT, POSE_LAYOUT, Finder
        from hashtag2action.vision.weights import FACE_DETECTION, POSE_DETECTION

        faces = Finder(FACE_DETECTION, FACE_LAYOUT, 1)
        bodies = Finder(POSE_DETECTION, POSE_LAYOUT, 1)

        def find(picture: np.ndarray) -> FoundFaces:
            boxes, scores = [], []
            for tile, corner in _tiles(picture):
                found = faces(tile)
                boxes.append(found.boxes + np.tile(corner, 2))
                scores.append(found.scores)
            heads = bodies(picture)
            is_sure = heads.scores >= _SURE_BODY
            boxes.append(_grown(heads.boxes[is_sure], _FACE_IN_BODY_BOX))
            scores.append(heads.scores[is_sure])
            every = np.concatenate(boxes).astype(np.float32), np.concatenate(scores)
            return FoundFaces(every[0], every[1].astype(np.float32))

        return find


def _tiles(picture: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the picture, and squares along its longer side in which small faces are larger."""
    height, width = picture.shape[:2]
    yield picture, np.zeros(2, np.float32)
    side = min(height, width)
    away = max(height, width) - side
    if away <= side // 4:
        return
    num_tiles = 1 + -(-away // (side // 2))
    for start in np.linspace(0, away, num_tiles).astype(int).tolist():
        top, left = (start, 0) if height > width else (0, start)
        yield picture[top : top + side, left : left + side], np.array([left, top], np.float32)


@dataclass(eq=False)
class _Track:
    """One face over time."""

    frames: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    best: float = 0.0

    def add(self, frame: int, box: np.ndarray, score: float) -> None:
        """Take the face's next place."""
        self.frames.append(frame)
        self.boxes.append(box)
        self.best = max(self.best, score)


def blur_faces(
    pictures: Pictures, frame_rate: float, settings: FaceBlur, find: FaceFinder
) -> Iterator[np.ndarray]:
    """Yield the pictures of a clip with every face covered.

    Args:
        pictures: RGB pictures, uint8 (H, W, 3), all of one size.
        frame_rate: Pictures per second.
        settings: What is looked for, and how it is covered.
        find: What `settings.open` returned.
    """
    step = max(1, round(frame_rate / settings.looks_per_s))
    looks: list[tuple[int, FoundFaces]] = []
    num_frames = 0
    for number, picture in enumerate(pictures()):
        num_frames += 1
        if number % step == 0:
            looks.append((number, find(picture)))
    covers = covered(looks, num_frames, frame_rate, settings)
    for picture, boxes in zip(pictures(), covers, strict=True):
        yield cover(picture, boxes)


def covered(
    looks: Sequence[tuple[int, FoundFaces]],
    num_frames: int,
    frame_rate: float,
    settings: FaceBlur,
) -> list[np.ndarray]:
    """Return what is covered in each picture: boxes (n, 4), grown, followed through the gaps.

    Args:
        looks: Numbers of the pictures looked at, in order, and what was found there.
        num_frames: Pictures of the clip.
        frame_rate: Pictures per second.
        settings: As of `blur_faces`.
    """
    hold = max(1, round(settings.hold_s * frame_rate))
    boxes: list[list[np.ndarray]] = [[] for _ in range(num_frames)]
    for track in _tracks(looks, hold, settings):
        numbers = np.arange(
            max(0, track.frames[0] - hold), min(num_frames, track.frames[-1] + hold + 1)
        )
        places = np.stack(track.boxes)
        # Held at both ends; in between, corners move evenly from find to find.
        moved = np.stack([np.interp(numbers, track.frames, places[:, k]) for k in range(4)], axis=1)
        for number, box in zip(numbers.tolist(), _steadied(moved, settings.margin), strict=True):
            boxes[number].append(box)
    return [np.stack(found) if found else np.zeros((0, 4)) for found in boxes]


def _tracks(looks: Sequence[tuple[int, FoundFaces]], hold: int, settings: FaceBlur) -> list[_Track]:
    going: list[_Track] = []
    done: list[_Track] = []
    for number, found in looks:
        done += [track for track in going if number - track.frames[-1] > 2 * hold]
        going = [track for track in going if number - track.frames[-1] <= 2 * hold]
        free = list(going)
        for place in np.argsort(-found.scores, kind="stable").tolist():
            score, box = float(found.scores[place]), found.boxes[place]
            if score < settings.min_score:
                break
            track = _follows(box, free)
            if track is None:
                track = _Track()
                going.append(track)
            else:
                free.remove(track)
            track.add(number, box, score)
    return [track for track in (*done, *going) if _is_face(track, settings)]


def _follows(box: np.ndarray, tracks: Sequence[_Track]) -> _Track | None:
    """Return the track whose last place a box overlaps most, if it does."""
    if not tracks:
        return None
    shared = overlaps(box, np.stack([track.boxes[-1] for track in tracks]))
    best = int(np.argmax(shared))
    return tracks[best] if shared[best] >= _LEAST_OVERLAP else None


def _is_face(track: _Track, settings: FaceBlur) -> bool:
    return track.best >= settings.sure_score or len(track.frames) >= 2


def _steadied(boxes: np.ndarray, margin: float) -> np.ndarray:
    """Grow boxes (t, 4) of one face, and let none be smaller than those beside it."""
    grown = _grown(boxes, margin)
    padded = np.pad(grown, ((2, 2), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=0)
    return np.concatenate([windows[:, :2].min(axis=2), windows[:, 2:].max(axis=2)], axis=1)


def _grown(boxes: np.ndarray, factor: float) -> np.ndarray:
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]) / 2 * factor
    return np.concatenate([middles - halves, middles + halves], axis=1)


def cover(picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return a picture with everything inside boxes (n, 4) averaged to a few cells and blurred."""
    height, width = picture.shape[:2]
    out = picture.copy()
    for x0, y0, x1, y1 in boxes:
        left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
        right, bottom = min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))
        if right <= left or bottom <= top:
            continue
        # From what is covered already, where faces overlap: a corner is never shown again.
        inside = out[top:bottom, left:right]
        cells = cv2.resize(
            inside,
            (min(NUM_CELLS, right - left), min(NUM_CELLS, bottom - top)),
            interpolation=cv2.INTER_AREA,
        )
        smooth = cv2.resize(cells, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        sigma = max(right - left, bottom - top) / NUM_CELLS / 2
        out[top:bottom, left:right] = cv2.GaussianBlur(smooth, (0, 0), sigma)
    return out
