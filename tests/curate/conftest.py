"""A small finished curation: six films of moving patterns, one of them a copy."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.video.films import film

from hashtag2action.curate.pipeline import CurateConfig, curate


def moving(seed: int, count: int = 50, height: int = 96, width: int = 64) -> list[np.ndarray]:
    """Frames of a pattern in which three things move: something to hash, something to follow."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (9, 6, 3)).astype(np.float32)
    place = np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255)
    colors, speeds = rng.uniform(0, 255, (3, 3)), rng.uniform(0.05, 0.12, (3, 2))
    starts = rng.uniform(0, 6, (3, 2))
    frames = []
    for k in range(count):
        frame = place.copy()
        for color, speed, start in zip(colors, speeds, starts, strict=True):
            x, y = (np.sin(start + k * speed) + 1) / 2 * (width, height)
            cv2.circle(frame, (int(x), int(y)), 10, color.tolist(), -1)
        frames.append(frame.astype(np.uint8))
    return frames


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folders of films; `squat/7000000003` copies `pushup/7000000001`, re-encoded."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(6):
        path = folder / ("squat" if number % 2 else "pushup") / f"700000000{number}.mp4"
        path.parent.mkdir(exist_ok=True)
        copied = number == 3
        options = {"crf": "33" if copied else "20", "g": "12"}
        film(path, moving(1 if copied else number), options=options)
    return folder


def recipe(films: Path, **sections: object) -> CurateConfig:
    return CurateConfig.model_validate(
        {
            "source": {"kind": "folder", "folder": str(films), "license": "CC0-1.0"},
            "analyze_videos": {"persons": None},
            "runtime": {"engine": "inline", "rows_per_part": 2},
            **sections,
        }
    )


def quiet(stage: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="session")
def _finished(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("curation") / "run"
    containers = {"containers": ["shards", "huggingface", "lists"], "parts_per_shard": 2}
    curate(recipe(films, dataset=containers), run, quiet)
    return run


@pytest.fixture
def finished_run(_finished: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished run, in all forms, to do with as one likes."""
    return Path(shutil.copytree(_finished, tmp_path / "run"))
