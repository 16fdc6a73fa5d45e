import shutil
from pathlib import Path

from hashtag2action.report.funnel import StageCount, funnel


def _by_name(run: Path) -> dict[str, StageCount]:
    return {stage.text.name: stage for stage in funnel(run)}


def test_every_stage_counts_its_rows_and_reasons(curation: Path):
    stages = _by_name(curation)
    assert {stage.state for stage in stages.values()} == {"finished"}
    filtered = stages["filter_metadata"]
    assert (filtered.num_input, filtered.num_kept, filtered.num_rejected) == (12, 11, 1)
    assert [(reason.rule, reason.num_rows) for reason in filtered.reasons] == [("too_long", 1)]
    assert filtered.reasons[0].examples == ("p002.mp4  #fyp #squat",)


def test_details_stand_under_their_rule_without_folders(curation: Path):
    (reason,) = _by_name(curation)["analyze_videos"].reasons
    assert (reason.rule, reason.details) == ("unreadable", (("p.mp4 has no frames", 1),))


def test_a_stage_without_receipt_is_counted_and_called_unfinished(curation: Path):
    (curation / "04-select_clips" / "receipt.json").unlink()
    stage = _by_name(curation)["select_clips"]
    assert (stage.state, stage.num_rows) == ("unfinished", 18)


def test_a_stage_that_has_not_begun_is_missing(curation: Path):
    shutil.rmtree(curation / "06-export_clips")
    assert _by_name(curation)["export_clips"].state == "missing"


def test_a_duplicate_has_no_detail_for_the_pairs_show_it(curation: Path):
    (reason,) = _by_name(curation)["deduplicate"].reasons
    assert (reason.rule, reason.details) == ("duplicate", ())
