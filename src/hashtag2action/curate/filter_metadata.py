"""Stage 1: decide by what the platform says, before any byte of video is read."""

from pathlib import Path
from typing import Annotated, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from hashtag2action.curate.stage import Stage, Transform, first_reason
from hashtag2action.errors import ConfigError

GENERIC_HASHTAGS = (
    "explore", "explorepage", "foru", "forupage", "foryou", "foryoupage", "fy", "fyp", "fypage",
    "fypシ", "parati", "reels", "shorts", "tiktok", "trend", "trending", "viral", "viralvideo",
    "xyzbca",
)  # fmt: skip
"""Tags that ask for reach and say nothing about a video (chosen: the most used of that kind)."""


class FilterMetadata(Stage):
    """Keep posts whose metadata promise a usable video, and name the tag each stands for."""

    name: ClassVar[str] = "filter_metadata"
    row_id: ClassVar[str] = "post_id"
    reads: ClassVar[tuple[str, ...]] = ("post_id", "hashtags", "duration_s", "num_views", "region")
    adds: ClassVar[pa.Schema] = pa.schema([("hashtag", pa.string())])

    hashtags: tuple[str, ...] = ()
    """Tags to keep, the most wanted first; empty keeps posts of any tag."""
    generic_hashtags: tuple[str, ...] = GENERIC_HASHTAGS
    """Tags never taken as what a post is about."""
    min_duration_s: Annotated[float, Field(ge=0)] = 1.0
    """Shortest duration a platform may state, seconds; a post that states none passes."""
    max_duration_s: Annotated[float, Field(gt=0)] = 180.0
    """Longest duration, seconds (chosen: the longest upload from a short-form camera)."""
    min_views: Annotated[int, Field(ge=0)] = 0
    """Fewest views of a post; the paper's 5 million is a threshold on tags, not on posts."""
    regions: tuple[str, ...] = ()
    """Country codes to keep; empty keeps all."""
    withdrawn: Path | None = None
    """File of post ids, one a line, whose creators took them back."""

    @model_validator(mode="after")
    def _range_is_not_empty(self) -> "FilterMetadata":
        if self.min_duration_s > self.max_duration_s:
            raise ValueError(
                f"min_duration_s {self.min_duration_s} is above "
                f"max_duration_s {self.max_duration_s}"
            )
        return self

    def open(self, media: Path) -> Transform:
        """Return the filter."""
        withdrawn = pa.array(_ids(self.withdrawn), pa.string())

        def transform(table: pa.Table) -> pa.Table:
            tags = [self._tag(post) for post in table["hashtags"].to_pylist()]
            table = table.append_column("hashtag", pa.array(tags, pa.string()))
            rules = [
                ("withdrawn", pc.is_in(table["post_id"], withdrawn)),
                ("too_short", pc.less(table["duration_s"], self.min_duration_s)),
                ("too_long", pc.greater(table["duration_s"], self.max_duration_s)),
                ("too_few_views", pc.less(table["num_views"], self.min_views)),
            ]
            if self.regions:
                inside = pc.is_in(table["region"], pa.array(self.regions, pa.string()))
                known = pc.is_valid(table["region"])
                rules.append(("other_region", pc.and_not(known, inside)))
            if self.hashtags:
                rules.append(("no_wanted_hashtag", pc.is_null(table["hashtag"])))
            return first_reason(table, rules)

        return transform

    def _tag(self, tags: list[str] | None) -> str | None:
        """Return the first wanted tag, or the first that says anything about the video."""
        given = tags or []
        if self.hashtags:
            return next((tag for tag in self.hashtags if tag in given), None)
        return next((tag for tag in given if tag not in self.generic_hashtags), None)


def _ids(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"filter_metadata.withdrawn: {path} cannot be read ({error}); "
            "expected a text file with one post id a line"
        ) from error
    return [line.strip() for line in lines if line.strip()]
