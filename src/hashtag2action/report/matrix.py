"""The confusion matrix as a heat map, and its largest confusions in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hashtag2action.report.svg import svg, text

MAX_WRITTEN = 24
"""Classes up to which counts are written into the cells; chosen: they stay readable."""
MAX_CONFUSIONS = 12
"""Largest confusions listed; chosen."""


@dataclass(frozen=True)
class Confusion:
    """How often one class was taken for another."""

    true: str
    predicted: str
    count: int
    share: float
    """Of the clips of the true class."""


def heat_map(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Markup:
    """Draw a confusion matrix; color is the share of the row, rows are true classes.

    Args:
        matrix: Counts, rows are true and columns predicted classes.
        classes: One name per row.
    """
    count = len(classes)
    if not count:
        return Markup("")
    is_written = count <= MAX_WRITTEN
    side = max(34.0, min(64.0, 320.0 / count)) if is_written else max(3.0, 620.0 / count)
    longest = max(len(name) for name in classes)
    left = 24.0 + (min(longest, 26) * 6.4 if is_written else 0.0)
    top = 30.0 if is_written else 22.0
    foot = (min(longest, 26) * 4.8 + 16.0) if is_written else 8.0
    marks: list[Markup] = []
    for row, counts in enumerate(matrix):
        total = sum(counts)
        for column, value in enumerate(counts):
            # Empty cells of a large matrix are its background.
            if not is_written and not value:
                continue
            share = value / total if total else 0.0
            marks += _cell(
                (left + column * side, top + row * side),
                side,
                share,
                f"{classes[row]} taken for {classes[column]}: {value} of {total}",
                str(value) if is_written else "",
            )
    marks.append(_frame(left, top, side * count))
    if is_written:
        marks += _names(classes, left, top, side)
    marks.append(text(left + side * count / 2, 16, "predicted", "axis-label"))
    marks.append(_upright("true", 12, top + side * count / 2))
    right = sum(counts[index] for index, counts in enumerate(matrix))
    everything = sum(sum(counts) for counts in matrix)
    spoken = f"Confusion matrix of {count} classes: {right} of {everything} clips are right."
    width = left + side * count + (min(longest, 26) * 5.0 + 8.0 if is_written else 8.0)
    return svg(width, top + side * count + foot, spoken, marks)


def confusions(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> list[Confusion]:
    """List the largest confusions, most clips first."""
    found = [
        Confusion(classes[row], classes[column], value, value / sum(counts))
        for row, counts in enumerate(matrix)
        for column, value in enumerate(counts)
        if row != column and value
    ]
    found.sort(key=lambda one: (-one.count, -one.share, one.true, one.predicted))
    return found[:MAX_CONFUSIONS]


def _cell(
    corner: tuple[float, float], side: float, share: float, spoken: str, shown: str
) -> list[Markup]:
    x, y = corner
    marks = [
        Markup(
            '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="cell" '
            'fill-opacity="{:.3f}"><title>{}</title></rect>'
        ).format(x, y, side, side, share, spoken)
    ]
    if shown:
        kind = "count strong" if share > 0.5 else "count" if shown != "0" else "count none"
        marks.append(text(x + side / 2, y + side / 2 + 4, shown, kind))
    return marks


def _frame(left: float, top: float, size: float) -> Markup:
    return Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="frame"/>'
    ).format(left, top, size, size)


def _names(classes: Sequence[str], left: float, top: float, side: float) -> list[Markup]:
    marks = []
    for index, name in enumerate(classes):
        shown = name if len(name) <= 26 else name[:25] + "..."
        marks.append(text(left - 6, top + (index + 0.5) * side + 4, shown, "name", "end"))
        x, y = left + (index + 0.5) * side - 4, top + len(classes) * side + 12
        marks.append(
            Markup(
                '<text x="{:.1f}" y="{:.1f}" class="name" transform="rotate(38 {:.1f} {:.1f})">{}'
                "</text>"
            ).format(x, y, x, y, shown)
        )
    return marks


def _upright(content: str, x: float, y: float) -> Markup:
    return Markup(
        '<text x="{:.1f}" y="{:.1f}" class="axis-label" text-anchor="middle" '
        'transform="rotate(-90 {:.1f} {:.1f})">{}</text>'
    ).format(x, y, x, y, content)
