"""A small line on disk: every file a report reads, made by the writers that make real ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from tests.curate.conftest import _finished, films, finished_run  # noqa: F401 - fixtures

from hashtag2action.manifest import Manifest, write_json
from hashtag2action.records import CLIP, POST, REJECT_REASON, VIDEO
from hashtag2action.video.encode import write_video

HOSTILE = "<script>alert('x')</script>"
TAGS = ("pushups", "babycrawling", "squat", HOSTILE)

Rows = list[dict[str, Any]]


@pytest.fixture
def curation(tmp_path: Path) -> Path:
    """Return the folder of a finished curation of 12 posts."""
    return write_curation(tmp_path / "line" / "curate", tmp_path / "bytes", 12)


@pytest.fixture
def line(curation: Path) -> Path:
    """Return a folder of runs: a curation, two trainings, an evaluation, figures."""
    folder = curation.parent
    write_training(folder / "pretrain", {"masking": {"mask_ratio": 0.9}}, with_pictures=True)
    write_training(folder / "finetune", {"variant": "tiny"}, with_pictures=False)
    write_evaluation(folder / "evaluate")
    figures = [
        {"name": "hard-cut F1", "shown": "0.991", "bar": ">= 0.97", "is_ok": True},
        {"name": "duplicate recall", "shown": "0.850", "bar": ">= 0.9", "is_ok": False},
    ]
    write_json(folder / "figures.json", figures)
    return folder


@pytest.fixture
def write_stage() -> Callable[[Path, str, pa.Table, pa.Table], None]:
    return _stage


def write_curation(run: Path, media: Path, num_posts: int) -> Path:
    """Write a run in which every stage rejects something."""
    media.mkdir(parents=True)
    paths = [_video(media / f"shape{index}.mp4", index) for index in range(4)]
    posts = [_post(index) for index in range(num_posts)]
    _stage(run / "00-posts", {}, _table(posts, POST), num_posts)
    for post in posts:
        post["reject_reason"] = "too_long" if post["duration_s"] > 60 else None
    settings = {"min_duration_s": 1.0, "max_duration_s": 60.0, "min_views": 0}
    posts = _verdicts(run / "01-filter_metadata", settings, posts, POST)
    for index, post in enumerate(posts):
        post |= {"video_id": post["post_id"], "video_path": str(paths[index % 4])}
        post |= {"video_sha256": "0" * 64, "size_bytes": 1000 * (index + 1)}
        post["reject_reason"] = "unreadable:empty file" if index == 1 else None
    columns = pa.unify_schemas([POST, VIDEO])
    videos = _verdicts(run / "02-fetch_videos", {}, posts, columns)
    clips = [clip for index, video in enumerate(videos) for clip in _clips(index, video)]
    columns = pa.unify_schemas([columns, CLIP])
    clips = _verdicts(run / "03-analyze_videos", {}, clips, columns, len(videos))
    for clip in clips:
        clip["has_person"] = clip["person_fraction"] >= 0.5
        clip["reject_reason"] = None if clip["has_person"] else "no_person"
        if clip["motion_score"] < 1:
            clip["reject_reason"] = "still"
    columns = columns.append(pa.field("has_person", pa.bool_()))
    settings = {"min_person_fraction": 0.5, "min_duration_s": 0.4, "min_motion": 1.0}
    clips = _verdicts(run / "04-select_clips", settings, clips, columns)
    for clip in clips:
        clip |= {"duplicate_of": None, "duplicate_distance": None}
    clips[-1] |= {"duplicate_of": clips[0]["clip_id"], "duplicate_distance": 3.0}
    clips[-1]["reject_reason"] = f"duplicate:{clips[0]['clip_id']}"
    columns = columns.append(pa.field("duplicate_of", pa.string()))
    columns = columns.append(pa.field("duplicate_distance", pa.float32()))
    clips = _verdicts(run / "05-deduplicate", {"matcher": {"max_distance": 10.0}}, clips, columns)
    _verdicts(run / "06-export_clips", {}, clips, columns)
    write_json(run / "score.json", {"cuts": {"f1": 0.99}, "tags": {HOSTILE: 0.5}})
    (run / "config.yaml").write_text("source: {kind: archive, posts: /home/maria/posts.jsonl}\n")
    return run


def write_training(folder: Path, settings: dict[str, Any], *, with_pictures: bool) -> None:
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(json.dumps(settings))
    rng = np.random.default_rng(0)
    with (folder / "metrics.jsonl").open("w") as file:
        for step in range(1, 901, 3):
            loss = 0.4 + np.exp(-step / 200) + 0.02 * rng.normal()
            row = {"step": step, "loss": loss, "lr": 1e-3 * np.cos(step / 600), "grad_norm": loss}
            file.write(json.dumps(row) + "\n")
            if step % 100 == 1 and not with_pictures:
                file.write(json.dumps({"step": step, "val_top1": 1 - loss / 2}) + "\n")
    if with_pictures:
        (folder / "reconstructions").mkdir()
        picture = rng.integers(0, 255, (96, 256, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "reconstructions" / "step_0900.png"), picture)


def write_evaluation(folder: Path) -> None:
    matrix = [[38, 2, 1], [4, 30, 9], [0, 3, 27]]
    values = {
        "top1": 95 / 114,
        "top5": 1.0,
        "mean_class_accuracy": 0.84,
        "confusion_matrix": matrix,
        "classes": ["BabyCrawling", "Punch", HOSTILE],
    }
    write_json(folder / "metrics.json", values)


def _video(path: Path, index: int) -> Path:
    size = (128, 72) if index % 2 == 0 else (72, 128)
    frames = []
    for time in range(50):
        picture = np.full((*size, 3), 40 + 40 * index, dtype=np.uint8)
        cv2.circle(picture, (10 + time, 30 + 5 * index), 9, (250, 200 - 40 * index, 90), -1)
        frames.append(picture)
    write_video(path, frames, 25)
    return path


def _post(index: int) -> dict[str, Any]:
    return {
        "post_id": f"p{index:03d}",
        "platform": "test",
        "hashtags": ["fyp", TAGS[index % len(TAGS)]],
        "description": HOSTILE,
        "duration_s": 90.0 if index == 2 else 3.0 + index,
        "num_views": 1000 * (index + 1),
        "file": f"videos/p{index:03d}.mp4",
    }


def _clips(index: int, video: dict[str, Any]) -> Rows:
    if index == 3:
        row = dict.fromkeys(CLIP.names)
        return [{**row, **video, "clip_id": f"{video['video_id']}-000"}
                | {"reject_reason": "unreadable:/home/maria/x/p.mp4 has no frames"}]  # fmt: skip
    return [
        {
            **video,
            "clip_id": f"{video['video_id']}-{scene:03d}",
            "start_s": scene * 1.0,
            "end_s": scene * 1.0 + 1.0,
            "num_frames": 25,
            "width_px": 72 if index % 2 == 0 else 128,
            "height_px": 128 if index % 2 == 0 else 72,
            "person_fraction": ((index * 2 + scene) % 5) / 4,
            "motion_score": 0.5 if (index, scene) == (1, 1) else 1.0 + index,
            "reject_reason": None,
        }
        for scene in range(2)
    ]


def _verdicts(
    folder: Path,
    settings: dict[str, Any],
    rows: Rows,
    columns: pa.Schema,
    num_input: int | None = None,
) -> Rows:
    """Write rows by their reason, and return copies of those kept."""
    rejected = [row for row in rows if row["reject_reason"]]
    kept = [row for row in rows if not row["reject_reason"]]
    sides = _table(kept, columns), _table(rejected, columns.append(REJECT_REASON))
    _stage(folder, settings, sides[0], num_input or len(rows), sides[1])
    return [dict(row) for row in kept]


def _stage(
    folder: Path,
    settings: dict[str, Any],
    kept: pa.Table,
    num_input: int,
    rejected: pa.Table | None = None,
) -> None:
    manifest = Manifest(folder)
    manifest.begin(folder.name[3:], "key", "", settings)
    if rejected is None:
        rejected = kept.schema.append(REJECT_REASON).empty_table()
    manifest.write_part("part-00000", kept, rejected)
    manifest.finish(num_input)


def _table(rows: Rows, columns: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=columns)
