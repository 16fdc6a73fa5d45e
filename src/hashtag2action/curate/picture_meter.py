"""The meter of what single pictures and pairs of them show: bars, overlay, motion, sharpness."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from hashtag2action.curate.watch import FIRST_SAMPLE_S, Meter, Pace, Sight, Span
from hashtag2action.video.walk import Scratch, upright
from hashtag2action.vision.borders import WHOLE, Crop, Profiles, find_crop, profiles_of
from hashtag2action.vision.drawn import drawn_score
from hashtag2action.vision.flow import FLOW_SIDE_PX, leftover, split_motion
from hashtag2action.vision.overlay import Strokes, mark_mask, strokes_of, text_mask
from hashtag2action.vision.quality import clipped_fractions, sharpness

MIDDLE_SIDE_PX = 180
"""Shorter side of the pictures looked at; chosen: a caption's strokes are two pixels wide."""
_MOST_SIDE_PX = 720  # of the longer side
_LEAST_SIDE_PX = 48  # of what lies inside the bars; chosen: four fields of the smallest measure
_PAIR_S = 0.1  # chosen: the flow of a fast hand is still found
_FIRST_S = (FIRST_SAMPLE_S, 0.6)  # chosen: two pictures of every scene of a second
_NUM_PICTURES = 3  # chosen: text that stays for two steps was put there
_STEP_S = 0.45  # chosen: somebody who stands still for half a second does so for longer
_PHOTO_LEFTOVER = 0.12  # chosen: persons of real footage leave 0.14 or more, slides 0.13 or less
_MARK_CAMERA = 0.02  # shorter sides a second; chosen: two pixels from picture to picture
_MOST_HELD_BYTES = 2**23  # chosen: ten pictures of 576x1024
_MOST_WAITING = 32  # chosen: tiny pictures keep more of the decoder's memory than their own size
_PHOTO_SUBJECT = 0.15  # shorter sides a second; chosen: what the flow of a slide errs by at most


@dataclass(frozen=True)
class _Look:
    """What one picture showed."""

    time_s: float
    num_pictures: int
    """Pictures of the same scene that it was compared with, itself included."""
    crop: Crop
    overlay: float
    drawn: float
    dark: float
    bright: float
    sharpness: float


@dataclass(frozen=True)
class _Pair:
    """What moved between two pictures of one scene."""

    time_s: float
    """Of the earlier one."""
    end_s: float
    camera: float
    subject: float
    """Both in shorter sides a second."""


@dataclass(frozen=True)
class _Step:
    """Whether two pictures look like one photograph."""

    time_s: float
    end_s: float
    is_photo: bool


@dataclass(frozen=True)
class _Waiting:
    """A picture that waits to be looked at."""

    what: Literal["look", "pair", "step"]
    time_s: float
    picture: np.ndarray
    """Upright luma, `MIDDLE_SIDE_PX` on its shorter side."""
    whole: np.ndarray | None = None
    """The same at full size, a view of the decoder's memory; only for a look."""
    is_first: bool = False
    """Whether it is the first of a scene."""


