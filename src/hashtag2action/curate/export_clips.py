"""Stage 6: clips as training reads them: small files of their own, or spans of the sources."""

import hashlib
import re
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from hashtag2action.curate.stage import Row, Stage, Transform, per_row
from hashtag2action.records import REJECT_REASON
from hashtag2action.transfer.content import refuse_replaced
from hashtag2action.video.copy import copy_clip
from hashtag2action.video.cut import Edit, cut_clip
from hashtag2action.vision.faces import FaceBlur, blur_faces

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_NAME = 80  # characters; file systems allow 255 bytes


class ExportClips(Stage):
    """After every filter: one clip costs more to encode than its whole video to analyze."""

    name: ClassVar[str] = "export_clips"
    reads: ClassVar[tuple[str, ...]] = (
        "clip_id",
        "hashtag",
        "video_path",
        "video_sha256",
        "start_s",
        "end_s",
    )
    adds: ClassVar[pa.Schema] = pa.schema(
        [
            pa.field("path", pa.string()),
            pa.field("clip_start_s", pa.float64()),
            pa.field("clip_end_s", pa.float64()),
            pa.field("clip_sha256", pa.string()),
        ]
    )
    opens_videos: ClassVar[bool] = True

    format: Literal["reencode", "copy", "spans"] = "reencode"
    """`reencode`: an mp4 per clip, `path` relative to the stage's media folder. `copy`: the same
    without a new encode, hundreds of times faster; a file begins at the key frame before its scene,
    and `clip_start_s`, `clip_end_s` say where the scene lies inside. `spans`: nothing is written,
    `path` is the source's."""
    short_side_px: int = Field(default=256, ge=2)
    """Shorter side of the clips; smaller sources keep their size. Chosen: room for crops of 224."""
    crf: int = Field(default=23, ge=0, le=51)
    """Constant rate factor of libx264. Source: its default."""
    preset: str = "veryfast"
    """Speed of libx264. Chosen: half the time of its default, a tenth more bytes."""
    gop: int = Field(default=16, ge=1)
    """Largest distance of key frames, in frames. Chosen: training decodes 16 frames from anywhere;
    on average 8 more are decoded on the way there."""
    passable_frames: int = Field(default=3, ge=0, le=16)
    """Frames between two that others refer to, always as many: training, which shows every fourth
    frame, need not decode the other ones of them. 0 leaves the pattern to libx264. Chosen: a fifth
    less to decode; 0.4 dB of 42 at equal size."""
    entropy: Literal["cavlc", "cabac"] = "cavlc"
    """How libx264 packs its numbers. Chosen: cavlc, a quarter less to decode for a tenth more
    bytes."""

    faces: FaceBlur | None = None
    """How faces are covered in clips that are encoded anew; null leaves them as they are. The
    default looks with nets of the extra `[persons]`."""

    @model_validator(mode="after")
    def _covers_only_what_it_encodes(self) -> "ExportClips":
        if self.faces is not None and self.format != "reencode":
            raise ValueError(f"faces are covered in new pictures; format is {self.format}")
        return self

    def open(self, media: Path) -> Transform:
        """Return the exporter."""
        edit = _covering(self.faces) if self.faces else None

        def transform(table: pa.Table) -> pa.Table:
            rows = table.select(self.reads).to_pylist()
            made = [per_row(lambda row: self._export(row, media, edit), row) for row in rows]
            for column in self.adds:
                values = [(result or {}).get(column.name) for result, _ in made]
                table = table.append_column(column, pa.array(values, column.type))
            reasons = [reason for _, reason in made]
            return table.append_column(REJECT_REASON, pa.array(reasons, pa.string()))

        return transform

    def _export(self, row: Row, media: Path, edit: Edit | None) -> dict[str, Any]:
        source = Path(row["video_path"])
        refuse_replaced(source, row["video_sha256"])
        start_s, end_s = row["start_s"], row["end_s"]
        if self.format == "spans":
            return {
                "path": source.absolute().as_posix(),
                "clip_start_s": start_s,
                "clip_end_s": end_s,
                "clip_sha256": row["video_sha256"],
            }
        folder = safe_name(row["hashtag"] or "untagged")
        path = media / folder / f"{safe_name(row['clip_id'])}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.format == "copy":
            copied = copy_clip(source, path, start_s, end_s)
            path, start_s, end_s = copied.path, copied.start_s, copied.end_s
        else:
            self._encode(source, path, start_s, end_s, edit)
            start_s, end_s = 0.0, end_s - start_s
        return {
            "path": path.relative_to(media).as_posix(),
            "clip_start_s": start_s,
            "clip_end_s": end_s,
            "clip_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }

    def _encode(
        self, source: Path, path: Path, start_s: float, end_s: float, edit: Edit | None
    ) -> None:
        cut_clip(
            source,
            path,
            start_s,
            end_s,
            short_side_px=self.short_side_px,
            crf=self.crf,
            preset=self.preset,
            gop=self.gop,
            x264=self._x264(),
            edit=edit,
        )

    def _x264(self) -> dict[str, int]:
        settings = {"cabac": int(self.entropy == "cabac")}
        if self.passable_frames:
            settings |= {"bframes": self.passable_frames, "b-adapt": 0, "b-pyramid": 0}
        return settings


def _covering(settings: FaceBlur) -> Edit:
    find = settings.open()
    return lambda pictures, rate: blur_faces(pictures, rate, settings, find)


def safe_name(text: str) -> str:
    """Return a file name for any text: equal for equal texts, different for different ones.

    Plain names stay as they are; others are cleaned and get eight digits of their hash.
    """
    clean = _UNSAFE.sub("_", text)[:_MAX_NAME]
    # Names in capitals get the hash too: some file systems do not tell them apart.
    if clean == text and text == text.lower() and text:
        return text
    return f"{clean}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
