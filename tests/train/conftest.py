"""A tiny world of two classes, and trainings small enough for seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hashtag2action.video.encode import write_video


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


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` and `test` with the classes `red` and `blue`, four clips each."""
    root = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for channel, name in ((0, "red"), (2, "blue")):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(4):
                frames = square_clip(rng, channel)
                write_video(folder / f"{number}.mp4", frames, 25)
    return root


@pytest.fixture
def settings(world: Path) -> Callable[..., dict[str, Any]]:
    """Values of a training that both recipes share; keyword arguments replace sections."""

    def make(**sections: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            "network": {"variant": "vit_tiny", "num_frames": 8, "size_px": 32, "patch_size": 8},
            "data": {
                "clips": {"kind": "folder", "folder": world / "train"},
                "decoding": {"kind": "memory", "short_side_px": 36, "frames_per_s": 25},
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
        return values | sections

    return make
