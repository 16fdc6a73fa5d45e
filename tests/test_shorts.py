"""The line of curation on real footage, against its labelled truth."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.manifest import Manifest, stage_folders

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "curate" / "shorts.yaml"


@pytest.mark.timeout(900)
def test_real_shorts_are_curated_as_their_truth_says(
    shared: Callable[[str], Path], tmp_path: Path, detector_weights: None
) -> None:
    posts, truth = shared("data/shorts/posts.jsonl"), shared("data/shorts/truth.json")
    runner = CliRunner()
    words = ["curate", str(RECIPE), f"source.posts={posts}", "--out", str(tmp_path / "run")]
    made = runner.invoke(app, words, catch_exceptions=False)
    assert made.exit_code == 0, made.output
    said = runner.invoke(app, ["score", str(tmp_path / "run"), "--truth", str(truth), "--json"])
    figures = json.loads(said.stdout)
    assert figures["cuts"]["f1"] >= 0.98
    assert figures["persons"]["precision"] >= 0.95
    assert figures["persons"]["recall"] >= 0.95
    assert figures["unreadable"] == {"found": 6, "total": 6, "wrong": 0}
    assert figures["duplicates"]["found"] >= 9
    assert figures["duplicates"]["wrong"] == 0
    for folder in stage_folders(tmp_path / "run"):
        receipt = Manifest(folder).receipt()
        made_rows = receipt["num_kept"] + receipt["num_rejected"]
        if receipt["stage"] == "analyze_videos":
            assert made_rows >= receipt["num_input_rows"]
        else:
            assert made_rows == receipt["num_input_rows"]
