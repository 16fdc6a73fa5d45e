"""The demonstration's recipe and the bars it holds its figures against."""

from pathlib import Path

import pytest

from hashtag2action.config import shipped_recipes
from hashtag2action.demo import (
    Bars,
    DemoConfig,
    curation_figures,
    load_demo,
    training_figures,
)
from hashtag2action.errors import ConfigError

SCORED = {
    "cuts": {"precision": 1.0, "recall": 0.95, "f1": 0.974},
    "dissolves": {"recall": 0.8, "total": 5},
    "persons": {"precision": 0.96, "recall": 0.95},
    "unreadable": {"found": 6, "total": 6, "wrong": 0},
    "duplicates": {"recall": 0.9, "precision": 1.0},
}


def test_demo_recipe_resolves_into_one_folder(tmp_path: Path) -> None:
    config = load_demo(shipped_recipes() / "demo.yaml", tmp_path)
    assert isinstance(config, DemoConfig)
    assert config.finetune_pretrained.init == tmp_path / "pretrain" / "weights.safetensors"
    assert config.finetune_scratch.init is None


def test_both_trainings_have_the_same_budget(tmp_path: Path) -> None:
    config = load_demo(shipped_recipes() / "demo.yaml", tmp_path)
    without = {"init": None}
    assert config.finetune_pretrained.model_copy(update=without) == config.finetune_scratch
    assert config.evaluate_pretrained.data == config.evaluate_scratch.data
    assert config.evaluate_pretrained.views == config.evaluate_scratch.views


def test_wrong_demo_recipe_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("studio: {num_post: 3}")
    with pytest.raises(ConfigError, match=r"demo\.yaml: studio\.num_post: no such field"):
        load_demo(tmp_path / "demo.yaml", tmp_path)
    (tmp_path / "demo.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"demo\.yaml: studio: is required"):
        load_demo(tmp_path / "demo.yaml", tmp_path)


def test_the_folder_of_a_demo_may_have_any_name(tmp_path: Path) -> None:
    out = tmp_path / 'a "b": {c}'
    config = load_demo(shipped_recipes() / "demo.yaml", out)
    assert config.finetune_pretrained.init == out / "pretrain" / "weights.safetensors"


def test_figures_at_their_bars_are_ok_and_below_are_short() -> None:
    assert all(figure.is_ok for figure in curation_figures(SCORED, Bars()))
    worse = SCORED | {
        "cuts": {"f1": 0.969},
        "dissolves": {"recall": 0.79, "total": 5},
        "unreadable": {"found": 6, "total": 6, "wrong": 1},
        "duplicates": {"recall": None, "precision": 0.99},
    }
    short = [figure.name for figure in curation_figures(worse, Bars()) if not figure.is_ok]
    assert short == [
        "hard cuts, F1",
        "dissolves, recall",
        "unreadable files rejected",
        "near-duplicates, recall",
        "near-duplicates, precision",
    ]


def test_pre_training_must_fall_and_must_help() -> None:
    falls = {"first_loss": 1.1, "last_loss": 0.9}
    assert all(f.is_ok for f in training_figures(falls, {"top1": 0.5}, {"top1": 0.4}))
    rises = {"first_loss": 0.9, "last_loss": 1.1}
    short = [f.name for f in training_figures(rises, {"top1": 0.4}, {"top1": 0.4}) if not f.is_ok]
    assert short == ["pre-training loss", "top-1 from our pre-training"]
