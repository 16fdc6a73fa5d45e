"""Stage 3: decode each video once, find its scenes and measure every one of them.

Nothing is judged here but whether a video can be read; thresholds live in `select_clips`. What one
picture is looked at for is decided while it goes by, so memory does not grow with the pictures.
"""

from pathlib import Path
from typing import Any, ClassVar

import cv2
import pyarrow as pa
from pydantic import Field

from hashtag2action.curate.meters import ChangeMeter, FingerprintMeter, LightMeter
from hashtag2action.curate.person_meter import PersonMeter
from hashtag2action.curate.picture_meter import PictureMeter
from hashtag2action.curate.safety_meter import SafetyMeter
from hashtag2action.curate.stage import Row, Stage, Transform, per_row
from hashtag2action.curate.watch import Meter, Watch
from hashtag2action.records import CLIP, REJECT_REASON
from hashtag2action.transfer.content import refuse_replaced
from hashtag2action.video.probe import VideoInfo
from hashtag2action.video.walk import walk_video
from hashtag2action.vision.person_detectors import AnyPersonDetector, Cascade
from hashtag2action.vision.persons import PersonDetector
from hashtag2action.vision.safety import OpenNsfw, SafetyDetector
from hashtag2action.vision.scene_detectors import AnySceneDetector
from hashtag2action.vision.scenes import AdaptiveScenes, SceneFinder


class AnalyzeVideos(Stage):
    """From videos to measured scenes."""

    name: ClassVar[str] = "analyze_videos"
    row_id: ClassVar[str] = "video_id"
    reads: ClassVar[tuple[str, ...]] = ("video_id", "video_path", "video_sha256")
    adds: ClassVar[pa.Schema] = CLIP
    fans_out: ClassVar[bool] = True
    opens_videos: ClassVar[bool] = True

    scenes: AnySceneDetector = AdaptiveScenes()
    """Who finds where scenes begin."""
    persons: AnyPersonDetector | None = Cascade()
    """Who looks for persons; null leaves the person columns empty."""
    person_samples_per_s: float = Field(default=2.0, gt=0)
    """Pictures per second that are searched for persons; the first of a scene come faster."""
    person_long_side_px: int = Field(default=512, ge=64)
    """Longer side of these pictures; larger ones are scaled down. Chosen: what the default detector
    scales them to for its closer look; more would be lost."""
    safety: OpenNsfw | None = None
    """Who scores how safe pictures are; null leaves the safety columns empty."""
    picture_samples_per_s: float = Field(default=0.5, gt=0)
    """Pictures per second looked at for bars, overlay, motion and sharpness; the first second of a
    scene has two. Chosen: one a second costs half as much again and finds the same."""
    min_decoded_fraction: float = Field(default=0.9, ge=0, le=1)
    """Least share of the promised frames; below it a video counts as truncated. Chosen: edit lists
    may hide a second of frames, broken downloads lack more."""

    def open(self, media: Path) -> Transform:
        """Load the detectors and return the analysis."""
        detector = self.persons.open() if self.persons else None
        new_finder = self.scenes.open()
        safety = self.safety.open() if self.safety else None
        cv2.setNumThreads(1)

        def transform(table: pa.Table) -> pa.Table:
            indices: list[int] = []
            clips: list[dict[str, Any]] = []
            reasons: list[str | None] = []
            given = [name for name in self.reads if name in table.column_names]
            for index, row in enumerate(table.select(given).to_pylist()):
                made, reason = per_row(
                    lambda row: self._analyze(row, new_finder(), detector, safety), row
                )
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

    def _analyze(
        self,
        row: Row,
        scenes: SceneFinder,
        detector: PersonDetector | None,
        safety: SafetyDetector | None,
    ) -> list[dict[str, Any]]:
        path = Path(row["video_path"])
        refuse_replaced(path, row.get("video_sha256"))
        with walk_video(path) as walk:
            watch = Watch(walk, self._meters(walk.info, detector, safety), scenes)
            watch.run()
            walk.check_complete(self.min_decoded_fraction)
        return watch.clips(row["video_id"])

    def _meters(
        self, info: VideoInfo, detector: PersonDetector | None, safety: SafetyDetector | None
    ) -> list[Meter]:
        meters: list[Meter] = [LightMeter(), ChangeMeter(), FingerprintMeter(info.rotation_deg)]
        meters.append(PictureMeter(info.rotation_deg, self.picture_samples_per_s))
        if self.persons and detector:
            meters.append(
                PersonMeter(
                    detector,
                    self.persons.min_score,
                    self.person_samples_per_s,
                    self.person_long_side_px,
                )
            )
        if self.safety and safety:
            meters.append(SafetyMeter(safety, self.safety.samples_per_s))
        return meters
