"""How good guesses are: pure functions of scores and labels."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

NUM_BINS = 15
"""Bins of equal width of the calibration error. Source: arXiv 1706.04599."""


def topk_accuracy(scores: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"], k: int) -> float:
    """Return the share of clips whose class is among the k best guesses, in [0, 1].

    Of classes with equal scores the one that comes first in the list counts as better. With fewer
    than k classes all are among the best.
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, None]).any(axis=1).mean())


def confusion_matrix(
    guesses: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], num_classes: int
) -> Int[np.ndarray, "k k"]:
    """Count clips by true class (rows) and guessed class (columns)."""
    matrix = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(matrix, (labels, guesses), 1)
    return matrix


def class_accuracies(confusion: Int[np.ndarray, "k k"]) -> Float[np.ndarray, " k"]:
    """Return the share of each class guessed right; not a number where a class has no clips."""
    counts = confusion.sum(axis=1)
    right = np.diag(confusion).astype(float)
    return np.divide(right, counts, out=np.full(len(counts), np.nan), where=counts > 0)


def calibration(
    probabilities: Float[np.ndarray, "n k"],
    labels: Int[np.ndarray, " n"],
    num_bins: int = NUM_BINS,
) -> dict[str, Any]:
    """Compare how sure guesses are with how often they are right.

    Returns:
        `ece`, the mean over clips of the distance of the two in the clip's bin (expected
        calibration error, arXiv 1706.04599), and the `bins` that hold clips: their lower end,
        number of clips, mean probability of the guess, and share of right ones.
    """
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    places = np.minimum((sure * num_bins).astype(int), num_bins - 1)
    bins = []
    for place in np.unique(places):
        inside = places == place
        bins.append(
            {
                "from": float(place / num_bins),
                "num_clips": int(inside.sum()),
                "probability": float(sure[inside].mean()),
                "right": float(right[inside].mean()),
            }
        )
    apart = [item["num_clips"] * abs(item["probability"] - item["right"]) for item in bins]
    return {"ece": sum(apart) / len(labels), "bins": bins}


def summary(
    scores: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"], class_names: tuple[str, ...]
) -> dict[str, Any]:
    """Gather all figures as plain JSON values.

    Args:
        scores: Higher is more likely.
        labels: True classes.
        class_names: Names of the k classes.
    """
    confusion = confusion_matrix(scores.argmax(axis=1), labels, len(class_names))
    per_class = class_accuracies(confusion)
    return {
        "num_clips": len(labels),
        "top1": topk_accuracy(scores, labels, 1),
        "top5": topk_accuracy(scores, labels, 5),
        "mean_class_accuracy": float(np.nanmean(per_class)),
        "class_accuracy": {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(class_names, per_class, strict=True)
        },
        "class_names": list(class_names),
        "confusion_matrix": confusion.tolist(),
    }