class PictureMeter(Meter):
    """What sampled pictures show.

    Args:
        rotation_deg: Turn that brings a picture upright.
        samples_per_s: Pictures per second; the first of a scene come faster.
    """

    def __init__(self, rotation_deg: int, samples_per_s: float) -> None:
        self._rotation_deg = rotation_deg
        self._pace = Pace(1 / samples_per_s, _FIRST_S)
        self._scratch = Scratch()
        self._looked_s = 0.0
        self._waits_for_pair = False
        self._waits_for_step = False
        self._is_first = True
        self._waiting: list[_Waiting] = []
        self._held_bytes = 0
        self._pictures: deque[np.ndarray] = deque(maxlen=_NUM_PICTURES)
        self._profiles: deque[Profiles] = deque(maxlen=_NUM_PICTURES)
        self._strokes: deque[Strokes] = deque(maxlen=_NUM_PICTURES)
        self._last_s = 0.0
        self._crop = WHOLE
        self._looks: list[_Look] = []
        self._pairs: list[_Pair] = []
        self._steps: list[_Step] = []

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        if sight.is_abrupt:
            self._is_first = True
            self._waits_for_pair = self._waits_for_step = False
        # Half a millisecond of slack, as in `Pace`.
        since_s = sight.time_s - self._looked_s + 5e-4
        is_pair = self._waits_for_pair and since_s >= _PAIR_S
        is_step = not is_pair and self._waits_for_step and since_s >= _STEP_S
        is_look = self._pace.is_due(sight.time_s, is_abrupt=sight.is_abrupt)
        if not (is_pair or is_step or is_look):
            return
        whole, picture = self._seen(sight)
        if is_pair:
            self._waits_for_pair, self._waits_for_step = False, True
            self._waiting.append(_Waiting("pair", sight.time_s, picture))
        elif is_step:
            self._waits_for_step = False
            self._waiting.append(_Waiting("step", sight.time_s, picture))
        if is_look and min(picture.shape) >= _LEAST_SIDE_PX:
            self._waiting.append(_Waiting("look", sight.time_s, picture, whole, self._is_first))
            self._looked_s, self._is_first = sight.time_s, False
            self._waits_for_pair, self._waits_for_step = True, False
            self._held_bytes += whole.nbytes
            # After a look alone: a step needs to know of the pair before it.
            if self._held_bytes >= _MOST_HELD_BYTES or len(self._waiting) >= _MOST_WAITING:
                self.finish()

    def _seen(self, sight: Sight) -> tuple[np.ndarray, np.ndarray]:
        whole = upright(sight.frame.luma(), self._rotation_deg)
        height, width = whole.shape
        scale = min(MIDDLE_SIDE_PX / min(whole.shape), _MOST_SIDE_PX / max(whole.shape))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        # Between neighbors, not over areas: a tenth of the time, and edges stay edges.
        copy = self._scratch.copy_of(whole)
        return whole, cv2.resize(copy, size, interpolation=cv2.INTER_LINEAR)

    def finish(self) -> None:
        """Look at the pictures that wait: between decodes each would take half as long again."""
        is_step_due = False
        for one in self._waiting:
            if one.what == "pair":
                is_step_due = self._pair(one)
            elif one.what == "look":
                self._look(one)
            elif is_step_due:
                is_photo = leftover(*self._small_pair(one)) <= _PHOTO_LEFTOVER
                self._steps.append(_Step(self._last_s, one.time_s, is_photo))
        self._waiting = []
        self._held_bytes = 0

    def _pair(self, one: _Waiting) -> bool:
        """Measure what moved since the last look; returns whether to look for a photograph."""
        split = split_motion(*self._small_pair(one))
        scale = FLOW_SIDE_PX * (one.time_s - self._last_s)
        subject = split.subject_px / scale
        self._pairs.append(_Pair(self._last_s, one.time_s, split.camera_px / scale, subject))
        # Where somebody moves at once there is no need to wait for it.
        if subject > _PHOTO_SUBJECT:
            self._steps.append(_Step(self._last_s, one.time_s, is_photo=False))
        return subject <= _PHOTO_SUBJECT

    def _small_pair(self, one: _Waiting) -> tuple[np.ndarray, np.ndarray]:
        """Return the last picture looked at and this one, inside the bars, small."""
        return _small(self._crop.cut(self._pictures[-1])), _small(self._crop.cut(one.picture))

    def _look(self, one: _Waiting) -> None:
        assert one.whole is not None, "a look is at a whole picture"
        if one.is_first:
            for recent in (self._pictures, self._profiles, self._strokes):
                recent.clear()
        picture = one.picture
        self._pictures.append(picture)
        self._profiles.append(profiles_of(picture))
        self._strokes.append(strokes_of(picture))
        # One picture does not tell a caption from a fence, nor a bar from a wall.
        if len(self._pictures) > 1:
            crop = find_crop(tuple(self._pictures), tuple(self._profiles))
            self._crop = crop if min(crop.cut(picture).shape) >= _LEAST_SIDE_PX else WHOLE
            self._looks.append(self._look_at(one.time_s, one.whole, picture))
        self._last_s = one.time_s

    def _look_at(self, time_s: float, whole: np.ndarray, picture: np.ndarray) -> _Look:
        inner = self._crop.cut(picture)
        dark, bright = clipped_fractions(inner)
        return _Look(
            time_s=time_s,
            num_pictures=len(self._pictures),
            crop=self._crop,
            overlay=self._overlay(),
            drawn=drawn_score(inner),
            dark=dark,
            bright=bright,
            sharpness=sharpness(self._crop.cut(whole)),
        )

    def _overlay(self) -> float:
        covered = text_mask(self._pictures[-1], self._strokes)
        recent = self._pairs[1 - _NUM_PICTURES :]
        if len(self._pictures) == _NUM_PICTURES and all(
            pair.camera >= _MARK_CAMERA for pair in recent
        ):
            inner = self._crop.cut(covered)
            inner |= mark_mask([self._crop.cut(one) for one in self._pictures])
        return cv2.countNonZero(covered) / covered.size

    def between(self, span: Span) -> dict[str, Any]:
        """Return what the pictures of one scene showed; nothing where none was looked at."""
        looks = [look for look in self._looks if span.holds(look.time_s)]
        pairs = [one for one in self._pairs if span.holds(one.time_s) and span.holds(one.end_s)]
        steps = [one for one in self._steps if span.holds(one.time_s) and span.holds(one.end_s)]
        return {
            **_look_columns(looks),
            "camera_motion": _mean([pair.camera for pair in pairs]),
            "subject_motion": _mean([pair.subject for pair in pairs]),
            "photo_fraction": _mean([step.is_photo for step in steps]),
        }


def _look_columns(looks: Sequence[_Look]) -> dict[str, Any]:
    if not looks:
        return {}
    # What was compared with most pictures is known best.
    most = max(look.num_pictures for look in looks)
    best = [look for look in looks if look.num_pictures == most]

    def middle(value: Callable[[_Look], float], among: Sequence[_Look]) -> float:
        return float(np.median([value(look) for look in among]))

    # Of two in the middle the one with bars: they are seldom imagined.
    crops = sorted((look.crop for look in best), key=lambda crop: crop.inner_fraction)
    left, top, right, bottom = crops[(len(crops) - 1) // 2]
    return {
        "crop_left": left,
        "crop_top": top,
        "crop_right": right,
        "crop_bottom": bottom,
        "overlay_fraction": middle(lambda look: look.overlay, best),
        "drawn_score": middle(lambda look: look.drawn, looks),
        "dark_fraction": middle(lambda look: look.dark, looks),
        "bright_fraction": middle(lambda look: look.bright, looks),
        "sharpness": middle(lambda look: look.sharpness, looks),
    }


def _small(picture: np.ndarray) -> np.ndarray:
    scale = FLOW_SIDE_PX / min(picture.shape)
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
