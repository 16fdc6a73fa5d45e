"""The line in a handful of numbers, for the head of the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from hashtag2action.report.funnel import StageCount
from hashtag2action.report.results import Evaluation, Figure
from hashtag2action.report.svg import number
from hashtag2action.report.training import Training


@dataclass(frozen=True)
class Tile:
    """One number and what it counts."""

    value: str
    label: str
    note: str = ""


def summary(
    curations: Sequence[Sequence[StageCount]],
    pretraining: Training | None,
    evaluations: Sequence[Evaluation],
    figures: Sequence[Figure],
) -> list[Tile]:
    """Return the key numbers in the order of the line; what a run does not have is left out."""
    tiles = []
    if curations:
        tiles += _curated([stage for stages in curations for stage in stages])
    if pretraining and pretraining.facts:
        _, steps, moved = pretraining.facts[0]
        tiles.append(Tile(moved.partition(" to ")[2], "pre-training loss", f"after {steps} steps"))
    scored = [one for one in evaluations if one.top1 is not None]
    if scored:
        best = max(scored, key=lambda one: one.top1 or 0.0)
        tiles.append(Tile(f"{100 * (best.top1 or 0.0):.1f} %", "best top-1", best.name))
    if figures:
        num_ok = sum(figure.is_ok for figure in figures)
        tiles.append(Tile(f"{num_ok} of {len(figures)}", "figures reach their bar"))
    return tiles


def _curated(stages: Sequence[StageCount]) -> list[Tile]:
    def kept(name: str) -> int | None:
        begun = [one for one in stages if one.text.name == name and one.state != "missing"]
        return sum(one.num_kept for one in begun) if begun else None

    tiles = []
    for name, label in (
        ("posts", "posts"),
        ("fetch_videos", "videos"),
        ("analyze_videos", "clips measured"),
    ):
        count = kept(name)
        if count is not None:
            tiles.append(Tile(number(count), label))
    last = [
        name for name in ("select_clips", "deduplicate", "export_clips") if kept(name) is not None
    ]
    if last:
        count, measured = kept(last[-1]) or 0, kept("analyze_videos") or 0
        note = f"{count / measured:.0%} of those measured" if measured else ""
        tiles.append(Tile(number(count), "clips kept", note))
    return tiles
