"""What frozen features know: k nearest neighbors, a linear and an attentive classifier on them.

The network is not changed. Whatever is chosen, is chosen on training clips: a part of them is
held out, and the test clips are looked at once, at the end.
"""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow.parquet as pq
import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from hashtag2action.config import Config
from hashtag2action.data.clip_set import require_same_classes
from hashtag2action.data.frames import OnProgress
from hashtag2action.errors import ConfigError
from hashtag2action.evaluate.attentive import AttentiveSettings, attentive_scores
from hashtag2action.evaluate.compute import precisions_of
from hashtag2action.evaluate.evaluate import EvaluationData, EvaluationRuntime, write_predictions
from hashtag2action.evaluate.frozen import MIDDLE, FrozenEncoder, write_features
from hashtag2action.evaluate.metrics import summary
from hashtag2action.evaluate.neighbors import NUM_NEIGHBORS, neighbor_votes
from hashtag2action.evaluate.views import Views
from hashtag2action.logs import begin_run, finished_result, removed_if_bare
from hashtag2action.manifest import write_json
from hashtag2action.models.layouts import open_weights

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Weights of the squared norm that are tried for the linear probe. Chosen: too little to too much
for standardized features of any size."""

HELD_OUT = 5
"""One clip of so many tells the penalty. Chosen: a fifth, as is common."""


class Probe(Config):
    """Judge frozen features."""

    weights: Path
    """Weights of any form."""
    train: EvaluationData
    """Labelled clips to learn from."""
    test: EvaluationData
    """Labelled clips of the same classes to judge by."""
    kinds: Annotated[tuple[Literal["knn", "linear", "attentive"], ...], Field(min_length=1)] = (
        "knn",
        "linear",
    )
    """Which probes. The attentive one keeps all tokens of all clips on the disk."""
    num_neighbors: Annotated[int, Field(gt=0)] = NUM_NEIGHBORS
    """Neighbors that vote. Source: DINO (arXiv 2104.14294)."""
    attentive: AttentiveSettings = AttentiveSettings()
    """How the attentive probe learns."""
    views: Views = MIDDLE
    """Views averaged per clip."""
    seed: int = 0
    """Seed of what is held out."""
    runtime: EvaluationRuntime = EvaluationRuntime()
    """Device, precision, threads."""


def probe(config: Probe, out: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Judge frozen features.

    Writes precision.json, train.parquet and test.parquet (features, made once), and for each kind a
    folder with metrics.json and predictions.parquet as an evaluation does.

    Returns:
        What result.json holds: top-1 of each kind, and what was chosen.

    Raises:
        ConfigError: Training and test clips have other classes, or none, or a clip has no label,
            or there is one training clip; or the device is not here.
        CheckpointError: The weights do not fit.
        VideoError: A clip cannot be read.
    """
    begun = time.perf_counter()
    config.runtime.require_device()
    with removed_if_bare(out):
        begin_run(out, config, lambda: (open_weights(config.weights), _classes_of(config)))
        finished = finished_result(out)
        if finished is not None:
            return finished
        classes = _classes_of(config)
        encoder = FrozenEncoder.open(config.weights, config.runtime.held_in(out))
        known, labels, _ = _features(
            encoder, config.train, config, out / "train.parquet", on_progress
        )
        asked, truth, ids = _features(
            encoder, config.test, config, out / "test.parquet", on_progress
        )
        places = {name: place for place, name in enumerate(classes)}
        learned = torch.tensor([places[name] for name in labels])
        answers = np.array([places[name] for name in truth])
        result: dict[str, Any] = {"num_train": len(labels), "num_test": len(truth)}
        for kind in config.kinds:
            if kind == "knn":
                votes = neighbor_votes(known, learned, asked, len(classes), config.num_neighbors)
                scores = votes.numpy()
            elif kind == "linear":
                scores, penalty = linear_scores(known, learned, asked, len(classes), config.seed)
                result["linear_penalty"] = penalty
            else:
                data = (config.train, config.test)
                scores = attentive_scores(
                    encoder, *data, learned, len(classes), config.attentive, out
                )
            folder = out / kind
            folder.mkdir(exist_ok=True)
            write_predictions(
                folder / "predictions.parquet", ids, answers, scores[:, None], classes
            )
            found = summary(scores, answers, classes)
            write_json(folder / "metrics.json", found)
            result[f"{kind}_top1"], result[f"{kind}_top5"] = found["top1"], found["top5"]
        result["precision"] = precisions_of(out)
        result["seconds"] = time.perf_counter() - begun
        write_json(out / "result.json", result)
        return result


