"""The whole line on real shorts with the recipe that ships, all defaults, against labelled truth.

Scored twice: over the clips that the defaults choose, a post's longest scene, and over all scenes,
which meets the title cards and leftovers, too; the analysis is the same one.
"""

import shutil
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, real_data
from hashtag2action.config import load
from hashtag2action.curate.pipeline import CurateConfig, curate
from hashtag2action.curate.score import score

_RECIPE = Path(__file__).parents[1] / "recipes" / "curate" / "shorts.yaml"
_MIN_CUT_F1, _MIN_PERSONS = 0.99, 0.98


def shorts_figures(shared: Path, out: Path) -> list[Figure]:
    """Measure; about two minutes.

    Args:
        shared: Folder with `data/shorts`.
        out: Gets the runs.
    """
    folder = real_data(shared, "shorts")
    shutil.rmtree(out, ignore_errors=True)
    said = [
        f"source.posts={folder / 'posts.jsonl'}",
        "runtime.engine=inline",
        "export_clips.format=spans",
    ]
    usual = _scored(said, folder, out / "usual")
    for stage in ("00-posts", "01-filter_metadata", "02-fetch_videos", "03-analyze_videos"):
        shutil.copytree(out / "usual" / stage, out / "all" / stage)
    every = _scored([*said, "select_clips.scenes=all"], folder, out / "all")
    f1 = usual["cuts"]["f1"] or 0.0
    figures = [Figure("shorts: cuts, F1", f"{f1:.3f}", f">= {_MIN_CUT_F1}", f1 >= _MIN_CUT_F1)]
    for name in ("precision", "recall"):
        value = usual["persons"][name] or 0.0
        shown, bar = f"{value:.3f}", f">= {_MIN_PERSONS}"
        figures.append(
            Figure(f"shorts: persons per scene, {name}", shown, bar, value >= _MIN_PERSONS)
        )
    unreadable = usual["unreadable"]
    is_right = unreadable["found"] == unreadable["total"] and not unreadable["wrong"]
    told = f"{unreadable['found']} of {unreadable['total']}, {unreadable['wrong']} wrong"
    figures.append(Figure("shorts: unreadable files", told, "all, 0 wrong", is_right))
    for name, found in (("longest scenes", usual), ("all scenes", every)):
        figures.append(_duplicates(name, found["duplicates"]))
    return figures


def _scored(said: list[str], folder: Path, out: Path) -> dict[str, Any]:
    config = load(CurateConfig, _RECIPE, said)
    curate(config, out, lambda *_: None)
    return score(out, folder / "truth.json")


def _duplicates(name: str, found: dict[str, Any]) -> Figure:
    is_right = found["found"] == found["total"] and not found["wrong"]
    told = f"{found['found']} of {found['total']}, {found['wrong']} wrong"
    return Figure(f"shorts: duplicates, {name}", told, "all, 0 wrong", is_right)
