"""From weights and labelled clips to accuracies, predictions and a confusion matrix."""

import csv
import json
import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float, Int
from pydantic import Field
from torch import Tensor

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip, ClipSet, require_same_classes
from hashtag2action.data.clips import ClipSource
from hashtag2action.data.frames import DecodeOnDemand, Decoding, FrameReader, OnProgress
from hashtag2action.errors import ConfigError
from hashtag2action.evaluate.compute import Compute
from hashtag2action.evaluate.metrics import calibration, summary
from hashtag2action.evaluate.recognizer import Card, load_recognizer
from hashtag2action.evaluate.views import Views, views_of
from hashtag2action.logs import begin_run, removed_if_bare
from hashtag2action.manifest import write_json
from hashtag2action.models.vit import VisionTransformer

BEST_WEIGHTS = "weights_best.safetensors"
"""Name of the weights that a training chose by clips it looked at."""


class EvaluationData(Config):
    """Which clips are judged."""

    clips: ClipSource
    """Labelled clips."""
    decoding: Decoding = DecodeOnDemand()
    """On demand decodes each clip once for all its views."""
    unreadable: Literal["fail", "skip"] = "fail"
    """A clip that cannot be read ends the run with its path, or is left out and counted."""


class EvaluationRuntime(Compute):
    """How the evaluation runs; changes no result beyond rounding."""

    views_per_step: Annotated[int, Field(gt=0)] = 16
    """Views that go through the network at once."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that decode ahead; 0 decodes in turn with the network (best on a CPU)."""


class Evaluate(Config):
    """Judge a recognizer on labelled clips."""

    weights: Path
    """A fine-tuned network's weights.safetensors."""
    data: EvaluationData
    """Clips."""
    views: Views = Views()
    """Views averaged per clip."""
    runtime: EvaluationRuntime = EvaluationRuntime()
    """Device, precision, threads."""


def evaluate(config: Evaluate, out: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Judge a recognizer.

    Softmax per view, mean over views. Writes config.yaml, environment.json, metrics.json
    (accuracies, the confusion matrix, calibration, the precision, and whether the weights were
    chosen by test clips), classes.csv and predictions.parquet (one row per clip, its id a path,
    with the probabilities of every view).

    Returns:
        What metrics.json holds.

    Raises:
        ConfigError: The clips have no labels, or other classes than the network; or the device is
            not here.
        CheckpointError: The weights are not those of a recognizer.
        VideoError: A clip cannot be read.
    """
    begun = time.perf_counter()
    config.runtime.require_device()
    config.runtime.start()
    model, card = load_recognizer(config.weights)
    model.to(config.runtime.device).eval()
    clips = config.data.clips.read()
    clips.labels()
    require_same_classes(card.class_names, clips.class_names, ("the network", "data.clips"))
    with removed_if_bare(out):
        begin_run(out, config)
        read, probabilities = _predict_all(model, card, clips, config, on_progress)
        labels = np.array([clip.label for clip in read])
        metrics = summary(probabilities.mean(axis=1), labels, card.class_names)
        metrics |= {
            "calibration": calibration(probabilities.mean(axis=1), labels),
            "num_unreadable": len(clips.clips) - len(read),
            "num_missing": clips.num_missing,
            "num_views": probabilities.shape[1],
            "is_test": clips.is_test,
            "selection": selection(config.weights),
            "precision": config.runtime.settled_precision,
        }
        ids = [clip.clip_id for clip in read]
        write_predictions(out / "predictions.parquet", ids, labels, probabilities, card.class_names)
        _write_classes(out / "classes.csv", metrics)
        metrics["seconds"] = time.perf_counter() - begun
        write_json(out / "metrics.json", metrics)
        return metrics


def selection(weights: Path) -> str:
    """Say by which clips weights were chosen among those of their training, in a sentence."""
    file = weights.parent / "result.json"
    if not file.is_file():
        return "unknown: no result.json of a training beside the weights"
    if weights.name != BEST_WEIGHTS:
        return "none: the last weights of the training, or their running mean"
    result = json.loads(file.read_text(encoding="utf-8"))
    if result.get("selected_on_test_clips"):
        return "by TEST CLIPS: the best weights by clips that results are reported on"
    return "by clips that are no test clips: the best weights by those the training looked at"


@torch.no_grad()
def predict_views(
    model: VisionTransformer, views: Tensor, runtime: EvaluationRuntime
) -> Float[np.ndarray, "v k"]:
    """Return the probabilities of the classes for each view."""
    parts = []
    for part in views.split(runtime.views_per_step):
        with runtime.autocast():
            logits = model(part.to(runtime.device))
        parts.append(logits.float().softmax(dim=1).cpu())
    return torch.cat(parts).numpy()


def _predict_all(
    model: VisionTransformer,
    card: Card,
    clips: ClipSet,
    config: Evaluate,
    on_progress: OnProgress | None,
) -> tuple[list[Clip], Float[np.ndarray, "n v k"]]:
    read: list[Clip] = []
    probabilities: list[np.ndarray] = []
    seen = views_of(
        clips.clips,
        FrameReader(config.data.decoding),
        card.sampling,
        config.views,
        card.network.size_px,
        skip_unreadable=config.data.unreadable == "skip",
        num_workers=config.runtime.num_workers,
    )
    for number, clip, views in seen:
        probabilities.append(predict_views(model, views, config.runtime))
        read.append(clip)
        if on_progress is not None:
            on_progress("evaluate", number, len(clips.clips))
    if not read:
        raise ConfigError(f"none of the {len(clips.clips)} clips can be read")
    return read, np.stack(probabilities)


def _write_classes(path: Path, metrics: dict[str, Any]) -> None:
    """Write a row per class: its clips, how many are right, and what it is most mistaken for."""
    names, counts = metrics["class_names"], np.array(metrics["confusion_matrix"])
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["class", "num_clips", "accuracy", "mistaken_for", "num_mistaken"])
        for place, (name, row) in enumerate(zip(names, counts, strict=True)):
            accuracy = metrics["class_accuracy"][name]
            wrong = row.copy()
            wrong[place] = 0
            most = int(wrong.argmax())
            told = [names[most], int(wrong[most])] if wrong[most] else ["", 0]
            shown = "" if accuracy is None else f"{accuracy:.4f}"
            writer.writerow([name, int(row.sum()), shown, *told])


def write_predictions(
    path: Path,
    clip_ids: list[str],
    labels: Int[np.ndarray, " n"],
    probabilities: Float[np.ndarray, "n v k"],
    class_names: tuple[str, ...],
) -> None:
    """Write one row per clip, its id a path, with the probabilities of every view."""
    mean = probabilities.mean(axis=1)
    guesses = mean.argmax(axis=1)
    table = pa.table(
        {
            "clip_id": clip_ids,
            "label": [class_names[label] for label in labels],
            "guess": [class_names[guess] for guess in guesses],
            "probability": mean.max(axis=1),
            "view_probabilities": _nested(probabilities),
        }
    )
    pq.write_table(table, path)


def _nested(values: Float[np.ndarray, "n v k"]) -> pa.Array:
    """Make lists of lists without a Python number for each value."""
    flat = pa.array(values.reshape(-1).astype(np.float32))
    rows = pa.FixedSizeListArray.from_arrays(flat, values.shape[2])
    return pa.FixedSizeListArray.from_arrays(rows, values.shape[1])
