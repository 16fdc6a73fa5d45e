from pathlib import Path

import pytest

from hashtag2action.errors import ManifestError
from hashtag2action.report.discover import discover


def test_runs_are_found_by_their_files_in_the_order_of_the_line(line: Path):
    found = [(run.kind, run.name) for run in discover(line)]
    assert found == [
        ("curation", "curate"),
        ("pretraining", "pretrain"),
        ("finetuning", "finetune"),
        ("evaluation", "evaluate"),
        ("figures", "line"),
    ]


def test_a_single_run_is_named_after_its_folder(line: Path):
    assert [(run.kind, run.name) for run in discover(line / "curate")] == [("curation", "curate")]


def test_pretraining_is_told_by_its_masks_before_it_has_drawn_anything(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("masking: {mask_ratio: 0.9}\n")
    (tmp_path / "metrics.jsonl").write_text("")
    assert [run.kind for run in discover(tmp_path)] == ["pretraining"]


def test_a_mining_run_is_no_curation(tmp_path: Path):
    (tmp_path / "01-mine_hashtags").mkdir()
    (tmp_path / "01-mine_hashtags" / "plan.json").write_text("{}")
    (tmp_path / "00-posts").mkdir()
    (tmp_path / "00-posts" / "plan.json").write_text("{}")
    assert [run.kind for run in discover(tmp_path)] == ["mining"]


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_a_folder_without_a_run_is_refused_by_name(tmp_path: Path, name: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match=name):
        discover(tmp_path / name)
