"""Stage 3: decode each video once, find its scenes and measure every one of them.

Nothing is judged here but whether a video can be read; thresholds live in `select_clips`. What one
picture is looked at for is decided while it goes by, so memory does not grow with the pictures.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pyarrow as pa
from pydantic import Field

from hashtag2action.curate.stage import Row, Stage, Transform, per_row
from hashtag2action.records import CLIP, REJECT_REASON
from hashtag2action.video.walk import TimedFrame, Walk, upright, walk_video
from hashtag2action.vision.fingerprint import (
    MOVEMENT_STEPS,
    SAMPLES_PER_S,
    Fingerprint,
    Waves,
    hash_pair,
    waves_of,
)
from hashtag2action.vision.motion import MotionMeter, motion_score, still_fraction
from hashtag2action.vision.persons import (
    AnyPersonDetector,
    BlazePose,
    PersonDetector,
    Persons,
    person_evidence,
)
from hashtag2action.vision.quality import clip_quality
from hashtag2action.vision.scenes import (
    SMALL_SIDE_PX,
    SceneDetector,
    SceneSignals,
    Transition,
)

_DETECTOR_BATCH = 16
# After an abrupt change pictures are sampled anew, so that short scenes are seen and copies of a
# scene are sampled at the same moments of it, wherever it stands in its video.
_FIRST_SAMPLE_S = 0.1
_LEAST_PACE_S = 0.3


class AnalyzeVideos(Stage):
    """From videos to measured scenes."""

    name: ClassVar[str] = "analyze_videos"
    row_id: ClassVar[str] = "video_id"
    reads: ClassVar[tuple[str, ...]] = ("video_id", "video_path")
    adds: ClassVar[pa.Schema] = CLIP
    fans_out: ClassVar[bool] = True

    scenes: SceneDetector = SceneDetector()
    """Where scenes begin."""
    persons: AnyPersonDetector | None = BlazePose()
    """Who looks for persons; null leaves the person columns empty."""
    person_samples_per_s: float = Field(default=2.0, gt=0)
    """Pictures per second shown to the person detector; the first of a scene come faster."""
    person_long_side_px: int = Field(default=416, ge=64)
    """Longer side of these pictures; larger ones are scaled down. Source: YOLOX-nano's input."""
    min_decoded_fraction: float = Field(default=0.9, ge=0, le=1)
    """Least share of the promised frames; below it a video counts as truncated. Chosen: edit lists
    may hide a second of frames, broken downloads lack more."""

    def open(self, media: Path) -> Transform:
        """Load the person detector and return the analysis."""
        detector = self.persons.open() if self.persons else None
        cv2.setNumThreads(1)

        def transform(table: pa.Table) -> pa.Table:
            indices: list[int] = []
            clips: list[dict[str, Any]] = []
            reasons: list[str | None] = []
            for index, row in enumerate(table.select(self.reads).to_pylist()):
                made, reason = per_row(lambda row: self._analyze(row, detector), row)
                for clip in made or [{}]:
                    indices.append(index)
                    clips.append(clip)
                    reasons.append(reason)
            result = table.take(pa.array(indices, pa.int64()))
            for column in CLIP:
                values = [clip.get(column.name) for clip in clips]
                result = result.append_column(column, pa.array(values, column.type))
            return result.append_column(REJECT_REASON, pa.array(reasons, pa.string()))

        return transform

    def _analyze(self, row: Row, detector: PersonDetector | None) -> list[dict[str, Any]]:
        with walk_video(Path(row["video_path"])) as walk:
            watch = _Watch(self, detector, walk)
            for frame in walk:
                watch.add(frame)
            watch.finish()
            walk.check_complete(self.min_decoded_fraction)
        return watch.clips(row["video_id"])


class Pace:
    """Says which pictures are due: at even steps, begun anew shortly after an abrupt change."""

    def __init__(self, step_s: float, first_s: tuple[float, ...] = (_FIRST_SAMPLE_S,)) -> None:
        self._step_s = step_s
        self._first_s = first_s
        self._restart_s = float("-inf")
        self._due_s: list[float] = []

    def is_due(self, time_s: float, *, is_abrupt: bool) -> bool:
        """Whether to look at the picture of this time; ask once per picture, in order."""
        if is_abrupt and time_s - self._restart_s >= _LEAST_PACE_S:
            self._restart_s = time_s
            self._due_s = [time_s + wait_s for wait_s in self._first_s]
        # Half a millisecond of slack: 0.1 s is five frames of 50 only up to rounding.
        if time_s < self._due_s[0] - 5e-4:
            return False
        due_s = self._due_s.pop(0)
        if not self._due_s:
            self._due_s.append(max(due_s + self._step_s, time_s + self._step_s / 2))
        return True


@dataclass
class _Look:
    """What the detector found in one picture."""

    time_s: float
    persons: Persons
    height_px: int


