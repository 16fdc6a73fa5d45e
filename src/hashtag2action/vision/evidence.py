"""What the sampled pictures of one scene say about persons, taken together.

A person stays for longer than one picture: boxes of successive pictures that lie on one another are
one track. A track that was seen twice supports its weak finds; a single weak find makes nobody,
however many pictures beside it are taken to show the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hashtag2action.vision.boxes import shared_parts
from hashtag2action.vision.persons import Persons

MIN_FACE = 0.6
"""Score from which a face counts. Source: MediaPipe, `face_detection_full_range`."""
MIN_HAND = 0.5
"""Score from which a hand counts. Source: MediaPipe, `palm_detection_cpu`."""
MIN_SHARED = 0.3
"""Share of the smaller box inside the other from which boxes of successive pictures are one thing.
Chosen: half a second lets a person move by half their width, and detectors draw boxes loosely."""
WEAK = 0.6
"""Share of the least score that counts from which a find may be carried by its track. Chosen."""
LONE = 0.7
"""Score that a track of a single find must reach, where there are more pictures. Chosen."""
MAX_GAP = 2
"""Pictures in which a track may be unseen. Chosen: one second at two pictures a second."""


@dataclass(frozen=True)
class Look:
    """What a detector found in one picture, whose size is in pixels."""

    time_s: float
    persons: Persons
    width_px: int
    height_px: int


@dataclass
class Track:
    """One person over time: places in the list of looks, boxes in shares of the picture, scores."""

    places: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    seen: list[bool] = field(default_factory=list)
    """Whether each find was seen, not inferred from one beside it."""

    def add(self, place: int, box: np.ndarray, score: float, *, is_seen: bool) -> None:
        """Append the next find."""
        self.places.append(place)
        self.boxes.append(box)
        self.scores.append(score)
        self.seen.append(is_seen)


@dataclass(frozen=True)
class PersonEvidence:
    """What sampled pictures say about persons in a scene.

    `fraction` is the share of pictures with a person, in [0, 1]; `max_persons` the most in one;
    `mean_score` the mean of the best candidates' scores, in [0, 1]; `height_fraction` the median,
    over pictures with a person, of the tallest one's share of the picture's height.
    `face_fraction` and `hand_fraction` are the shares of pictures with a face and with a hand among
    those in which they were looked for, None where there are none. `track_times_s` and
    `track_boxes` follow the person who is seen most: x0, y0, x1, y1 in shares of the picture.
    """

    fraction: float = 0.0
    max_persons: int = 0
    mean_score: float = 0.0
    height_fraction: float = 0.0
    face_fraction: float | None = None
    hand_fraction: float | None = None
    track_times_s: tuple[float, ...] = ()
    track_boxes: tuple[tuple[float, ...], ...] = ()


def person_evidence(looks: Sequence[Look], min_score: float) -> PersonEvidence:
    """Sum up what a detector found in the sampled pictures of one scene, in order of time.

    Args:
        looks: The pictures; none give no evidence.
        min_score: Score from which a candidate counts as a person, the detector's `min_score`.
    """
    if not looks:
        return PersonEvidence()
    least = max(min_score, LONE) if len(looks) > 1 else min_score
    tracks = [
        track
        for track in link(looks, WEAK * min_score)
        if max(track.scores) >= (min_score if sum(track.seen) > 1 else least)
    ]
    counts = np.zeros(len(looks), int)
    heights = np.zeros(len(looks))
    for track in tracks:
        for place, box in _counted(track, min_score):
            counts[place] += 1
            heights[place] = max(heights[place], box[3] - box[1])
    main = max(tracks, key=lambda track: (len(track.places), sum(track.scores)), default=Track())
    return PersonEvidence(
        fraction=float(np.mean(counts > 0)),
        max_persons=int(counts.max()),
        mean_score=float(np.mean([look.persons.best_score for look in looks])),
        height_fraction=float(np.median(heights[counts > 0])) if counts.any() else 0.0,
        face_fraction=_share([look.persons.face for look in looks], MIN_FACE),
        hand_fraction=_share([look.persons.hand for look in looks], MIN_HAND),
        track_times_s=tuple(looks[place].time_s for place in main.places),
        track_boxes=tuple(tuple(float(x) for x in box) for box in main.boxes),
    )


def link(looks: Sequence[Look], min_score: float) -> list[Track]:
    """Join candidates of successive pictures that reach a score into tracks, best pairs first."""
    tracks: list[Track] = []
    for place, look in enumerate(looks):
        size = np.array([look.width_px, look.height_px] * 2, np.float32)
        keep = look.persons.scores >= min_score
        boxes, scores = look.persons.boxes[keep] / size, look.persons.scores[keep]
        is_seen = not look.persons.is_inferred
        open_tracks = [track for track in tracks if place - track.places[-1] <= MAX_GAP + 1]
        last = np.array([track.boxes[-1] for track in open_tracks], np.float32).reshape(-1, 4)
        shared = shared_parts(last, boxes)
        free = set(range(len(scores)))
        while shared.size and shared.max() >= MIN_SHARED:
            one, other = np.unravel_index(int(np.argmax(shared)), shared.shape)
            find = place, boxes[other], float(scores[other])
            open_tracks[one].add(*find, is_seen=is_seen)
            free.discard(int(other))
            shared[one, :] = shared[:, other] = -1
        tracks += [Track([place], [boxes[k]], [float(scores[k])], [is_seen]) for k in sorted(free)]
    return tracks


def _counted(track: Track, min_score: float) -> list[tuple[int, np.ndarray]]:
    """Return the finds of a track that count: those that reach the score; all if two do."""
    strong = np.array(track.scores) >= min_score
    if (strong & track.seen).sum() >= 2:
        strong[:] = True
    finds = zip(track.places, track.boxes, strict=True)
    return [find for find, is_strong in zip(finds, strong, strict=True) if is_strong]


def _share(scores: Sequence[float | None], least: float) -> float | None:
    looked = [score for score in scores if score is not None]
    return sum(score >= least for score in looked) / len(looked) if looked else None
