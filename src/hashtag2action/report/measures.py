"""Which setting bounds which measured column: the pairs the report knows.

What does not belong here: how a histogram is drawn.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from hashtag2action.curate.select_clips import inner_fraction


@dataclass(frozen=True)
class Measure:
    """A column, and the settings of a stage that bound it."""

    stage: str
    column: str
    title: str
    unit: str
    rejects_below: str = ""
    """Name of the setting below which rows are rejected."""
    rejects_above: str = ""
    """Name of the setting above which rows are rejected."""
    is_logarithmic: bool = False
    is_shown_unbound: bool = False
    """Whether the histogram is drawn where no threshold is set, so that one can be chosen."""


DERIVED: dict[str, tuple[tuple[str, ...], Callable[[pa.Table], pa.ChunkedArray]]] = {
    "clip_duration_s": (
        ("start_s", "end_s"),
        lambda table: pc.subtract(table["end_s"], table["start_s"]),
    ),
    "hard_cut_score": (
        ("cut_score", "opening_transition"),
        lambda table: table.filter(pc.equal(table["opening_transition"], "cut"))["cut_score"],
    ),
    "dissolve_score": (
        ("cut_score", "opening_transition"),
        lambda table: table.filter(pc.equal(table["opening_transition"], "dissolve"))["cut_score"],
    ),
    "inner_fraction": (
        ("crop_left", "crop_right", "crop_top", "crop_bottom"),
        inner_fraction,
    ),
    "decoded_fraction": (
        ("num_frames_seen", "num_frames_promised"),
        lambda table: pc.divide(
            pc.cast(table["num_frames_seen"], pa.float64()), table["num_frames_promised"]
        ),
    ),
}
"""Measures made here of columns: the columns, and how."""


def _selected(
    column: str,
    title: str,
    unit: str,
    *,
    below: str = "",
    above: str = "",
    is_logarithmic: bool = False,
) -> Measure:
    """Return a measure of the clips that `select_clips` may bound, drawn in any case."""
    return Measure(
        "select_clips", column, title, unit, below, above, is_logarithmic, is_shown_unbound=True
    )


MEASURES = (
    Measure(
        stage="filter_metadata",
        column="duration_s",
        title="Stated duration",
        unit="s",
        rejects_below="min_duration_s",
        rejects_above="max_duration_s",
    ),
    Measure(
        stage="filter_metadata",
        column="num_views",
        title="Views of the post",
        unit="",
        rejects_below="min_views",
        is_logarithmic=True,
    ),
    Measure(
        stage="fetch_videos",
        column="size_bytes",
        title="File size",
        unit="bytes",
        rejects_above="max_size_bytes",
        is_logarithmic=True,
    ),
    Measure(
        stage="analyze_videos",
        column="decoded_fraction",
        title="Frames that decoded",
        unit="share of those promised",
        rejects_below="min_decoded_fraction",
    ),
    Measure(
        stage="analyze_videos",
        column="hard_cut_score",
        title="Hard cuts found",
        unit="score",
        rejects_below="cut_threshold",
    ),
    Measure(
        stage="analyze_videos",
        column="dissolve_score",
        title="Dissolves found",
        unit="score",
        rejects_below="dissolve_threshold",
    ),
    Measure(
        stage="select_clips",
        column="clip_duration_s",
        title="Clip duration",
        unit="s",
        rejects_below="min_duration_s",
        rejects_above="max_duration_s",
    ),
    Measure(
        stage="select_clips",
        column="person_fraction",
        title="Sampled frames with a person",
        unit="share",
        rejects_below="min_person_fraction",
    ),
    Measure(
        stage="select_clips",
        column="motion_score",
        title="Motion",
        unit="mean change of luma, 0 to 255",
        rejects_below="min_motion",
    ),
    Measure(
        stage="select_clips",
        column="still_fraction",
        title="Time in which nothing moves",
        unit="share of the clip",
        rejects_above="max_still_fraction",
    ),
    Measure(
        stage="select_clips",
        column="black_fraction",
        title="Black frames",
        unit="share of the clip",
        rejects_above="max_black_fraction",
    ),
    _selected(
        "photo_fraction",
        "Steps in which one picture is panned or zoomed",
        "share of the clip",
        above="max_photo_fraction",
    ),
    _selected(
        "drawn_score",
        "Drawn, not filmed",
        "share of even fields of one color",
        above="max_drawn_score",
    ),
    _selected(
        "subject_motion",
        "Motion of the subject",
        "shorter sides per second",
        below="min_subject_motion",
    ),
    _selected(
        "camera_motion",
        "Motion of the camera",
        "shorter sides per second",
        above="max_camera_motion",
    ),
    _selected(
        "overlay_fraction",
        "Text and stickers",
        "share of the picture",
        above="max_overlay_fraction",
    ),
    _selected(
        "inner_fraction",
        "Picture inside its bars",
        "share of the frame",
        below="min_inner_fraction",
    ),
    _selected(
        "sharpness",
        "Sharpness",
        "variance of the Laplacian",
        below="min_sharpness",
        is_logarithmic=True,
    ),
    _selected("dark_fraction", "Clipped dark", "share of the picture", above="max_dark_fraction"),
    _selected(
        "bright_fraction", "Clipped bright", "share of the picture", above="max_bright_fraction"
    ),
    _selected(
        "unsafe_score", "Safety score", "highest of a frame, 0 to 1", above="max_unsafe_score"
    ),
    # A small distance makes a duplicate: here the largest distance rejects what lies below it.
    Measure(
        stage="deduplicate",
        column="duplicate_distance",
        title="Distance of the duplicates found",
        unit="bits of 64",
        rejects_below="max_distance",
    ),
)
"""Every pair the report knows; pairs that a run has not set or measured are passed over."""
