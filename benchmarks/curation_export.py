"""Figures of export and withdrawal: what a clip costs, which faces stay, what a withdrawal leaves.

Source of the footage: `data/shorts` of the shared folder, real people; the rendered world for the
withdrawal.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from benchmarks.centerface import CenterFace
from benchmarks.figures import Figure
from hashtag2action.curate.check_dataset import check_dataset
from hashtag2action.curate.pipeline import CurateConfig, curate
from hashtag2action.curate.withdrawal.check import check_withdrawn
from hashtag2action.curate.withdrawal.withdraw import withdraw
from hashtag2action.manifest import find_stage
from hashtag2action.report.card import write_card
from hashtag2action.report.render import write_report
from hashtag2action.video.copy import copy_clip
from hashtag2action.video.cut import Edit, cut_clip
from hashtag2action.video.decode import decode_at
from hashtag2action.vision.boxes import overlaps
from hashtag2action.vision.faces import FaceBlur, blur_faces

NUM_CLIPS = 40
"""Scenes cut for each figure (chosen: two minutes on one core)."""
FRAMES_PER_CLIP = 8
MAX_LIKENESS = 0.5
"""Correlation of the fine detail of a face before and after, above which it still shows. Chosen: a
face that is only encoded twice keeps 0.9 and more."""
MAX_COPY_MS = 10.0
"""Bar for a copied clip: twice what a prototype needed, for the index is read as well."""


def export(shared: Path, out: Path) -> list[Figure]:
    """Measure all of it."""
    scenes = _scenes(shared)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    people = [*_samples(shared), *scenes]
    return [*_costs(scenes, out), *_faces(people, out), *_withdrawal(out)]


@dataclass(frozen=True)
class _Scene:
    video: Path
    start_s: float
    end_s: float


def _scenes(shared: Path) -> list[_Scene]:
    folder = shared / "data" / "shorts"
    if not folder.exists():
        raise SystemExit(f"{folder}: not here; give the folder of real data with --shared")
    truth = json.loads((folder / "truth.json").read_text("utf-8"))
    scenes = [
        _Scene(
            folder / "videos" / f"{name}.mp4",
            scene["start_s"],
            min(scene["end_s"], scene["start_s"] + 3),
        )
        for name, post in sorted(truth.items())
        for scene in post["scenes"]
        if scene["who"] == "person" and scene["end_s"] - scene["start_s"] > 1.5
    ]
    return scenes[:: max(1, len(scenes) // NUM_CLIPS)][:NUM_CLIPS]


def _samples(shared: Path) -> list[_Scene]:
    """Single clips of UCF101, HMDB51 and Kinetics-400: other people than in the shorts."""
    folder = shared / "data" / "samples"
    videos = sorted(path for path in folder.iterdir() if path.suffix in {".mp4", ".avi"})
    return [_Scene(path, 0.0, 1.6) for path in videos]


def _encode(scene: _Scene, path: Path, edit: Edit | None = None) -> None:
    cut_clip(
        scene.video,
        path,
        scene.start_s,
        scene.end_s,
        short_side_px=256,
        crf=23,
        preset="veryfast",
        gop=16,
        edit=edit,
    )


def _costs(scenes: list[_Scene], out: Path) -> list[Figure]:
    """CPU time of a clip, both ways in turn, the median over scenes."""
    copied, encoded, is_whole = [], [], []
    for scene in scenes:
        path = out / "clip.mp4"
        clip = copy_clip(scene.video, path, scene.start_s, scene.end_s)
        copied.append(_cpu_ms(partial(copy_clip, scene.video, path, scene.start_s, scene.end_s)))
        steps = np.arange(0.02, scene.end_s - scene.start_s - 0.05, 0.2)
        same = decode_at(scene.video, scene.start_s + steps, 64)
        is_whole.append(np.array_equal(decode_at(clip.path, clip.start_s + steps, 64), same))
        encoded.append(_cpu_ms(partial(_encode, scene, path)))
    copy_ms, encode_ms = float(np.median(copied)), float(np.median(encoded))
    ratio = encode_ms / copy_ms
    exact = sum(is_whole)
    return [
        Figure(
            "a clip copied, CPU ms", f"{copy_ms:.1f}", f"<= {MAX_COPY_MS:g}", copy_ms <= MAX_COPY_MS
        ),
        Figure("a clip encoded anew, CPU ms", f"{encode_ms:.0f}", "shown", True),
        Figure("encoded over copied, times", f"{ratio:.0f}", ">= 20", ratio >= 20),
        Figure(
            "copied clips with the source's pictures",
            f"{exact} of {len(scenes)}",
            "all",
            exact == len(scenes),
        ),
    ]


def _cpu_ms(call: Callable[[], object]) -> float:
    begun = time.process_time()
    call()
    return (time.process_time() - begun) * 1000


def _faces(scenes: list[_Scene], out: Path) -> list[Figure]:
    """Ask a net of another make which faces it sees before and after."""
    judge, settings = CenterFace(out.parent / "centerface"), FaceBlur()
    find = settings.open()
    num_faces = num_left = num_covered = 0
    seconds = frames = 0.0
    for number, scene in enumerate(scenes):
        plain, blurred = out / f"plain-{number}.mp4", out / f"blurred-{number}.mp4"
        _encode(scene, plain)
        begun = time.process_time()
        _encode(scene, blurred, lambda pictures, rate: blur_faces(pictures, rate, settings, find))
        seconds += time.process_time() - begun
        frames += 25 * (scene.end_s - scene.start_s)
        length_s = scene.end_s - scene.start_s
        times = np.linspace(0.05, length_s - 0.1, FRAMES_PER_CLIP)
        for before, after in zip(decode_at(plain, times), decode_at(blurred, times), strict=True):
            left = judge(after)
            for face in judge(before):
                num_faces += 1
                num_left += bool(len(left)) and bool(overlaps(face, left).max() > 0.3)
                num_covered += _is_changed(before, after, face)
    recall, covered = 1 - num_left / num_faces, num_covered / num_faces
    found = f"of {num_faces}"
    return [
        Figure(
            "faces a second net no longer sees", f"{recall:.3f} {found}", ">= 0.95", recall >= 0.95
        ),
        Figure(
            "faces of a second net whose detail is gone",
            f"{covered:.3f} {found}",
            ">= 0.9",
            covered >= 0.9,
        ),
        Figure("a blurred picture, CPU ms", f"{1000 * seconds / frames:.1f}", "shown", True),
    ]


def _is_changed(before: np.ndarray, after: np.ndarray, face: np.ndarray) -> bool:
    """Whether the detail in the middle of a face is gone: what is fine does not correlate."""
    x0, y0, x1, y1 = (int(value) for value in face)
    width, height = max(4, x1 - x0), max(4, y1 - y0)
    rows = slice(max(0, y0 + height // 8), max(1, y1 - height // 8))
    columns = slice(max(0, x0 + width // 8), max(1, x1 - width // 8))
    details = []
    for picture in (before, after):
        luma = picture[rows, columns].mean(axis=2).astype(np.float32)
        details.append((luma - cv2.GaussianBlur(luma, (0, 0), width / 8)).ravel())
    spread = details[0].std() * details[1].std()
    if spread == 0:
        return True
    centered = [detail - detail.mean() for detail in details]
    return float(np.mean(centered[0] * centered[1]) / spread) < MAX_LIKENESS


def _withdrawal(out: Path) -> list[Figure]:
    """Withdraw a tenth of a rendered platform, and search for it."""
    run = out / "run"
    config = CurateConfig.model_validate(
        {
            "source": {
                "kind": "studio",
                "num_posts": 30,
                "width_px": 180,
                "height_px": 320,
                "workers": 1,
            },
            "analyze_videos": {"persons": None},
            "dataset": {"containers": ["shards", "huggingface", "lists"]},
            "runtime": {"engine": "inline"},
        }
    )
    curate(config, run, lambda *_: None)
    write_card(run)
    write_report(run)
    exported = find_stage(run, "export_clips").read(columns=["post_id"])["post_id"].to_pylist()
    gone = sorted(set(exported))[::10]
    before = check_withdrawn(gone, [run])
    begun = time.process_time()
    done = withdraw(gone, [run])
    seconds = time.process_time() - begun
    write_card(run)
    write_report(run)
    after = check_withdrawn(done.posts, [run])
    num_paths, faults = check_dataset(run)
    return [
        Figure(
            "places that speak of withdrawn posts, before",
            f"{len(before.places)}",
            "> 0",
            bool(before.places),
        ),
        Figure(
            "... after a withdrawal",
            f"{len(after.places)} in {after.num_places} searched",
            "0",
            not after.places,
        ),
        Figure(
            "paths of the rest that do not open", f"{len(faults)} of {num_paths}", "0", not faults
        ),
        Figure("a withdrawal, CPU s", f"{seconds:.1f}", "shown", True),
    ]
