"""The histogram behind each threshold of a curation run, set or still to be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from hashtag2action.report.charts import Threshold, histogram
from hashtag2action.report.measures import DERIVED, MEASURES, Measure
from hashtag2action.report.svg import short
from hashtag2action.report.tables import numbers, read_table, stage_settings

_UNSET = "no threshold is set: {} would be one"


@dataclass(frozen=True)
class Histogram:
    """A drawn histogram with what it says."""

    measure: Measure
    chart: Markup
    sentences: tuple[str, ...]
    """One per threshold: how many rows lie beyond it."""


def histograms(run: Path, measures: Sequence[Measure] = MEASURES) -> list[Histogram]:
    """Draw the histogram behind each threshold that a run has measured and set, or may set."""
    drawn = []
    for measure in measures:
        bounds = bounds_of(measure, stage_settings(run, measure.stage))
        if not bounds and not measure.is_shown_unbound:
            continue
        kept, rejected = (_values(run, measure, side) for side in ("kept", "rejected"))
        if not kept and not rejected:
            continue
        label = f"{measure.title}, {measure.unit}" if measure.unit else measure.title
        here = [value for value in rejected if any(bound.rejects(value) for bound in bounds)]
        groups = {
            "kept": kept,
            "elsewhere": [
                value for value in rejected if not any(bound.rejects(value) for bound in bounds)
            ],
            "rejected": here,
        }
        chart = histogram(
            groups, bounds, label, unit=measure.unit, is_logarithmic=measure.is_logarithmic
        )
        if not chart:
            continue
        sentences = tuple(_sentence(bound, [*kept, *rejected]) for bound in bounds) or (
            _UNSET.format(*filter(None, (measure.rejects_below, measure.rejects_above))),
        )
        drawn.append(Histogram(measure, chart, sentences))
    return drawn


def bounds_of(measure: Measure, settings: dict[str, Any]) -> list[Threshold]:
    """Return the thresholds that a stage's settings, flattened, put on a measure."""
    bounds = []
    for name, is_minimum in ((measure.rejects_below, True), (measure.rejects_above, False)):
        value = _setting(name, settings)
        # A lower bound of zero rejects nothing and says nothing.
        if value is None or (is_minimum and value <= 0):
            continue
        word = "max" if name.startswith("max") else "min"
        bounds.append(Threshold(f"{word} {short(value)}", value, is_minimum))
    return bounds


def _setting(name: str, settings: dict[str, Any]) -> float | None:
    for field, value in settings.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and field.rpartition(".")[2] == name:
            return float(value)
    return None


def _values(run: Path, measure: Measure, side: str) -> list[float]:
    columns, derive = DERIVED.get(measure.column, ((measure.column,), None))
    table = read_table(run, measure.stage, side, columns)
    if table is None or table.num_columns < len(columns):
        return []
    if derive is not None:
        table = pa.table({measure.column: derive(table)})
    return numbers(table, measure.column)


def _sentence(bound: Threshold, values: Sequence[float]) -> str:
    beyond = sum(bound.rejects(value) for value in values)
    word = "below" if bound.is_minimum else "above"
    share = f"{beyond / len(values):.0%}"
    return f"{beyond:,} of {len(values):,} ({share}) lie {word} {short(bound.value)}"
