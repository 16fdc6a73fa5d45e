import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.errors import ConfigError
from hashtag2action.evaluate.compare import NUM_RESAMPLES, bootstrap, compare
from hashtag2action.evaluate.evaluate import write_predictions


def write(folder: Path, right: np.ndarray, *, first: int = 0) -> Path:
    """Write predictions about two classes, of clips whose numbers begin at `first`."""
    folder.mkdir()
    labels = np.arange(len(right)) % 2
    guesses = np.where(right, labels, 1 - labels)
    scores = np.eye(2)[guesses][:, None]
    ids = [f"clip/{number}" for number in range(first, first + len(right))]
    write_predictions(folder / "predictions.parquet", ids, labels, scores, ("a", "b"))
    return folder


def test_interval_is_that_of_the_normal_approximation() -> None:
    rng = np.random.default_rng(0)
    right_a, right_b = rng.random(2000) < 0.6, rng.random(2000) < 0.65
    gains = right_b.astype(float) - right_a
    low, high, p_value = bootstrap(right_a, right_b, seed=0)
    half = 1.96 * gains.std() / np.sqrt(2000)
    assert low == pytest.approx(gains.mean() - half, abs=0.002)
    assert high == pytest.approx(gains.mean() + half, abs=0.002)
    assert p_value < 0.02


def test_equal_networks_do_not_differ() -> None:
    right = np.arange(100) < 60
    assert bootstrap(right, right, seed=0) == (0, 0, 1.0)


def test_no_number_of_draws_makes_a_chance_nothing() -> None:
    right, wrong = np.ones(50, bool), np.zeros(50, bool)
    _, _, p_value = bootstrap(wrong, right, seed=0)
    assert p_value == pytest.approx(2 / (NUM_RESAMPLES + 1))


def test_command_counts_what_only_one_knows(tmp_path: Path) -> None:
    a = write(tmp_path / "a", np.array([True, True, False, False, True, True]))
    b = write(tmp_path / "b", np.array([True, True, True, True, True, False]))
    words = ["evaluate", "--compare", str(a), str(b), "--json"]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    found = json.loads(result.output)
    assert found["num_clips"] == 6
    assert (found["only_a"], found["only_b"]) == (1, 2)
    assert found["difference"] == pytest.approx(1 / 6)
    assert found["low"] <= found["difference"] <= found["high"]


def test_other_clips_are_not_compared(tmp_path: Path) -> None:
    a = write(tmp_path / "a", np.array([True, False]))
    b = write(tmp_path / "b", np.array([True, False]), first=1)
    with pytest.raises(ConfigError, match="clip/0"):
        compare(a, b)
    with pytest.raises(ConfigError, match="no such file"):
        compare(a, tmp_path / "nowhere")


def test_files_that_are_no_predictions_are_refused(tmp_path: Path) -> None:
    a = write(tmp_path / "a", np.array([True, False]))
    none = write(tmp_path / "none", np.zeros(0, bool))
    with pytest.raises(ConfigError, match="holds no predictions"):
        compare(none, none)
    other = tmp_path / "other.parquet"
    other.write_text("no table")
    with pytest.raises(ConfigError, match=r"other\.parquet: is no predictions"):
        compare(a, other)
    pq.write_table(pa.table({"clip_id": ["clip/0"]}), other)
    with pytest.raises(ConfigError, match=r"other\.parquet: is no predictions"):
        compare(a, other)


def test_a_recipe_or_a_comparison_is_needed() -> None:
    with pytest.raises(ConfigError, match="--compare"):
        CliRunner().invoke(app, ["evaluate"], catch_exceptions=False)
