"""The optional safety score: whom it would reject of real people who do nothing wrong, its cost.

How much it finds is not measured: no such pictures are at hand. So no bar is set: the figures say
what the price is.
"""

import json
import time
from pathlib import Path

import av
import cv2
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.figures import Figure, real_data
from benchmarks.plain_decode import decode_cpu_s
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.select_clips import SelectClips
from hashtag2action.vision.safety import OpenNsfw

_STRICT = 0.95
_EVERY = {"shorts": 2, "ucf101_3": 4}


def safety_figures(shared: Path, out: Path) -> list[Figure]:
    """Measure; about two minutes.

    Args:
        shared: Folder with `data/shorts` and `data/ucf101_3`.
        out: Not written to.
    """
    figures = []
    for name, every in _EVERY.items():
        videos = sorted(real_data(shared, name).rglob("*.mp4"))
        figures.append(_false_alarms(name, videos[::every]))
    shorts = real_data(shared, "shorts")
    truth = json.loads((shorts / "truth.json").read_text(encoding="utf-8"))
    names = [name for name in sorted(truth) if truth[name].get("readable", True)][::10]
    return [*figures, *_cost([shorts / "videos" / f"{name}.mp4" for name in names])]


def _false_alarms(name: str, paths: list[Path]) -> Figure:
    limit = SelectClips().max_unsafe_score
    assert limit is not None
    names = [path.as_posix() for path in paths]
    given = pa.table({"video_id": names, "video_path": names})
    made = AnalyzeVideos(persons=None, safety=OpenNsfw()).open(Path("unused"))(given)
    scenes = made.filter(pc.is_valid(made["unsafe_score"]))
    highest, mean = (scenes[column].to_numpy() for column in ("unsafe_score", "unsafe_mean_score"))
    counts = ", ".join(
        str(int((scores > least).sum()))
        for scores, least in ((highest, limit), (highest, _STRICT), (mean, limit))
    )
    title = f"safety, {name}: of {len(highest)} scenes over {limit:g}, {_STRICT:g}, mean {limit:g}"
    return Figure(title, counts, "shown", True)


def _cost(paths: list[Path]) -> list[Figure]:
    """Compare the analysis with and without it, and with a plain decode, by CPU time."""
    cv2.setNumThreads(1)
    plain_s = decode_cpu_s(paths)
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
