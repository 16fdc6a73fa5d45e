"""Scene detectors side by side, on one decode each: what they find, and what they cost.

On a part of the real shorts and on a rendered world in which every second transition is a dissolve;
for comparison, so nothing here has a bar but the default.
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import pyarrow as pa

from benchmarks.curation_scenes import Row, Truth, render_world, wrong_dissolves
from benchmarks.figures import Figure, real_data
from benchmarks.plain_decode import decode_cpu_s
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.score import score_cuts
from hashtag2action.vision.scene_detectors import (
    AnySceneDetector,
    ContentCuts,
    RollingCuts,
    TransNet,
)
from hashtag2action.vision.scenes import AdaptiveScenes

_SEED = 201
_EVERY = 5
"""Of the shorts, and of the world a third. Chosen: TransNetV2 on every frame takes two minutes."""
_NUM_POSTS = 14

DETECTORS: dict[str, AnySceneDetector] = {
    "adaptive (default)": AdaptiveScenes(),
    "pyscenedetect_content": ContentCuts(),
    "pyscenedetect_adaptive": RollingCuts(),
    "transnetv2 over doubtful": TransNet(over="doubtful"),
    "transnetv2 over everything": TransNet(over="everything"),
}


def detector_figures(shared: Path, out: Path) -> list[Figure]:
    """Measure; about four minutes, most of them in TransNetV2.

    Args:
        shared: Folder with `data/shorts`.
        out: Gets the rendered posts.
    """
    folder = real_data(shared, "shorts")
    cv2.setNumThreads(1)
    truth: Truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    names = [name for name in sorted(truth) if truth[name].get("readable", True)][::_EVERY]
    shorts = [folder / "videos" / f"{name}.mp4" for name in names]
    world, films = render_world(out, [_SEED])
    films = films[:_NUM_POSTS]
    figures = []
    for name, detector in DETECTORS.items():
        plain_s = decode_cpu_s([*shorts, *films])
        begun_s = time.process_time()
        found, rendered = _found(detector, shorts), _found(detector, films)
        cost = (time.process_time() - begun_s) / plain_s
        figures += _judged(name, truth, found, world, rendered)
        figures.append(Figure(f"{name}: analysis, plain decodes", f"{cost:.2f}", "shown", True))
    return figures


def _found(detector: AnySceneDetector, paths: Sequence[Path]) -> list[Row]:
    given = pa.table(
        {
            "video_id": [path.stem for path in paths],
            "video_path": [path.as_posix() for path in paths],
        }
    )
    made = AnalyzeVideos(persons=None, scenes=detector).open(Path("unused"))(given)
    return [row for row in made.to_pylist() if row["reject_reason"] is None]


def _judged(
    name: str, truth: Truth, found: list[Row], world: Truth, rendered: list[Row]
) -> list[Figure]:
    is_default = "default" in name
    cuts, _ = score_cuts(truth, found)
    f1 = cuts["f1"] or 0.0
    world_cuts, dissolves = score_cuts(world, rendered)
    total, recall = round(dissolves["total"] or 0), dissolves["recall"] or 0.0
    wrong = wrong_dissolves(world, rendered)
    bars = (">= 0.99", ">= 0.8") if is_default else ("shown", "shown")
    told = f"{recall:.3f} of {total}, {wrong} wrong"
    return [
        Figure(f"{name}: cuts of shorts, F1", f"{f1:.3f}", bars[0], not is_default or f1 >= 0.99),
        Figure(f"{name}: cuts of the world, F1", f"{world_cuts['f1'] or 0.0:.3f}", "shown", True),
        Figure(f"{name}: dissolves, recall", told, bars[1], not is_default or recall >= 0.8),
    ]
