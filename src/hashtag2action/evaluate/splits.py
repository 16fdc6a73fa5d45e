"""The mean over a benchmark's official splits: what UCF101 and HMDB51 results are reported as."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hashtag2action.config import read_yaml
from hashtag2action.errors import ConfigError

FIGURES = ("top1", "top5", "mean_class_accuracy")


@dataclass(frozen=True)
class OverSplits:
    """Evaluations of one kind of network, one on each split."""

    splits: list[int]
    values: dict[str, list[float]]
    """Each figure on each split."""
    means: dict[str, float]
    selections: list[str]
    """By which clips the weights of each split were chosen."""


def over_splits(folders: Sequence[Path]) -> OverSplits:
    """Average evaluations over splits.

    Args:
        folders: An evaluation of the test list of each split, in any order.

    Raises:
        ConfigError: One is no finished evaluation of a test list, they are of different benchmarks
            or views, or a split comes twice.
    """
    found = sorted((_read(folder) for folder in folders), key=lambda item: item[0]["split"])
    alike = {(str(clips["kind"]), str(views)) for clips, views, _ in found}
    if len(alike) > 1:
        raise ConfigError(f"evaluations of different benchmarks or views: {sorted(alike)}")
    splits = [clips["split"] for clips, _, _ in found]
    if len(set(splits)) < len(splits):
        raise ConfigError(f"a split comes twice: {splits}")
    values = {name: [metrics[name] for _, _, metrics in found] for name in FIGURES}
    return OverSplits(
        splits=splits,
        values=values,
        means={name: float(np.mean(numbers)) for name, numbers in values.items()},
        selections=[metrics.get("selection", "unknown") for _, _, metrics in found],
    )


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    file = folder / "metrics.json"
    if not file.is_file():
        raise ConfigError(f"{folder}: no finished evaluation (no metrics.json)")
    config = read_yaml(folder / "config.yaml")
    clips = config["data"]["clips"]
    if "split" not in clips or clips.get("subset") != "test":
        raise ConfigError(f"{folder}: not of the test list of a split; its clips are {clips}")
    return clips, config["views"], json.loads(file.read_text(encoding="utf-8"))
