from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.errors import ConfigError
from hashtag2action.evaluate.splits import over_splits
from hashtag2action.manifest import write_json

TOP1 = {1: 0.9, 2: 0.8, 3: 0.85}


def write_run(folder: Path, split: int, **clips: Any) -> Path:
    folder.mkdir()
    data = {"clips": {"kind": "hmdb51", "split": split, "subset": "test"} | clips}
    views = {"num_temporal_views": 5, "num_spatial_crops": 3}
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": data, "views": views}))
    figures = {"top1": TOP1[split], "top5": 1.0, "mean_class_accuracy": TOP1[split] - 0.1}
    write_json(folder / "metrics.json", figures | {"selection": f"of {split}"})
    return folder


def test_mean_is_over_the_three_splits(tmp_path: Path) -> None:
    folders = [write_run(tmp_path / str(split), split) for split in (3, 1, 2)]
    found = over_splits(folders)
    assert found.splits == [1, 2, 3]
    assert found.values["top1"] == [0.9, 0.8, 0.85]
    assert found.means["top1"] == pytest.approx(0.85)
    assert found.selections == ["of 1", "of 2", "of 3"]
    said = CliRunner().invoke(app, ["splits", *map(str, folders[:2])])
    assert said.exit_code == 0
    assert "0.8750" in said.stdout
    assert "over 2 of the 3 splits" in said.stdout


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", 1)
    with pytest.raises(ConfigError, match="comes twice"):
        over_splits([first, write_run(tmp_path / "b", 1)])
    with pytest.raises(ConfigError, match="different benchmarks"):
        over_splits([first, write_run(tmp_path / "c", 2, kind="ucf101")])
    with pytest.raises(ConfigError, match="not of the test list"):
        over_splits([first, write_run(tmp_path / "d", 2, subset="train")])
    with pytest.raises(ConfigError, match="no finished evaluation"):
        over_splits([first, tmp_path])
