import json
from pathlib import Path

from hashtag2action.report.discover import discover
from hashtag2action.report.training import MAX_POINTS, read_training, reconstructions


def test_each_quantity_has_one_chart_for_all_runs(line: Path):
    runs = [run for run in discover(line) if run.kind in {"pretraining", "finetuning"}]
    training = read_training(runs)
    assert training is not None
    titles = [curve.title for curve in training.curves]
    assert titles == ["Training loss", "Learning rate", "Gradient norm", "Validation top-1"]
    assert training.curves[0].chart.count("<polyline") == 2
    assert training.curves[3].chart.count("<polyline") == 1


def test_a_run_has_one_color_in_all_charts(line: Path):
    runs = [run for run in discover(line) if run.kind in {"pretraining", "finetuning"}]
    training = read_training(runs)
    assert training is not None
    assert training.names == ("pretrain", "finetune")
    assert 'class="curve c0"' in training.curves[0].chart
    assert 'class="curve c0"' not in training.curves[3].chart
    assert 'class="curve c1"' in training.curves[3].chart


def test_a_long_run_is_thinned_to_means(tmp_path: Path):
    rows = [{"step": step, "loss": step % 2} for step in range(1, 5 * MAX_POINTS + 1)]
    rows[0]["loss"] = 40
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    training = read_training(discover(tmp_path))
    assert training is not None
    points = training.curves[0].chart.split('points="')[1].split('"')[0]
    assert len(points.split()) == MAX_POINTS


def test_a_run_that_has_logged_nothing_yet_has_no_curves(tmp_path: Path):
    (tmp_path / "metrics.jsonl").write_text("")
    assert read_training(discover(tmp_path)) is None


def test_reconstructions_are_embedded_pictures(line: Path):
    (strip,) = reconstructions(line / "pretrain")
    assert strip.name == "step 0900"
    assert strip.image.startswith("data:image/png;base64,")
