"""Which runs lie in a folder, told by their files alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from hashtag2action.errors import ManifestError

Kind = Literal["mining", "curation", "pretraining", "finetuning", "evaluation", "figures"]
KINDS: tuple[Kind, ...] = (
    "mining",
    "curation",
    "pretraining",
    "finetuning",
    "evaluation",
    "figures",
)
"""In the order of the line."""

DEPTH = 2
"""Levels of folders below the given one that are looked at; chosen: a demo nests one or two."""


@dataclass(frozen=True)
class Run:
    """One run of one kind; a folder that trained and evaluated counts as two."""

    kind: Kind
    name: str
    """Path below the folder of runs, or the folder's own name."""
    folder: Path


def discover(folder: Path) -> list[Run]:
    """Find the runs in a folder: the folder itself, its folders and theirs.

    Raises:
        ManifestError: There is no such folder, or no run in it.
    """
    if not folder.is_dir():
        raise ManifestError(f"{folder}: no such folder; give the --out folder of a run")
    found = [
        Run(kind, _name(folder, place), place)
        for place in _folders(folder, DEPTH)
        for kind in _kinds(place)
    ]
    if not found:
        raise ManifestError(
            f"{folder}: no run in it; a run has stage folders such as 03-analyze_videos, "
            "or metrics.jsonl, metrics.json or figures.json"
        )
    return sorted(found, key=lambda run: (KINDS.index(run.kind), run.name))


def read_settings(folder: Path) -> dict[str, Any]:
    """Read `config.yaml` of a run; a run without a readable one has no settings to show."""
    path = folder / "config.yaml"
    if not path.is_file():
        return {}
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return {}
    return values if isinstance(values, dict) else {}


def read_json(path: Path) -> Any:
    """Read a JSON file, or return None when there is none.

    Raises:
        ManifestError: The file is not JSON.
    """
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ManifestError(f"{path}: cannot be read as JSON ({error})") from error


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    if depth == 0 or _stages(folder):
        return
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith("."):
            yield from _folders(child, depth - 1)


def _kinds(folder: Path) -> Iterator[Kind]:
    stages = _stages(folder)
    if "mine_hashtags" in stages:
        yield "mining"
    elif stages:
        yield "curation"
    if (folder / "metrics.jsonl").is_file():
        yield "pretraining" if _is_pretraining(folder) else "finetuning"
    if (folder / "metrics.json").is_file():
        yield "evaluation"
    if (folder / "figures.json").is_file():
        yield "figures"


def _stages(folder: Path) -> list[str]:
    plans = sorted(folder.glob("[0-9][0-9]-*/plan.json"))
    return [plan.parent.name.partition("-")[2] for plan in plans]


def _is_pretraining(folder: Path) -> bool:
    """Tell the two kinds of training apart: only pre-training masks and reconstructs."""
    if (folder / "reconstructions").is_dir():
        return True
    return any("mask" in name for name in _field_names(read_settings(folder)))


def _field_names(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield str(name)
        if isinstance(value, dict):
            yield from _field_names(value)


def _name(root: Path, place: Path) -> str:
    if place == root:
        return root.resolve().name
    return place.relative_to(root).as_posix()
