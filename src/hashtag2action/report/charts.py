"""Histograms with thresholds, and curves, as inline SVG.

Every chart carries its meaning as text too: in `aria-label`, and in a title per mark.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from hashtag2action.report.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    nice_step,
    number,
    svg,
    text,
    x_axis,
    y_grid,
)

GROUPS = {
    "kept": "kept",
    "elsewhere": "rejected by another rule",
    "rejected": "rejected",
}
"""What may become of a row, and how it is said; the keys are classes of the style sheet."""


@dataclass(frozen=True)
class Threshold:
    """A bound on a measure."""

    label: str
    value: float
    is_minimum: bool
    """True when values below it are rejected, False when values above it are."""

    def rejects(self, value: float) -> bool:
        """Whether a value lies on the rejected side."""
        return value < self.value if self.is_minimum else value > self.value


@dataclass(frozen=True)
class Series:
    """One curve."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    color: int = 0
    """Which of the four colors and dashes, so that a run looks the same in every chart."""


def histogram(
    groups: Mapping[str, Sequence[float]],
    thresholds: Sequence[Threshold],
    label: str,
    *,
    unit: str = "",
    is_logarithmic: bool = False,
) -> Markup:
    """Draw groups of rows stacked over one measure, with its thresholds.

    Args:
        groups: Values by what became of the rows, bottom first; a key of `GROUPS` each.
        thresholds: Bounds, drawn as lines; the side they reject is shaded.
        label: Name of the measure, with its unit.
        unit: What to write below the axis where the name is told above it; "" writes the label.
        is_logarithmic: Whether the bins are equal in the decimal logarithm.
    """
    scaled = [_scaled(values, is_logarithmic) for values in groups.values()]
    measured = [value for values in scaled for value in values]
    if not measured:
        return Markup("")
    bounds = [_scaled([bound.value], is_logarithmic)[0] for bound in thresholds]
    edges = _edges(_reach(measured, bounds), bounds)
    stacks = list(zip(*(_counts(values, edges) for values in scaled), strict=True))
    x = Axis(edges[0], edges[-1], LEFT, WIDTH - RIGHT)
    y = Axis(0.0, max(1, *(sum(stack) for stack in stacks)), HEIGHT - BOTTOM, TOP)
    drawn = list(zip(thresholds, bounds, strict=True))
    marks = [_shade(x, bound, place) for bound, place in drawn]
    marks += y_grid(y, is_count=True)
    for index, counts in enumerate(stacks):
        stack = dict(zip(groups, counts, strict=True))
        marks += _bar(x, y, (edges[index], edges[index + 1]), stack, is_logarithmic)
    marks += x_axis(x, unit or label, is_logarithmic)
    marks += [_line(x, bound, place) for bound, place in drawn]
    told = ", ".join(f"{len(values)} {GROUPS[kind]}" for kind, values in groups.items())
    spoken = f"Histogram of {label}: {told}."
    return svg(WIDTH, HEIGHT, spoken, marks)


def curves(series: Sequence[Series], label: str, x_label: str = "step") -> Markup:
    """Draw curves over one axis; values that are not finite are left out, and so is a flat chart.

    Args:
        series: Curves; four colors and dashes tell them apart.
        label: Name of the quantity, with its unit.
        x_label: Name of the horizontal axis.
    """
    cleaned = [_finite(one) for one in series]
    cleaned = [one for one in cleaned if one.xs]
    if not cleaned or len({value for one in cleaned for value in one.ys}) == 1:
        return Markup("")
    xs = [value for one in cleaned for value in one.xs]
    ys = [value for one in cleaned for value in one.ys]
    low, high = _padded(min(ys), max(ys))
    x = Axis(min(xs), max(*xs, min(xs) + 1), LEFT, WIDTH - RIGHT)
    y = Axis(low, high, HEIGHT - BOTTOM, TOP)
    marks = y_grid(y, is_count=False) + x_axis(x, x_label, is_logarithmic=False)
    for one in cleaned:
        marks += _curve(x, y, one, f"c{one.color}")
    ends = "; ".join(f"{one.name} {number(one.ys[0])} to {number(one.ys[-1])}" for one in cleaned)
    return svg(WIDTH, HEIGHT, f"{label} over {x_label}: {ends}.", marks)


def _scaled(values: Sequence[float], is_logarithmic: bool) -> list[float]:
    if not is_logarithmic:
        return list(values)
    return [math.log10(max(value, 1.0)) for value in values]


