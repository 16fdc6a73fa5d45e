"""The cheap meters of the analysis: light, change and fingerprints."""

from typing import Any

import numpy as np

from hashtag2action.curate.watch import Meter, Pace, Sight, Span
from hashtag2action.video.walk import Scratch, upright
from hashtag2action.vision.fingerprint import (
    NUM_WAVES,
    SAMPLES_PER_S,
    Fingerprint,
    reduced,
    waves_of_reduced,
)
from hashtag2action.vision.motion import MotionMeter, motion_score, still_fraction
from hashtag2action.vision.quality import clip_quality

_MOST_WAITING = 32  # chosen: one after the other they take half the time of each between decodes


class LightMeter(Meter):
    """Brightness, contrast and black pictures."""

    def __init__(self) -> None:
        self._means: list[float] = []
        self._spreads: list[float] = []

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        self._means.append(sight.mean)
        self._spreads.append(sight.spread)

    def between(self, span: Span) -> dict[str, Any]:
        """Return the light of one scene."""
        means, spreads = np.array(self._means[span.frames]), np.array(self._spreads[span.frames])
        light = clip_quality(means, spreads)
        return {
            "brightness": light.brightness,
            "contrast": light.contrast,
            "black_fraction": light.black_fraction,
        }


class ChangeMeter(Meter):
    """How much changes from one tenth of a second to the next."""

    def __init__(self) -> None:
        self._motion = MotionMeter()

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        self._motion.add(sight.time_s, sight.luma)

    def between(self, span: Span) -> dict[str, Any]:
        """Return the changes within one scene."""
        changes = self._motion.between(span.start_s, span.end_s)
        return {"motion_score": motion_score(changes), "still_fraction": still_fraction(changes)}


class FingerprintMeter(Meter):
    """What copies of a scene are known by.

    Args:
        rotation_deg: Turn that brings a picture upright.
    """

    def __init__(self, rotation_deg: int) -> None:
        self._rotation_deg = rotation_deg
        self._pace = Pace(1 / SAMPLES_PER_S)
        self._scratch = Scratch()
        self._times_s: list[float] = []
        self._waves: list[np.ndarray] = []
        self._waiting: list[np.ndarray] = []

    def add(self, sight: Sight) -> None:
        """Take the next picture."""
        if not self._pace.is_due(sight.time_s, is_abrupt=sight.is_abrupt):
            return
        luma = upright(sight.frame.luma(), self._rotation_deg)
        self._waiting.append(reduced(luma, self._scratch).copy())
        self._times_s.append(sight.time_s)
        if len(self._waiting) == _MOST_WAITING:
            self.finish()

    def finish(self) -> None:
        """Measure the pictures that still wait."""
        self._waves += map(waves_of_reduced, self._waiting)
        self._waiting = []

    def between(self, span: Span) -> dict[str, Any]:
        """Return the fingerprint of one scene."""
        inside = [k for k, time_s in enumerate(self._times_s) if span.holds(time_s)]
        waves = np.array([self._waves[k] for k in inside], np.float32).reshape(-1, NUM_WAVES)
        times_s = np.array([self._times_s[k] for k in inside])
        return {
            "fingerprints": Fingerprint(waves, times_s).to_bytes(),
            "fingerprint_times_s": times_s.tolist(),
        }