def _classes_of(config: Probe) -> tuple[str, ...]:
    """Read the classes that both have, and refuse clips to which there is no answer."""
    train, test = config.train.clips.read(), config.test.clips.read()
    require_same_classes(train.class_names, test.class_names, ("train.clips", "test.clips"))
    for clips in (train, test):
        clips.labels()  # refuses those without
    if len(train.clips) < 2:
        raise ConfigError("probe: one training clip alone; there is nothing to tell it from")
    return train.class_names


def linear_scores(
    known: Float[Tensor, "m d"],
    labels: Int64[Tensor, " m"],
    asked: Float[Tensor, "n d"],
    num_classes: int,
    seed: int,
) -> tuple[Float[np.ndarray, "n k"], float]:
    """Classify by logistic regression on standardized features.

    The penalty is the one with the most right among a fifth of the known clips, after learning
    from the others; of equals the largest.

    Args:
        known: Features of clips whose class is known.
        labels: Their classes.
        asked: Features of the clips in question.
        num_classes: Number of classes.
        seed: Seed of the fifth.

    Returns:
        Probabilities, and the penalty.
    """
    mean, deviation = known.mean(dim=0), known.std(dim=0).clamp(min=1e-6)
    known, asked = (known - mean) / deviation, (asked - mean) / deviation
    order = torch.from_numpy(np.random.default_rng(seed).permutation(len(known)))
    held = order[: len(known) // HELD_OUT]
    rest = order[len(held) :]
    right = {}
    for penalty in PENALTIES:
        weights = fit_logistic(known[rest], labels[rest], num_classes, penalty)
        guesses = _logits(known[held], weights).argmax(dim=1)
        right[penalty] = int((guesses == labels[held]).sum())
    best = max(PENALTIES, key=lambda penalty: (right[penalty], penalty))
    weights = fit_logistic(known, labels, num_classes, best)
    return _logits(asked, weights).softmax(dim=1).numpy(), best


def fit_logistic(
    features: Float[Tensor, "n d"], labels: Int64[Tensor, " n"], num_classes: int, penalty: float
) -> Float[Tensor, "k e"]:
    """Minimize mean cross entropy + penalty / 2 * squared norm of the weights, to the minimum.

    Args:
        features: Standardized.
        labels: Classes.
        num_classes: Number of classes.
        penalty: Weight of the squared norm; the biases are free.

    Returns:
        Weights, and the biases in a last column.
    """
    weights = torch.zeros(num_classes, features.shape[1] + 1, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weights], max_iter=300, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        solver.zero_grad()
        value = F.cross_entropy(_logits(features, weights), labels)
        value = value + penalty / 2 * weights[:, :-1].square().sum()
        value.backward()
        return value

    solver.step(loss)
    return weights.detach()


def _logits(features: Tensor, weights: Tensor) -> Tensor:
    return features @ weights[:, :-1].T + weights[:, -1]


def _features(
    encoder: FrozenEncoder,
    data: EvaluationData,
    config: Probe,
    path: Path,
    on_progress: OnProgress | None,
) -> tuple[Float[Tensor, "n d"], list[str], list[str]]:
    """Read the features of clips, their labels and ids; make them first if they are not there."""
    if not path.exists():
        write_features(encoder, data, config.views, path, on_progress)
    table = pq.read_table(path)
    values = table.column("features").combine_chunks().flatten().to_numpy(zero_copy_only=False)
    features = torch.from_numpy(values.reshape(table.num_rows, -1).copy())
    return features, table.column("label").to_pylist(), table.column("clip_id").to_pylist()
