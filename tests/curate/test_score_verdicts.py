"""A person's verdicts as the truth that a run is scored against."""

import json
from pathlib import Path

import pytest
from tests.curate.conftest import quiet, recipe
from tests.report.conftest import write_curation
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.curate.pipeline import curate
from hashtag2action.curate.score import score
from hashtag2action.curate.verdicts import FILE_NAME, Verdict, append_verdict
from hashtag2action.errors import SourceError
from hashtag2action.manifest import find_stage


@pytest.fixture
def curation(tmp_path: Path) -> Path:
    return write_curation(tmp_path / "curate", tmp_path / "bytes", 12)


def test_verdicts_are_a_truth_that_a_run_is_scored_against(curation: Path) -> None:
    with pytest.raises(SourceError, match="no verdict in it"):
        score(curation, curation / FILE_NAME)
    selected = find_stage(curation, "select_clips")
    kept = [row["clip_id"] for row in selected.read("kept").to_pylist()]
    rejected = selected.read("rejected").to_pylist()
    lost = [row["clip_id"] for row in rejected if row["reject_reason"] == "no_person"]
    answers = {kept[0]: "yes", kept[1]: "no", kept[2]: "yes", kept[3]: "unsure"}
    answers |= {lost[0]: "yes", lost[1]: "no", "gone-000": "yes"}
    for clip_id, answer in answers.items():
        append_verdict(curation / FILE_NAME, Verdict(clip_id, clip_id[:-4], "person", answer))
    words = ["score", str(curation), "--truth", str(curation / FILE_NAME), "--json"]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    figures = json.loads(done.stdout)
    assert figures["persons"] == pytest.approx({"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3})
    assert figures["judged"] == {"persons": 5, "tags": 0, "unsure": 1, "not_used": 1}


@pytest.fixture
def tagged(films: Path, tmp_path: Path) -> Path:
    run = tmp_path / "tagged"
    curate(recipe(films, filter_metadata={"hashtags": ["squat", "pushup"]}), run, quiet)
    return run


def test_tags_are_as_pure_as_their_judged_clips(tagged: Path) -> None:
    kept = find_stage(tagged, "deduplicate").read().to_pylist()
    squats = [row for row in kept if row["hashtag"] == "squat"]
    assert len(squats) == 2
    for row, answer in zip(squats, ("yes", "no"), strict=True):
        verdict = Verdict(row["clip_id"], row["video_id"], "tag", answer, hashtag="squat")
        append_verdict(tagged / FILE_NAME, verdict)
    other = next(row for row in kept if row["hashtag"] == "pushup")
    # Asked about a tag that the clip no longer stands for: of no use.
    verdict = Verdict(other["clip_id"], other["video_id"], "tag", "yes", hashtag="squat")
    append_verdict(tagged / FILE_NAME, verdict)
    figures = score(tagged, tagged / FILE_NAME)
    assert figures["tags"] == {"squat": 0.5}
    assert figures["judged"] == {"persons": 0, "tags": 2, "unsure": 0, "not_used": 1}
