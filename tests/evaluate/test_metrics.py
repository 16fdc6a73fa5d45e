import numpy as np
import pytest

from hashtag2action.evaluate.metrics import (
    calibration,
    class_accuracies,
    confusion_matrix,
    summary,
    topk_accuracy,
)

SCORES = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
LABELS = np.array([0, 1, 2, 2])


def test_accuracy_counts_the_best_guesses() -> None:
    assert topk_accuracy(SCORES, LABELS, 1) == 0.5
    assert topk_accuracy(SCORES, LABELS, 2) == 0.75
    assert topk_accuracy(SCORES, LABELS, 5) == 1.0


def test_rows_of_the_confusion_matrix_are_true_classes() -> None:
    matrix = confusion_matrix(SCORES.argmax(axis=1), LABELS, 3)
    assert matrix.tolist() == [[1, 0, 0], [1, 0, 0], [0, 1, 1]]
    assert class_accuracies(matrix).tolist() == [1.0, 0.0, 0.5]


def test_class_without_clips_does_not_count() -> None:
    found = summary(SCORES[:2], LABELS[:2], ("a", "b", "c"))
    assert found["mean_class_accuracy"] == pytest.approx(0.5)
    assert found["class_accuracy"] == {"a": 1.0, "b": 0.0, "c": None}


def test_sure_and_wrong_is_badly_calibrated() -> None:
    # Guesses of 0.95 of which half are right; of 0.55 of which all are.
    sure = np.array([[0.95, 0.05]] * 4 + [[0.45, 0.55]] * 2)
    found = calibration(sure, np.array([0, 0, 1, 1, 1, 1]), num_bins=10)
    assert found["ece"] == pytest.approx((4 * 0.45 + 2 * 0.45) / 6)
    assert [item["num_clips"] for item in found["bins"]] == [2, 4]
    assert [item["right"] for item in found["bins"]] == [1.0, 0.5]
    assert [item["from"] for item in found["bins"]] == [0.5, 0.9]


def test_shares_that_come_true_are_calibrated() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1.0, 20_000)
    labels = (rng.random(20_000) > sure).astype(int)
    assert calibration(np.stack([sure, 1 - sure], axis=1), labels)["ece"] < 0.02
    perfect = calibration(np.eye(3), np.arange(3))
    assert perfect["ece"] == 0.0
    assert perfect["bins"][0]["from"] == pytest.approx(14 / 15)
