from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from hashtag2action.report.thresholds import histograms


def test_each_threshold_that_is_set_and_measured_has_its_histogram(curation: Path):
    drawn = {one.measure.column: one for one in histograms(curation)}
    assert set(drawn) == {
        "duration_s",
        "clip_duration_s",
        "person_fraction",
        "motion_score",
        "duplicate_distance",
    }
    assert drawn["duration_s"].sentences[1] == "1 of 12 (8%) lie above 60"
    assert "min 0.5" in drawn["person_fraction"].chart


def test_rows_that_fell_to_another_rule_are_told_apart(curation: Path):
    drawn = {one.measure.column: one.chart for one in histograms(curation)}
    assert "9 rejected by another rule" not in drawn["person_fraction"]
    assert "1 rejected." in drawn["motion_score"]
    assert "7 rejected by another rule" in drawn["motion_score"]


def test_duplicates_lie_below_the_largest_distance(curation: Path):
    (drawn,) = [one for one in histograms(curation) if one.measure.stage == "deduplicate"]
    assert drawn.sentences == ("1 of 1 (100%) lie below 10",)
    assert "max 10" in drawn.chart


def test_a_bound_of_zero_has_no_histogram(curation: Path):
    assert "num_views" not in {one.measure.column for one in histograms(curation)}


def test_a_folder_without_stages_has_none(tmp_path: Path):
    assert histograms(tmp_path) == []


def test_a_measure_with_no_threshold_is_drawn_so_that_one_can_be_chosen(
    tmp_path: Path, write_stage: Callable[..., None]
):
    columns = ("crop_left", "crop_right", "crop_top", "crop_bottom")
    kept = pa.table({name: pa.array([0.0, 0.1, None], pa.float32()) for name in columns})
    write_stage(tmp_path / "04-select_clips", {"min_sharpness": None}, kept, 3)
    (drawn,) = histograms(tmp_path)
    assert drawn.measure.column == "inner_fraction"
    assert drawn.sentences == ("no threshold is set: min_inner_fraction would be one",)
    assert "2 kept" in drawn.chart
