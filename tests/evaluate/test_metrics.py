import numpy as np
import pytest

from hashtag2action.evaluate.metrics import (
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
