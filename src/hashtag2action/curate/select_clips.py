"""Stage 4: which scenes become clips. Every threshold of the line stands here.

The stage reads measures only, so moving a threshold costs seconds, not another decode.
"""

from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from hashtag2action.curate.stage import Stage, Transform, first_reason


class SelectClips(Stage):
    """Rules over the measures of a scene; the first one broken is the reason."""

    name: ClassVar[str] = "select_clips"
    reads: ClassVar[tuple[str, ...]] = (
        "clip_id",
        "start_s",
        "end_s",
        "is_longest_scene",
        "person_fraction",
        "hand_fraction",
        "motion_score",
        "still_fraction",
        "black_fraction",
        "camera_motion",
        "subject_motion",
        "photo_fraction",
        "drawn_score",
        "overlay_fraction",
        "crop_left",
        "crop_top",
        "crop_right",
        "crop_bottom",
        "sharpness",
        "dark_fraction",
        "bright_fraction",
        "unsafe_score",
    )
    adds: ClassVar[pa.Schema] = pa.schema([pa.field("has_person", pa.bool_())])

    scenes: Literal["longest", "all"] = "longest"
    """Which scenes of a video are taken. Source: the Hashtag2Action paper keeps the longest."""
    min_duration_s: float = Field(default=1.0, ge=0)
    """Shortest clip. Chosen: 16 frames, every second one, at 30 frames per second."""
    max_duration_s: float = Field(default=60.0, gt=0)
    """Longest clip. Chosen: one take longer than this is a talk, not an action."""
    min_person_fraction: float = Field(default=0.2, ge=0, le=1)
    """Least share of sampled frames that show a person. Chosen: detectors miss a person in most
    frames rather than see one twice where there is nobody."""
    min_hand_fraction: float = Field(default=0.75, gt=0, le=1)
    """Least share of closely looked at frames that show a hand, where no person is found: hands at
    work are an action, though nobody is seen (piano, knitting). Source: the Hashtag2Action paper
    keeps them. Chosen: all of the one or two closer looks that a scene without a person gets."""
    min_motion: float = Field(default=0.3, ge=0)
    """Least mean change of luma over 0.1 s, 0 to 255. Chosen: an encoder's noise lies below."""
    max_still_fraction: float = Field(default=0.9, ge=0, le=1)
    """Largest share of time in which nothing moves: photographs, slideshows, title cards."""
    max_black_fraction: float = Field(default=0.5, ge=0, le=1)
    """Largest share of black frames."""
    max_photo_fraction: float | None = Field(default=0.9, ge=0, le=1)
    """Largest share of steps in which one picture is only panned or zoomed: slideshows, products.
    Chosen: no person of real footage that moves at all comes near; null turns the rule off."""
    max_drawn_score: float | None = Field(default=0.85, ge=0, le=1)
    """Largest share of one-colored fields: title cards, screens. Chosen: above all real footage met
    (0.83, a broken decode); 0.65 finds more screens and takes one real scene in a hundred along."""
    min_subject_motion: float | None = Field(default=None, ge=0)
    """Least motion beyond the camera's, shorter sides per second. Off: a face that talks has little
    (0.03), and so have small people far away."""
    max_camera_motion: float | None = Field(default=None, ge=0)
    """Most motion of the camera, shorter sides per second. Off: sport is filmed by fast pans."""
    max_overlay_fraction: float | None = Field(default=None, ge=0, le=1)
    """Largest share of the picture under text and stickers. Off: a caption hides no action."""
    min_inner_fraction: float | None = Field(default=None, ge=0, le=1)
    """Least share of the picture inside its bars. Off: wide films in tall frames are common, and
    the crop columns say what to cut."""
    min_sharpness: float | None = Field(default=None, ge=0)
    """Least variance of the Laplacian at 360 pixels. Off: soft clips still show actions."""
    max_dark_fraction: float | None = Field(default=None, ge=0, le=1)
    """Largest share of the picture that is clipped dark. Off: stages and nights are mostly dark."""
    max_bright_fraction: float | None = Field(default=None, ge=0, le=1)
    """Largest share that is clipped bright. Off: so are white walls and skies."""
    max_unsafe_score: float | None = Field(default=0.8, ge=0, le=1)
    """Highest safety score of any frame; needs `analyze_videos.safety`. Source: open_nsfw's authors
    call scores above 0.8 unsafe with a high probability."""

    def open(self, media: Path) -> Transform:
        """Return the rules as one function over tables."""
        return self._judge

    def _judge(self, table: pa.Table) -> pa.Table:
        duration_s = pc.subtract(table["end_s"], table["start_s"])
        has_person = pc.greater_equal(table["person_fraction"], self.min_person_fraction)
        hands = pc.greater_equal(table["hand_fraction"], self.min_hand_fraction)
        has_person = pc.or_(has_person, pc.fill_null(hands, False))
        rules: list[tuple[str, pa.ChunkedArray | pa.Array]] = [
            ("too_short", pc.less(duration_s, self.min_duration_s)),
            ("too_long", pc.greater(duration_s, self.max_duration_s)),
            ("black", pc.greater(table["black_fraction"], self.max_black_fraction)),
            ("still", pc.greater(table["still_fraction"], self.max_still_fraction)),
            ("little_motion", pc.less(table["motion_score"], self.min_motion)),
            *self._optional_rules(table),
            # Null where nobody looked for persons: then the rule judges nobody.
            ("no_person", pc.invert(has_person)),
        ]
        if self.scenes == "longest":
            rules.insert(0, ("not_longest_scene", pc.invert(table["is_longest_scene"])))
        return first_reason(table.append_column(self.adds.field("has_person"), has_person), rules)

    def _optional_rules(self, table: pa.Table) -> list[tuple[str, pa.ChunkedArray]]:
        """Return the rules over measures that may be null: a measure not taken judges nobody."""
        most: list[tuple[str, pa.ChunkedArray, float | None]] = [
            ("photo", table["photo_fraction"], self.max_photo_fraction),
            ("drawn", table["drawn_score"], self.max_drawn_score),
            ("much_camera_motion", table["camera_motion"], self.max_camera_motion),
            ("overlay", table["overlay_fraction"], self.max_overlay_fraction),
            ("dark", table["dark_fraction"], self.max_dark_fraction),
            ("bright", table["bright_fraction"], self.max_bright_fraction),
            ("unsafe", table["unsafe_score"], self.max_unsafe_score),
        ]
        least: list[tuple[str, pa.ChunkedArray, float | None]] = [
            ("little_subject_motion", table["subject_motion"], self.min_subject_motion),
            ("bars", inner_fraction(table), self.min_inner_fraction),
            ("blurred", table["sharpness"], self.min_sharpness),
        ]
        return [
            *(
                (name, pc.greater(values, bound))
                for name, values, bound in most
                if bound is not None
            ),
            *((name, pc.less(values, bound)) for name, values, bound in least if bound is not None),
        ]


def inner_fraction(table: pa.Table) -> pa.ChunkedArray:
    """Return the share of the picture inside its bars, from the crop columns."""
    wide = pc.subtract(1.0, pc.add(table["crop_left"], table["crop_right"]))
    high = pc.subtract(1.0, pc.add(table["crop_top"], table["crop_bottom"]))
    return pc.multiply(wide, high)
