"""The optional safety score: whom it would reject of real people who do nothing wrong, its cost.

How much it finds is not measured: no such pictures are at hand.
"""

import json
import time
from pathlib import Path

import av
import cv2
import pyarrow as pa

from benchmarks.figures import Figure
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.select_clips import SelectClips
from hashtag2action.vision.safety import OpenNsfw

_MAX_FALSE = 0.01
"""Chosen: a hundredth of the clips is what one may lose for nothing."""
_EVERY = {"shorts": 2, "ucf101_3": 4}


def safety_figures(shared: Path, out: Path) -> list[Figure]:
    """Measure; about two minutes.

    Args:
        shared: Folder with `data/shorts` and `data/ucf101_3`.
        out: Not written to.
    """
    data = shared / "data"
    figures = []
    for name, every in _EVERY.items():
        if not (data / name).is_dir():
            raise SystemExit(f"{data / name} is not there: give --shared")
        figures.append(_false_alarms(name, sorted((data / name).rglob("*.mp4"))[::every]))
    truth = json.loads((data / "shorts" / "truth.json").read_text(encoding="utf-8"))
    names = [name for name in sorted(truth) if truth[name].get("readable", True)][::10]
    return [*figures, *_cost([data / "shorts" / "videos" / f"{name}.mp4" for name in names])]


def _false_alarms(name: str, paths: list[Path]) -> Figure:
    limit = SelectClips().max_unsafe_score
    assert limit is not None
    rows = [row for row in _scores(paths) if row is not None]
    wrong = sum(score > limit for score in rows)
    share = wrong / max(1, len(rows))
    return Figure(
        f"safety, {name}: scenes rejected at {limit:g} of {len(rows)}; highest score",
        f"{wrong}; {max(rows):.2f}",
        f"<= {_MAX_FALSE:.0%}",
        share <= _MAX_FALSE,
    )


def _scores(paths: list[Path]) -> list[float | None]:
    names = [path.as_posix() for path in paths]
    given = pa.table({"video_id": names, "video_path": names})
    stage = AnalyzeVideos(persons=None, safety=OpenNsfw())
    return stage.open(Path("unused"))(given)["unsafe_score"].to_pylist()


def _cost(paths: list[Path]) -> list[Figure]:
    """Compare the analysis with and without it, and with a plain decode, by CPU time."""
    cv2.setNumThreads(1)
    plain_s = _plain_s(paths)
    seconds = {}
    for name, safety in (("without", None), ("with", OpenNsfw())):
        stage = AnalyzeVideos(persons=None, safety=safety).open(Path("unused"))
        names = [path.as_posix() for path in paths]
        given = pa.table({"video_id": names, "video_path": names})
        stage(given.slice(0, 1))
        time.sleep(0.4)  # threads of the linear algebra wait in a busy loop
        begun_s = time.process_time()
        stage(given)
        seconds[name] = time.process_time() - begun_s
    detector = OpenNsfw().open()
    with av.open(str(paths[0])) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    detector.score(picture)
    begun_s = time.process_time()
    for _ in range(20):
        detector.score(picture)
    one_ms = (time.process_time() - begun_s) / 20 * 1000
    more = (seconds["with"] - seconds["without"]) / plain_s
    return [
        Figure("safety: a picture, CPU ms", f"{one_ms:.0f}", "shown", True),
        Figure("safety: plain decodes it adds to an analysis", f"{more:.2f}", "shown", True),
    ]


def _plain_s(paths: list[Path]) -> float:
    begun_s = time.process_time()
    for path in paths:
        with av.open(str(path)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            for _ in container.decode(video=0):
                pass
    return time.process_time() - begun_s
