"""Hashtags as they stand beside each other: a graph, and how often each was posted over time."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

from hashtag2action.report.svg import svg, text

MAX_NODES = 60
"""Tags drawn, most views first (chosen: more names than these cover each other)."""
MIN_NPMI = 0.15
"""Least company that is drawn as a line (chosen: weaker lines hide the groups)."""
_WIDTH, _HEIGHT, _EDGE = 900.0, 560.0, 40.0
_ROUNDS = 300
_SPARK_WIDTH, _SPARK_HEIGHT = 96.0, 20.0


def sparkline(counts: Sequence[int] | None, tag: str) -> Markup:
    """Draw how often a tag was posted in equal steps of time; empty where nothing is known."""
    if not counts or not any(counts):
        return Markup("")
    most = max(counts)
    step = _SPARK_WIDTH / max(len(counts) - 1, 1)
    points = " ".join(
        f"{index * step:.1f},{_SPARK_HEIGHT - 2 - (_SPARK_HEIGHT - 4) * count / most:.1f}"
        for index, count in enumerate(counts)
    )
    line = Markup('<polyline points="{}" class="curve c0"/>').format(points)
    spoken = f"Posts with #{tag} over time, at most {most} in a step."
    return (
        Markup('<span class="spark">')
        + svg(_SPARK_WIDTH, _SPARK_HEIGHT, spoken, [line])
        + Markup("</span>")
    )


def company_graph(groups: Mapping[str, str], lines: Mapping[tuple[str, str], float]) -> Markup:
    """Draw tags as names and their company as lines, close where the company is close.

    Args:
        groups: Tag -> its action group, the most viewed first.
        lines: NPMI of two tags, for pairs in any order.
    """
    tags = list(groups)[:MAX_NODES]
    place = {tag: index for index, tag in enumerate(tags)}
    strong: dict[tuple[int, int], float] = {}
    for (one, other), npmi in lines.items():
        if one in place and other in place and one != other and npmi >= MIN_NPMI:
            key = (min(place[one], place[other]), max(place[one], place[other]))
            strong[key] = max(strong.get(key, 0.0), npmi)
    if not strong:
        return Markup("")
    spots = _layout(len(tags), strong)
    colors = {group: index % 4 for index, group in enumerate(dict.fromkeys(groups.values()))}
    marks = [
        Markup(
            '<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="tie" '
            'stroke-opacity="{:.2f}"><title>#{} and #{}: {:.2f}</title></line>'
        ).format(*spots[one], *spots[other], 0.2 + 0.8 * npmi, tags[one], tags[other], npmi)
        for (one, other), npmi in strong.items()
    ]
    for tag, (x, y) in zip(tags, spots, strict=True):
        marks.append(
            Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" class="dot c{}"/>').format(
                x, y, colors[groups[tag]]
            )
        )
        marks.append(text(x, y - 6, f"#{tag}", "node"))
    told = f"{len(tags)} hashtags and {len(strong)} pairs that stand together more than by chance."
    return svg(_WIDTH, _HEIGHT, told, marks)


def _layout(num: int, ties: Mapping[tuple[int, int], float]) -> list[tuple[float, float]]:
    """Place nodes so that tied ones are near and others apart.

    Source: Fruchterman and Reingold, 1991; begun on a spiral, so that it is the same every time.
    """
    turn = np.arange(num) * math.pi * (3 - math.sqrt(5))
    radius = np.sqrt((np.arange(num) + 0.5) / num) / 2
    spots = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    one, other = (np.array(side) for side in zip(*ties, strict=True))
    pull = np.array(list(ties.values()))[:, None]
    ideal = 0.9 / math.sqrt(num)
    for round_number in range(_ROUNDS):
        apart = spots[:, None] - spots[None]
        distance = np.maximum(np.linalg.norm(apart, axis=2, keepdims=True), 1e-3)
        force = (apart * ideal**2 / distance**2).sum(axis=1)
        along = spots[one] - spots[other]
        drawn = along * np.linalg.norm(along, axis=1, keepdims=True) / ideal * pull
        np.add.at(force, one, -drawn)
        np.add.at(force, other, drawn)
        force -= 0.6 * spots
        length = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        spots = spots + force / length * np.minimum(length, 0.1 * (1 - round_number / _ROUNDS))
    low, high = spots.min(axis=0), spots.max(axis=0)
    scaled = (spots - low) / np.maximum(high - low, 1e-9)
    return [(_EDGE + x * (_WIDTH - 2 * _EDGE), 16 + y * (_HEIGHT - 26)) for x, y in scaled.tolist()]
