"""Posts into files: scenes cut together, captions, copies, and files that are broken on purpose."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from hashtag2action.sources.studio.look import rng_for
from hashtag2action.sources.studio.posts import PostPlan
from hashtag2action.sources.studio.props import Size, draw_text
from hashtag2action.sources.studio.scene import FRAME_RATE, scene_frames
from hashtag2action.video.encode import write_video

# Chosen: encoding takes as long as drawing; slower presets save bytes that nobody misses here.
_PRESET = "ultrafast"


def film(plan: PostPlan, path: Path, size: Size) -> None:
    """Render one post to its file; a post of kind `bad` gets the flaw it is meant to have."""
    beside = path.with_suffix(".part")
    if plan.how == "empty":
        beside.write_bytes(b"")
    elif plan.how == "html":
        beside.write_text(_PAGE, encoding="utf-8")
    else:
        write_video(path.with_suffix(".whole.mp4"), post_frames(plan, size), FRAME_RATE,
                    crf=plan.crf, preset=_PRESET)  # fmt: skip
        path.with_suffix(".whole.mp4").replace(beside)
        if plan.how == "truncated":
            beside.write_bytes(_truncated(beside.read_bytes()))
    beside.replace(path)


def post_frames(plan: PostPlan, size: Size) -> Iterator[np.ndarray]:
    """The frames of a post as its maker exported them, uint8 (height, width, 3) RGB."""
    width, height = size
    rng = rng_for(plan.id, "export")
    row = height * rng.uniform(0.84, 0.93)
    boxed = rng.uniform() < 0.6
    font_px = int(24 * width / 360)
    shift = rng.uniform(0, 1, 2)
    for cut in _cut_together(plan, size):
        frame = cut
        if plan.crop < 1:
            w, h = int(width * plan.crop), int(height * plan.crop)
            x, y = int((width - w) * shift[0]), int((height - h) * shift[1])
            frame = cv2.resize(frame[y : y + h, x : x + w], size)
        if plan.mirrored:
            frame = cv2.flip(frame, 1)
        if plan.caption:
            box = (24, 24, 24) if boxed else None
            draw_text(frame, plan.caption, (width / 2, row), font_px, box=box)
        yield frame


def _cut_together(plan: PostPlan, size: Size) -> Iterator[np.ndarray]:
    """Scenes one after the other; where one dissolves, both run on past the middle of it."""
    tail: list[np.ndarray] = []
    after = [*plan.dissolves[1:], 0]
    for scene, before, behind in zip(plan.scenes, plan.dissolves, after, strict=True):
        longer = replace(scene, num_frames=scene.num_frames + before // 2 + behind // 2)
        last = longer.num_frames - behind
        kept: list[np.ndarray] = []
        for index, frame in enumerate(scene_frames(longer, size)):
            if index < before:
                share = (index + 0.5) / before
                yield cv2.addWeighted(frame, share, tail[index], 1 - share, 0)
            elif index < last:
                yield frame
            else:
                kept.append(frame)
        tail = kept


def _truncated(data: bytes) -> bytes:
    """Cut a file as a broken download does whose index would have come last."""
    boxes, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        boxes.append((data[at + 4 : at + 8], data[at : at + length]))
        at += length
    rest = b"".join(box for name, box in boxes if name != b"moov")
    return rest[: int(len(rest) * 0.6)]


_PAGE = """<!DOCTYPE html>
<html><head><title>Please wait</title></head>
<body><p>This video is not available right now. Please verify to continue.</p></body></html>
"""
