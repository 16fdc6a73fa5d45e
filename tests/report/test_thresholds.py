from pathlib import Path

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


def test_a_bound_of_zero_has_no_histogram(curation: Path):
    assert "num_views" not in {one.measure.column for one in histograms(curation)}


def test_a_folder_without_stages_has_none(tmp_path: Path):
    assert histograms(tmp_path) == []
