"""Videos whose frames say their number."""

from pathlib import Path

import numpy as np
import pytest

from hashtag2action.video.encode import write_video


def write_counting_video(path: Path, num_frames: int = 40) -> Path:
    """25 frames a second; frame n has the gray level 5 n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = (np.full((32, 48, 3), 5 * number, np.uint8) for number in range(num_frames))
    write_video(path, frames, 25, crf=5)
    return path


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two classes with three videos each."""
    root = tmp_path_factory.mktemp("videos")
    for name in ("run", "jump"):
        for number in range(3):
            write_counting_video(root / name / f"v_{name}_g0{number}_c01.mp4")
    return root
