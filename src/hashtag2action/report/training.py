"""Training as curves, and what a pre-trained network makes of masked clips."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
from markupsafe import Markup

from hashtag2action.logs import read_metrics
from hashtag2action.report.charts import Series, curves
from hashtag2action.report.discover import Run
from hashtag2action.report.sheets import jpeg_uri
from hashtag2action.report.svg import number

MAX_POINTS = 300
"""Points per curve; chosen: finer than the pixels of a chart."""
MAX_RECONSTRUCTIONS = 8
"""Reconstructions shown of a run, evenly spread, the first and the last among them; chosen."""
MAX_PICTURE_PX = 1280
"""Longest side of an embedded reconstruction; chosen."""
MAX_PNG_BYTES = 400_000
"""Pictures up to this size are embedded as they are; chosen: patch borders stay sharp."""
MAX_SERIES = 4
"""Runs in one chart; chosen: more curves cannot be told apart."""

TITLES = {
    "loss": "Training loss",
    "lr": "Learning rate",
    "learning_rate": "Learning rate",
    "grad_norm": "Gradient norm",
    "clips_per_s": "Samples per second",
    "data_wait_fraction": "Share of time waiting for data",
    "num_unreadable": "Unreadable clips",
    "train_top1": "Training top-1",
    "accuracy": "Training accuracy",
    "top1": "Validation top-1",
    "top5": "Validation top-5",
    "val_loss": "Validation loss",
    "val_top1": "Validation top-1",
    "val_top5": "Validation top-5",
    "fixed_loss": "Loss on fixed training clips",
    "fixed_top1": "Top-1 on fixed training clips",
    "knn_top1": "Top-1 of nearest neighbors",
    "val_mean_class_accuracy": "Validation mean class accuracy",
}
"""Names of known quantities; others are shown under their own."""
AXES = {"step", "epoch", "num_clips", "elapsed_s", "time_s"}
"""Fields that place a row and are no curve of their own."""


@dataclass(frozen=True)
class Curve:
    """One quantity over the steps, of one or more runs."""

    title: str
    chart: Markup


@dataclass(frozen=True)
class Training:
    """Runs of one kind, side by side."""

    names: tuple[str, ...]
    curves: tuple[Curve, ...]
    facts: tuple[tuple[str, str, str], ...]
    """Per run: its name, its steps, how its loss moved."""


@dataclass(frozen=True)
class Reconstruction:
    """A strip of original, masked and reconstructed frames."""

    name: str
    image: str


def read_training(runs: Sequence[Run]) -> Training | None:
    """Read the metrics of runs of one kind into shared charts.

    Raises:
        ManifestError: A metrics file holds a line that is not JSON, other than an unfinished last.
    """
    read = [(run.name, read_metrics(run.folder / "metrics.jsonl")) for run in runs]
    read = [(name, rows) for name, rows in read if rows]
    if not read:
        return None
    fields = dict.fromkeys(
        field for _, rows in read for row in rows for field in row if field not in AXES
    )
    drawn = []
    for field in sorted(fields, key=_place):
        series = [
            _series(name, rows, field, color)
            for color, (name, rows) in enumerate(read[:MAX_SERIES])
        ]
        chart = curves([one for one in series if len(one.xs) > 1], _title(field))
        if chart:
            drawn.append(Curve(_title(field), chart))
    facts = tuple((name, *_fact(rows)) for name, rows in read)
    return Training(tuple(name for name, _ in read), tuple(drawn), facts)


def reconstructions(run: Path) -> list[Reconstruction]:
    """Embed the reconstructions that a pre-training run has drawn, spread over the run."""
    paths = sorted((run / "reconstructions").glob("*.png"))
    # The last ones show the most; the first one shows where it began.
    if len(paths) > MAX_RECONSTRUCTIONS:
        step = (len(paths) - 1) / (MAX_RECONSTRUCTIONS - 1)
        paths = [paths[round(index * step)] for index in range(MAX_RECONSTRUCTIONS)]
    found = []
    for path in paths:
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if picture is None:
            continue
        if path.stat().st_size <= MAX_PNG_BYTES:
            found.append(Reconstruction(_caption(path), _png_uri(path)))
            continue
        scale = MAX_PICTURE_PX / max(picture.shape[:2])
        if scale < 1:
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
        found.append(Reconstruction(_caption(path), jpeg_uri(rgb, quality=88)))
    return found


def _caption(path: Path) -> str:
    return re.sub(r"[_-]+", " ", path.stem)


def _png_uri(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def _series(name: str, rows: Sequence[dict[str, Any]], field: str, color: int = 0) -> Series:
    pairs = [
        (float(row.get("step", index)), float(row[field]))
        for index, row in enumerate(rows)
        if isinstance(row.get(field), int | float) and not isinstance(row.get(field), bool)
    ]
    size = -(-len(pairs) // MAX_POINTS)
    if size > 1:
        # Means of equal runs of points: thinning by picking would hide spikes and keep noise.
        groups = [pairs[start : start + size] for start in range(0, len(pairs), size)]
        pairs = [(group[-1][0], fmean(y for _, y in group)) for group in groups]
    return Series(name, [x for x, _ in pairs], [y for _, y in pairs], color)


def _place(field: str) -> tuple[int, str]:
    names = list(TITLES)
    return (names.index(field) if field in names else len(names), field)


def _title(field: str) -> str:
    return TITLES.get(field, field.replace("_", " ").capitalize())


def _fact(rows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    losses = _series("", rows, "loss").ys
    steps = number(max((row.get("step", 0) for row in rows), default=0))
    moved = f"{number(losses[0])} to {number(losses[-1])}" if losses else ""
    return steps, moved
