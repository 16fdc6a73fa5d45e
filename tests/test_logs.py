from pathlib import Path

import pytest

from hashtag2action.config import Config
from hashtag2action.errors import ConfigError, ManifestError
from hashtag2action.logs import MetricWriter, begin_run, read_metrics, removed_if_bare


class Recipe(Config):
    rate: float = 1.0
    runtime: int = 0


def test_lines_after_the_resumed_step_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = MetricWriter(path)
    for step in (1, 2, 3):
        first.write(step, {"loss": 1.0 / step})
    path.write_text(path.read_text() + '{"step": 4, "lo')
    second = MetricWriter(path, first_step=2)
    second.write(3, {"loss": 9.0})
    assert [(line["step"], line["loss"]) for line in read_metrics(path)] == [
        (1, 1.0),
        (2, 0.5),
        (3, 9.0),
    ]


def test_broken_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('oops\n{"step": 1}\n')
    with pytest.raises(ManifestError, match=r"metrics\.jsonl:1"):
        read_metrics(path)


def test_folder_may_be_entered_again_with_the_same_settings(tmp_path: Path) -> None:
    begin_run(tmp_path, Recipe())
    begin_run(tmp_path, Recipe(runtime=4))
    with pytest.raises(ConfigError, match="rate"):
        begin_run(tmp_path, Recipe(rate=2.0))


class OtherRecipe(Config):
    size: int = 1


def test_folder_of_another_kind_of_run_is_refused(tmp_path: Path) -> None:
    begin_run(tmp_path, Recipe())
    with pytest.raises(ConfigError, match="another kind of run"):
        begin_run(tmp_path, OtherRecipe())


def test_a_run_that_fails_its_first_check_leaves_no_folder(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ConfigError("no such clips")

    with pytest.raises(ConfigError, match="no such clips"):
        begin_run(tmp_path / "out", Recipe(), refuse)
    assert not (tmp_path / "out").exists()
    begin_run(tmp_path / "out", Recipe())
    begin_run(tmp_path / "out", Recipe(), refuse)  # begun: what it was made of may be gone


def test_a_run_that_did_nothing_leaves_no_folder_and_one_that_did_stays(tmp_path: Path) -> None:
    def stopped(out: Path, *made: str) -> None:
        with removed_if_bare(out):
            begin_run(out, Recipe())
            for name in made:
                (out / name).touch()
            raise KeyboardInterrupt

    def fail(out: Path, *made: str) -> None:
        with pytest.raises(KeyboardInterrupt):
            stopped(out, *made)

    fail(tmp_path / "bare", "precision.json")
    assert not (tmp_path / "bare").exists()
    (tmp_path / "mine").mkdir()
    fail(tmp_path / "mine")
    assert list((tmp_path / "mine").iterdir()) == []
    fail(tmp_path / "half", "train.parquet")
    assert {"config.yaml", "train.parquet"} <= {path.name for path in (tmp_path / "half").iterdir()}
    begin_run(tmp_path / "begun", Recipe())
    fail(tmp_path / "begun")
    assert (tmp_path / "begun" / "config.yaml").exists()
