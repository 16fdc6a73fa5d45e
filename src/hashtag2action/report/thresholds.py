"""Which setting bounds which measure, and the histogram behind each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from hashtag2action.report.charts import Threshold, histogram, number
from hashtag2action.report.tables import numbers, read_table, stage_settings


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


CLIP_DURATION = "clip_duration_s"
"""Derived here: end_s - start_s."""

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
        "select_clips",
        CLIP_DURATION,
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
        "deduplicate",
        "duplicate_distance",
        "Distance to the nearest earlier clip",
        "bits",
        maximum=("max_distance", "max_duplicate_distance", "max_distance_bits"),
    ),
)
"""Every pair the report knows; pairs a run does not have are passed over."""


@dataclass(frozen=True)
class Histogram:
    """A drawn histogram with what it says."""

    measure: Measure
    chart: Markup
    sentences: tuple[str, ...]
    """One per threshold: how many rows lie beyond it."""


def histograms(run: Path, measures: Sequence[Measure] = MEASURES) -> list[Histogram]:
    """Draw the histogram behind each threshold that a curation run has set and measured."""
    drawn = []
    for measure in measures:
        bounds = _bounds(measure, stage_settings(run, measure.stage))
        if not bounds:
            continue
        kept, rejected = (_values(run, measure, side) for side in ("kept", "rejected"))
        if not kept and not rejected:
            continue
        label = f"{measure.title}, {measure.unit}" if measure.unit else measure.title
        chart = histogram(kept, rejected, bounds, label, is_logarithmic=measure.is_logarithmic)
        sentences = tuple(_sentence(bound, [*kept, *rejected]) for bound in bounds)
        drawn.append(Histogram(measure, chart, sentences))
    return drawn


def _bounds(measure: Measure, settings: dict[str, object]) -> list[Threshold]:
    bounds = []
    for names, is_minimum in ((measure.minimum, True), (measure.maximum, False)):
        value = _first(names, settings)
        # A lower bound of zero rejects nothing and says nothing.
        if value is None or (is_minimum and value <= 0):
            continue
        word = "min" if is_minimum else "max"
        bounds.append(Threshold(f"{word} {number(value)}", value, is_minimum))
    return bounds


def _first(names: Sequence[str], settings: dict[str, object]) -> float | None:
    for name in names:
        for field, value in settings.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and field.rpartition(".")[2] == name:
                return float(value)
    return None


def _values(run: Path, measure: Measure, side: str) -> list[float]:
    if measure.column == CLIP_DURATION:
        table = read_table(run, measure.stage, side, ["start_s", "end_s"])
        if table is None or table.num_columns < 2:
            return []
        table = pa.table({CLIP_DURATION: pc.subtract(table["end_s"], table["start_s"])})
    elif measure.column == "short_side_px":
        table = read_table(run, measure.stage, side, ["width_px", "height_px"])
        if table is None or table.num_columns < 2:
            return []
        short = pc.min_element_wise(table["width_px"], table["height_px"])
        table = pa.table({"short_side_px": short})
    else:
        table = read_table(run, measure.stage, side, [measure.column])
    return numbers(table, measure.column)


def _sentence(bound: Threshold, values: Sequence[float]) -> str:
    if bound.is_minimum:
        beyond, word = sum(value < bound.value for value in values), "below"
    else:
        beyond, word = sum(value > bound.value for value in values), "above"
    share = f"{beyond / len(values):.0%}"
    return f"{beyond:,} of {len(values):,} ({share}) lie {word} {number(bound.value)}"
