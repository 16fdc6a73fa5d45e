"""The parts charts are made of, as inline SVG: axes, grids, text and numbers.

Colors are classes, so that the page's style sheet decides them for light and dark.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 330.0, 200.0
"""Drawing area in user units; close to the pixels it is shown at, so that text stays readable."""
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 26.0, 34.0


@dataclass(frozen=True)
class Axis:
    """A linear map from values to user units."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def nice_step(span: float, num_steps: int) -> float:
    """Return 1, 2 or 5 times a power of ten, so that a span has at most about `num_steps` steps."""
    if span <= 0:
        return 1.0
    rough = span / num_steps
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 5.0):
        if rough <= factor * power * 1.0001:
            return factor * power
    return 10.0 * power


def svg(width: float, height: float, spoken: str, marks: Sequence[Markup]) -> Markup:
    """Wrap marks in an SVG element that says in words what it shows.

    It is shown at its own width at most, give or take a little, so that text keeps its size.
    """
    head = Markup(
        '<svg viewBox="0 0 {:.0f} {:.0f}" style="max-width:{:.0f}px" role="img" aria-label="{}">'
    ).format(width, height, width * 1.12, spoken)
    return head + Markup("").join(marks) + Markup("</svg>")


def text(x: float, y: float, content: object, kind: str, anchor: str = "middle") -> Markup:
    """Return a text mark; its content is escaped."""
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(
        x, y, kind, anchor, escape(content)
    )


def number(value: float) -> str:
    """Write a number shortly: thousands separated, four digits, exponents for the very small."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 0.001 else f"{value:.1e}".replace("e-0", "e-")


def short(value: float) -> str:
    """Write a number for a label: as `number`, and large ones with k, M or G."""
    return number(value) if abs(value) < 1e5 else _tick(float(f"{value:.3g}"))


def y_grid(y: Axis, *, is_count: bool) -> list[Markup]:
    """Draw about four horizontal lines with their values; counts have no fractions."""
    step = nice_step(y.high - y.low, 4)
    if is_count:
        step = max(1.0, step)
    first = math.ceil(y.low / step - 1e-9)
    marks = []
    for index in range(first, math.floor(y.high / step + 1e-9) + 1):
        here = y.at(index * step)
        marks.append(
            Markup('<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" class="grid"/>').format(
                LEFT, WIDTH - RIGHT, here, here
            )
        )
        marks.append(text(LEFT - 6, here + 3.5, _tick(index * step), "tick", "end"))
    return marks


def x_axis(x: Axis, label: str, is_logarithmic: bool) -> list[Markup]:
    """Draw the base line with about six values and the axis' name."""
    step = (
        max(1.0, nice_step(x.high - x.low, 6)) if is_logarithmic else nice_step(x.high - x.low, 6)
    )
    first = math.ceil(x.low / step - 1e-9)
    base = HEIGHT - BOTTOM
    marks = [
        Markup('<line x1="{}" x2="{}" y1="{}" y2="{}" class="axis"/>').format(
            LEFT, WIDTH - RIGHT, base, base
        )
    ]
    for index in range(first, math.floor(x.high / step + 1e-9) + 1):
        value = index * step
        shown = _tick(10**value) if is_logarithmic else _tick(value)
        marks.append(text(x.at(value), base + 14, shown, "tick"))
    marks.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, label, "axis-label"))
    return marks


def _tick(value: float) -> str:
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if sign == 'k' else size):g}{sign}"
    if value and abs(value) < 0.001:
        return f"{value:.1e}".replace("e-0", "e-").replace(".0e", "e")
    return f"{value:.10g}"