def _edges(reach: tuple[float, float], bounds: Sequence[float]) -> list[float]:
    """Return the edges of equal bins, one of them at a bound: no bin lies on both sides of it."""
    low, high = reach
    step = nice_step(high - low, 26)
    anchor = next((place for place in bounds if low <= place <= high), 0.0)
    first = math.floor((low - anchor) / step + 1e-9)
    last = max(math.ceil((high - anchor) / step - 1e-9), first + 1)
    edges = [anchor + index * step for index in range(first, last + 1)]
    # Shares, counts and times do not go below zero, so the axis does not either.
    if low >= 0 and edges[0] < 0:
        edges[0] = 0.0
    return edges


def _counts(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    nudge = (edges[-1] - edges[-2]) * 1e-6
    # The nudge puts a value that equals an edge, but for rounding, into the bin on its right.
    places = np.searchsorted(np.asarray(edges), np.asarray(values) + nudge, side="right") - 1
    return np.bincount(places.clip(0, len(edges) - 2), minlength=len(edges) - 1).tolist()


def _bar(
    x: Axis, y: Axis, span: tuple[float, float], stack: Mapping[str, int], is_logarithmic: bool
) -> list[Markup]:
    left = x.at(span[0]) + 0.6
    width = max(x.at(span[1]) - 0.6 - left, 0.8)
    low, high = (10**edge for edge in span) if is_logarithmic else span
    marks = []
    below = 0
    for kind, count in stack.items():
        if count:
            top, bottom = y.at(below + count), y.at(below)
            marks.append(
                Markup(
                    '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="{}">'
                    "<title>{} to {}: {} {}</title></rect>"
                ).format(
                    left,
                    top,
                    width,
                    bottom - top,
                    kind,
                    number(low),
                    number(high),
                    count,
                    GROUPS[kind],
                )
            )
        below += count
    return marks


def _reach(measured: Sequence[float], bounds: Sequence[float]) -> tuple[float, float]:
    """Return the range to draw: bounds that lie far from all values would squeeze them flat."""
    low, high = min(measured), max(measured)
    span = (high - low) or max(abs(high), 1.0)
    near = [place for place in bounds if low - span <= place <= high + span]
    low, high = min([low, *near]), max([high, *near])
    size = max(abs(low), abs(high))
    if high - low > 1e-6 * size and size > 1e-12:
        return low, high
    # All values are as good as equal: room on both sides, so that a bar is seen as a bar.
    room = size / 4 if size > 1e-12 else 1.0
    return (max(low - room, 0.0) if low >= 0 else low - room), high + room


def _shade(x: Axis, bound: Threshold, place: float) -> Markup:
    here = x.at(min(max(place, x.low), x.high))
    left, right = (LEFT, here) if bound.is_minimum else (here, WIDTH - RIGHT)
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="shade"/>'
    ).format(left, TOP, right - left, HEIGHT - BOTTOM - TOP)


def _line(x: Axis, bound: Threshold, place: float) -> Markup:
    if place > x.high:
        return text(WIDTH - RIGHT, TOP - 11, f"{bound.label} \N{RIGHTWARDS ARROW}", "far", "end")
    if place < x.low:
        return text(LEFT, TOP - 11, f"\N{LEFTWARDS ARROW} {bound.label}", "far", "start")
    here = x.at(place)
    anchor = "start" if here < WIDTH * 0.3 else "end" if here > WIDTH * 0.7 else "middle"
    line = Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}" class="bound"/>').format(
        here, here, TOP - 6, HEIGHT - BOTTOM
    )
    return line + text(here, TOP - 11, bound.label, "bound-label", anchor)


def _curve(x: Axis, y: Axis, one: Series, kind: str) -> list[Markup]:
    points = " ".join(f"{x.at(a):.1f},{y.at(b):.1f}" for a, b in zip(one.xs, one.ys, strict=True))
    last = (x.at(one.xs[-1]), y.at(one.ys[-1]))
    return [
        Markup('<polyline points="{}" class="curve {}"><title>{}</title></polyline>').format(
            points, kind, one.name
        ),
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" class="dot {}"><title>{}: {}</title>').format(
            *last, kind, one.name, number(one.ys[-1])
        )
        + Markup("</circle>"),
    ]


def _finite(one: Series) -> Series:
    pairs = [(float(a), float(b)) for a, b in zip(one.xs, one.ys, strict=True) if math.isfinite(b)]
    return Series(one.name, [pair[0] for pair in pairs], [pair[1] for pair in pairs], one.color)


def _padded(low: float, high: float) -> tuple[float, float]:
    if low == high:
        pad = abs(low) * 0.1 or 1.0
        return low - pad, high + pad
    # Zero belongs in the picture when the values come near it.
    bottom = 0.0 if 0 <= low < 0.35 * high else low - 0.05 * (high - low)
    return bottom, high + 0.05 * (high - low)
