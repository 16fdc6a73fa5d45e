"""Trainings that take seconds: two classes of clips, a colored square that crosses the frame."""

from pathlib import Path
from typing import Any

import numpy as np

from hashtag2action.video.encode import write_video

FRAMES_PER_S = 25


def square_clip(rng: np.random.Generator, channel: int) -> list[np.ndarray]:
    """A square of one color that crosses a noisy frame within 1.6 s."""
    background = rng.integers(0, 90, (36, 48, 3), np.uint8)
    top, goes_right = int(rng.integers(0, 16)), rng.random() < 0.5
    frames = []
    for number in range(40):
        frame = background.copy()
        left = number if goes_right else 39 - number
        frame[top : top + 20, left : left + 9, channel] = 255
        frames.append(frame)
    return frames


def write_world(root: Path) -> Path:
    """Write `train` and `test` with the classes `red` and `blue`, four clips each."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for channel, name in ((0, "red"), (2, "blue")):
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(4):
                write_video(folder / f"{number}.mp4", square_clip(rng, channel), FRAMES_PER_S)
    return root


def tiny_recipe(world: Path) -> dict[str, Any]:
    """Return what both objectives share."""
    return {
        "network": {"variant": "vit_tiny", "num_frames": 8, "size_px": 32, "patch_size": 8},
        "data": {
            "clips": {"kind": "folder", "folder": str(world / "train")},
            "decoding": {"kind": "memory", "short_side_px": 36, "frames_per_s": FRAMES_PER_S},
            "stride_s": 0.12,
        },
        "optimization": {
            "epochs": 3,
            "warmup_epochs": 1,
            "clips_per_step": 4,
            "repeated_augmentation": 2,
            "base_lr": 0.032,
        },
        "runtime": {
            "precision": "fp32",
            "num_threads": 1,
            "log_every_steps": 1,
            "checkpoint_every_steps": 2,
        },
    }
