"""Which setting bounds which measured column: the pairs the report knows.

What does not belong here: how a histogram is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Measure:
    """A column, and the settings of a stage that bound it."""

    stage: str
    column: str
    title: str
    unit: str
    minimum: tuple[str, ...] = ()
    """Names a lower bound may have; the first one found is drawn."""
    maximum: tuple[str, ...] = ()
    """Names an upper bound may have."""
    is_logarithmic: bool = False


DERIVED: dict[str, tuple[tuple[str, ...], Callable[[pa.Table], pa.ChunkedArray]]] = {
    "clip_duration_s": (
        ("start_s", "end_s"),
        lambda table: pc.subtract(table["end_s"], table["start_s"]),
    ),
    "short_side_px": (
        ("width_px", "height_px"),
        lambda table: pc.min_element_wise(table["width_px"], table["height_px"]),
    ),
    "hard_cut_score": (
        ("cut_score", "opening_transition"),
        lambda table: table.filter(pc.equal(table["opening_transition"], "cut"))["cut_score"],
    ),
    "dissolve_score": (
        ("cut_score", "opening_transition"),
        lambda table: table.filter(pc.equal(table["opening_transition"], "dissolve"))["cut_score"],
    ),
    "decoded_fraction": (
        ("num_frames_seen", "num_frames_promised"),
        lambda table: pc.divide(
            pc.cast(table["num_frames_seen"], pa.float64()), table["num_frames_promised"]
        ),
    ),
}
"""Measures made here of columns: the columns, and how."""

MEASURES = (
    Measure(
        "filter_metadata",
        "duration_s",
        "Stated duration",
        "s",
        ("min_duration_s",),
        ("max_duration_s",),
    ),
    Measure(
        "filter_metadata",
        "num_views",
        "Views",
        "",
        ("min_views", "min_num_views"),
        is_logarithmic=True,
    ),
    Measure(
        "filter_metadata",
        "num_likes",
        "Likes",
        "",
        ("min_likes", "min_num_likes"),
        is_logarithmic=True,
    ),
    Measure(
        "fetch_videos",
        "size_bytes",
        "File size",
        "bytes",
        ("min_size_bytes", "min_bytes"),
        ("max_size_bytes", "max_bytes"),
        is_logarithmic=True,
    ),
    Measure(
        "analyze_videos",
        "decoded_fraction",
        "Frames that decoded",
        "share of those promised",
        minimum=("min_decoded_fraction",),
    ),
    Measure(
        "analyze_videos", "hard_cut_score", "Hard cuts found", "score", minimum=("cut_threshold",)
    ),
    Measure(
        "analyze_videos",
        "dissolve_score",
        "Dissolves found",
        "score",
        minimum=("dissolve_threshold",),
    ),
    Measure(
        "select_clips",
        "clip_duration_s",
        "Clip duration",
        "s",
        ("min_duration_s", "min_clip_s"),
        ("max_duration_s", "max_clip_s"),
    ),
    Measure(
        "select_clips", "num_frames", "Frames in the clip", "", ("min_frames", "min_num_frames")
    ),
    Measure(
        "select_clips",
        "person_fraction",
        "Sampled frames with a person",
        "share",
        ("min_person_fraction",),
    ),
    Measure(
        "select_clips", "max_persons", "Most persons in one frame", "", maximum=("max_persons",)
    ),
    Measure("select_clips", "person_score", "Mean person score", "", ("min_person_score",)),
    Measure(
        "select_clips",
        "person_height_fraction",
        "Height of the tallest person",
        "of the frame",
        ("min_person_height_fraction",),
        ("max_person_height_fraction",),
    ),
    Measure(
        "select_clips",
        "hands_fraction",
        "Sampled frames with hands",
        "share",
        ("min_hands_fraction",),
        ("max_hands_fraction",),
    ),
    Measure(
        "select_clips",
        "motion_score",
        "Motion",
        "mean luma change",
        ("min_motion_score",),
        ("max_motion_score",),
    ),
    Measure(
        "select_clips",
        "brightness",
        "Brightness",
        "luma, 0 to 255",
        ("min_brightness",),
        ("max_brightness",),
    ),
    Measure("select_clips", "contrast", "Contrast", "luma deviation", ("min_contrast",)),
    Measure("select_clips", "width_px", "Width", "px", ("min_width_px",)),
    Measure("select_clips", "height_px", "Height", "px", ("min_height_px",)),
    Measure("select_clips", "short_side_px", "Short side", "px", ("min_short_side_px",)),
    Measure("select_clips", "frame_rate", "Frame rate", "fps", ("min_frame_rate",)),
    Measure(
        "select_clips", "cut_score", "Score of the opening cut", "", maximum=("max_cut_score",)
    ),
    Measure(
        "select_clips",
        "still_fraction",
        "Still pictures",
        "share of the clip",
        maximum=("max_still_fraction",),
    ),
    Measure(
        "select_clips",
        "black_fraction",
        "Black pictures",
        "share of the clip",
        maximum=("max_black_fraction",),
    ),
    Measure(
        "deduplicate",
        "duplicate_distance",
        "Distance to the nearest earlier clip",
        "bits",
        maximum=("max_distance", "max_duplicate_distance", "max_distance_bits"),
    ),
)
"""Every pair the report knows; pairs a run does not have are passed over."""