@dataclass
class _Watch:
    """Looks at the pictures of one video as they go by, and sums up its scenes in the end."""

    stage: AnalyzeVideos
    detector: PersonDetector | None
    walk: Walk
    times_s: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    signals: SceneSignals = field(default_factory=SceneSignals)
    motion: MotionMeter = field(default_factory=MotionMeter)
    hash_times_s: list[float] = field(default_factory=list)
    hashes: list[np.ndarray] = field(default_factory=list)
    looks: list[_Look] = field(default_factory=list)

    def __post_init__(self) -> None:
        info = self.walk.info
        self._step = max(1, min(info.width_px, info.height_px) // SMALL_SIDE_PX)
        self._hash_pace = Pace(1 / SAMPLES_PER_S)
        self._waves: list[Waves] = []
        step_s = 1 / self.stage.person_samples_per_s
        first_s = (_FIRST_SAMPLE_S, _FIRST_SAMPLE_S + step_s / 2, _FIRST_SAMPLE_S + step_s)
        self._person_pace = Pace(step_s, first_s)
        self._waiting: list[tuple[float, np.ndarray]] = []

    def add(self, frame: TimedFrame) -> None:
        """Take the next picture."""
        luma, *chroma = frame.planes(self._step)
        luma = np.ascontiguousarray(luma)
        mean, spread = cv2.meanStdDev(luma)
        self.times_s.append(frame.time_s)
        self.means.append(mean[0, 0])
        self.signals.add(luma, (chroma[0], chroma[1]), spread[0, 0])
        self.motion.add(frame.time_s, luma)
        is_abrupt = len(self.times_s) == 1 or self.signals.is_abrupt()
        if self._hash_pace.is_due(frame.time_s, is_abrupt=is_abrupt):
            self._hash(frame)
        if self.detector and self._person_pace.is_due(frame.time_s, is_abrupt=is_abrupt):
            self._waiting.append((frame.time_s, frame.rgb(self.stage.person_long_side_px)))
            if len(self._waiting) == _DETECTOR_BATCH:
                self._detect()

    def finish(self) -> None:
        """Look at what still waits."""
        self._detect()

    def _hash(self, frame: TimedFrame) -> None:
        now = waves_of(upright(frame.luma(), self.walk.info.rotation_deg))
        before = self._waves[0] if len(self._waves) == MOVEMENT_STEPS else None
        self.hashes.append(hash_pair(now, before))
        self.hash_times_s.append(frame.time_s)
        self._waves = [*self._waves, now][-MOVEMENT_STEPS:]

    def _detect(self) -> None:
        if self.detector is None or not self._waiting:
            return
        found = self.detector.detect([picture for _, picture in self._waiting])
        for (time_s, picture), persons in zip(self._waiting, found, strict=True):
            self.looks.append(_Look(time_s, persons, picture.shape[0]))
        self._waiting = []

    def clips(self, video_id: str) -> list[dict[str, Any]]:
        """Return one row per scene."""
        times = np.array(self.times_s)
        starts = self.stage.scenes.find(self.signals, times)
        bounds = [*(start.frame for start in starts), len(times)]
        ends_s = [*(times[start.frame] for start in starts[1:]), self.walk.end_s]
        lengths_s = [
            end_s - times[start.frame] for start, end_s in zip(starts, ends_s, strict=True)
        ]
        longest = int(np.argmax(lengths_s))
        return [
            self._video_columns(video_id, index, len(starts))
            | {"is_longest_scene": index == longest, "end_s": float(ends_s[index])}
            | self._measure(start, bounds[index + 1], float(ends_s[index]))
            for index, start in enumerate(starts)
        ]

    def _video_columns(self, video_id: str, index: int, num_scenes: int) -> dict[str, Any]:
        info = self.walk.info
        span_s = self.times_s[-1] - self.times_s[0]
        rate = (len(self.times_s) - 1) / span_s if span_s > 0 else float(info.frame_rate)
        return {
            "clip_id": f"{video_id}-{index:03d}",
            "scene_index": index,
            "num_scenes": num_scenes,
            "frame_rate": rate,
            "width_px": info.width_px,
            "height_px": info.height_px,
            "codec": info.codec,
            "num_frames_promised": info.num_frames_promised,
            "num_frames_seen": self.walk.num_frames_seen,
        }

    def _measure(self, start: Transition, end_frame: int, end_s: float) -> dict[str, Any]:
        start_s = self.times_s[start.frame]
        frames = slice(start.frame, end_frame)
        changes = self.motion.between(start_s, end_s)
        light = clip_quality(np.array(self.means[frames]), np.array(self.signals.contrasts[frames]))
        hashed = [k for k, time_s in enumerate(self.hash_times_s) if start_s <= time_s < end_s]
        hashes = np.array([self.hashes[k] for k in hashed], np.uint64)
        times_s = np.array([self.hash_times_s[k] for k in hashed])
        return {
            "start_s": start_s,
            "num_frames": end_frame - start.frame,
            "opening_transition": start.kind,
            "cut_score": start.score,
            "motion_score": motion_score(changes),
            "still_fraction": still_fraction(changes),
            "brightness": light.brightness,
            "contrast": light.contrast,
            "black_fraction": light.black_fraction,
            "fingerprints": Fingerprint(hashes, times_s).to_bytes(),
            "fingerprint_times_s": times_s.tolist(),
            **self._person_columns(start_s, end_s),
        }

    def _person_columns(self, start_s: float, end_s: float) -> dict[str, Any]:
        if self.stage.persons is None:
            return {}
        looks = [look for look in self.looks if start_s <= look.time_s < end_s]
        evidence = person_evidence(
            [look.persons for look in looks],
            [look.height_px for look in looks],
            self.stage.persons.min_score,
        )
        return {
            "num_sampled_frames": len(looks),
            "person_fraction": evidence.fraction,
            "max_persons": evidence.max_persons,
            "person_score": evidence.mean_score,
            "person_height_fraction": evidence.height_fraction,
        }
