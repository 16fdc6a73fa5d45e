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
        "motion_score",
        "still_fraction",
        "black_fraction",
    )
    adds: ClassVar[pa.Schema] = pa.schema([pa.field("has_person", pa.bool_())])

    scenes: Literal["longest", "all"] = "longest"
    """Which scenes of a video are taken. Source: the Hashtag2Action paper keeps the longest."""
    min_duration_s: float = Field(default=1.0, ge=0)
    """Shortest clip. Chosen: 16 frames, every second one, at 30 frames per second."""
    max_duration_s: float = Field(default=60.0, gt=0)
    """Longest clip. Chosen: one take longer than this is a talk, not an action."""
    min_person_fraction: float = Field(default=1 / 3, ge=0, le=1)
    """Least share of sampled frames that show a person."""
    min_motion: float = Field(default=0.3, ge=0)
    """Least mean change of luma over 0.1 s, 0 to 255. Chosen: an encoder's noise lies below."""
    max_still_fraction: float = Field(default=0.9, ge=0, le=1)
    """Largest share of time in which nothing moves: photographs, slideshows, title cards."""
    max_black_fraction: float = Field(default=0.5, ge=0, le=1)
    """Largest share of black frames."""

    def open(self, media: Path) -> Transform:
        """Return the rules as one function over tables."""
        return self._judge

    def _judge(self, table: pa.Table) -> pa.Table:
        duration_s = pc.subtract(table["end_s"], table["start_s"])
        has_person = pc.greater_equal(table["person_fraction"], self.min_person_fraction)
        rules: list[tuple[str, pa.ChunkedArray | pa.Array]] = [
            ("too_short", pc.less(duration_s, self.min_duration_s)),
            ("too_long", pc.greater(duration_s, self.max_duration_s)),
            ("black", pc.greater(table["black_fraction"], self.max_black_fraction)),
            ("still", pc.greater(table["still_fraction"], self.max_still_fraction)),
            ("little_motion", pc.less(table["motion_score"], self.min_motion)),
            # Null where nobody looked for persons: then the rule judges nobody.
            ("no_person", pc.invert(has_person)),
        ]
        if self.scenes == "longest":
            rules.insert(0, ("not_longest_scene", pc.invert(table["is_longest_scene"])))
        return first_reason(table.append_column(self.adds.field("has_person"), has_person), rules)
