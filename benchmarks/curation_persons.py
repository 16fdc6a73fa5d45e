"""Persons per scene: the default detector beside YOLOX-nano and MediaPipe's body net alone.

On the shorts, and on a second set composed of two parts: real shorts made dark and small, for
people who are hard to see, and the rendered world with dissolves, hands, dogs, abstract pictures
and half covered people (a seed that nothing was chosen on), for what is easily taken for one. Its
parts are held to the same bar by themselves. What the default was fitted on is in
`benchmarks.fit_persons`: none of these.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.figures import Figure, real_data
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.score import read_truth, score_persons
from hashtag2action.curate.select_clips import SelectClips
from hashtag2action.sources.studio.platform import Studio, render_studio
from hashtag2action.video.encode import write_video
from hashtag2action.video.walk import walk_video
from hashtag2action.vision.person_detectors import AnyPersonDetector, BlazePose, Cascade, Yolox
from hashtag2action.vision.weights import YOLOX_NANO, shipped

FRESH_SEED = 20260
NUM_POSTS = 60
SIZE = (216, 384)
_MIN_HANDS = 0.95
EVERY = 4  # of the shorts, made dark and small

DETECTORS: dict[str, AnyPersonDetector] = {
    "default": Cascade(),
    "yolox-nano alone": Yolox(path=shipped(YOLOX_NANO)),
    "body net alone": BlazePose(faces_and_hands=False, min_score=0.5),
}

Truth = dict[str, dict[str, Any]]


def persons(shared: Path, out: Path) -> list[Figure]:
    """Measure precision and recall per scene."""
    shorts = shared / "data" / "shorts"
    real_data(shared, "shorts")
    truth = read_truth(shorts / "truth.json")
    figures = _figures("shorts", _judge(shorts / "videos", truth), (0.98, 0.98))
    dim = _judge(out / "dim", _dimmed(shorts, truth, out / "dim"))
    figures += _figures("dark and small", dim, (0.0, 0.0))
    studio = Studio(
        num_posts=NUM_POSTS, seed=FRESH_SEED, width_px=SIZE[0], height_px=SIZE[1],
        is_hard=True, bad_fraction=0, long_fraction=0,
    )  # fmt: skip
    files = render_studio(studio, out / "studio")
    world = _judge(files.videos, read_truth(files.truth))
    figures += _figures("rendered, hard", world, (0.0, 0.95))
    figures += _hands("rendered, hard", world)
    both = Judged(dim.truth | world.truth, {d: dim.rows[d] + world.rows[d] for d in DETECTORS})
    assert len(both.truth) == len(dim.truth) + len(world.truth), "posts of one name"
    return figures + _figures("second set, both", both, (0.0, 0.0))


@dataclass(frozen=True)
class Judged:
    """Posts, and the scenes of each detector with its verdicts."""

    truth: Truth
    rows: dict[str, list[dict[str, Any]]]


def _judge(videos: Path, truth: Truth) -> Judged:
    return Judged(truth, {name: _judged(videos, truth, one) for name, one in DETECTORS.items()})


def _figures(name: str, judged: Judged, bars: tuple[float, float]) -> list[Figure]:
    """Hold the default to bars of precision and recall, and to the F1 of the better net alone."""
    figures = []
    joint: dict[str, float] = {}
    for detector in DETECTORS:
        score = score_persons(judged.truth, judged.rows[detector])
        joint[detector] = score["f1"] or 0.0
        for measure, least in zip(("precision", "recall"), bars, strict=True):
            value = score[measure] or 0.0
            bar = least if detector == "default" else 0.0
            shown = f">= {bar:.2f}" if bar else "shown"
            title = f"persons {measure}, {name}, {detector}"
            figures.append(Figure(title, f"{value:.3f}", shown, value >= bar))
    mine = joint.pop("default")
    title, best = f"persons F1, {name}, default against the better alone", max(joint.values())
    figures.append(Figure(title, f"{mine:.3f}", f">= {best:.3f}", mine >= best))
    return figures


def _hands(name: str, judged: Judged) -> list[Figure]:
    """Count the scenes of nothing but hands at work that are kept as an action."""
    truth, rows = judged.truth, judged.rows["default"]
    as_persons = {
        post_id: {
            "scenes": [one | {"who": "person"} for one in post["scenes"] if one["who"] == "hands"]
        }
        for post_id, post in truth.items()
    }
    score = score_persons(as_persons, rows)
    num = sum(len(post["scenes"]) for post in as_persons.values())
    kept = score["recall"] or 0.0
    title = f"scenes of hands alone kept, {name}, default"
    return [Figure(title, f"{kept:.3f} of {num}", f">= {_MIN_HANDS:.2f}", kept >= _MIN_HANDS)]


def _judged(videos: Path, truth: Truth, config: AnyPersonDetector) -> list[dict[str, Any]]:
    ids = [post_id for post_id in sorted(truth) if truth[post_id]["readable"]]
    paths = [str(videos / f"{post_id}.mp4") for post_id in ids]
    table = pa.table({"video_id": ids, "video_path": paths})
    clips = AnalyzeVideos(persons=config).open(Path())(table)
    clips = clips.filter(pc.is_null(clips["reject_reason"])).drop(["reject_reason"])
    return SelectClips().open(Path())(clips).to_pylist()


def _dimmed(shorts: Path, truth: Truth, out: Path) -> Truth:
    """Make some shorts dark, and shrink their pictures to a third on a gray wall, in turns."""
    out.mkdir(parents=True, exist_ok=True)
    chosen = [post_id for post_id in sorted(truth) if truth[post_id]["readable"]][::EVERY]
    for number, post_id in enumerate(chosen):
        path = out / f"{post_id}.mp4"
        if not path.exists():
            frames = _dim_frames(shorts / "videos" / f"{post_id}.mp4", number)
            write_video(path, frames, 25, crf=24, preset="ultrafast")
    return {post_id: truth[post_id] for post_id in chosen}


def _dim_frames(path: Path, number: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(number)
    curve = (np.arange(256) / 255) ** rng.uniform(1.8, 2.8) * rng.uniform(0.4, 0.65) * 255 + 4
    with walk_video(path) as walk:
        for timed in walk:
            frame = timed.rgb(640)
            if number % 2:
                small = cv2.resize(frame, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
                wall = np.full_like(frame, 140)
                top, left = frame.shape[0] // 2, frame.shape[1] // 4
                wall[top : top + small.shape[0], left : left + small.shape[1]] = small
                frame = wall
            else:
                frame = cv2.LUT(frame, curve.astype(np.uint8))
                noise = rng.normal(0, 3, frame.shape)
                frame = np.clip(frame + noise, 0, 255).astype(np.uint8)
            yield frame
