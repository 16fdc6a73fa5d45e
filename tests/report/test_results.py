from pathlib import Path

from hashtag2action.manifest import write_json
from hashtag2action.report.discover import Run
from hashtag2action.report.results import read_evaluation, read_figures, read_score


def _evaluation(folder: Path, num_classes: int, kind: str, subset: str = "test") -> Run:
    matrix = [[int(a == b) for a in range(num_classes)] for b in range(num_classes)]
    write_json(folder / "metrics.json", {"top1": 1.0, "confusion_matrix": matrix})
    (folder / "config.yaml").write_text(
        f"data: {{clips: {{kind: {kind}, subset: {subset}, split: 1}}}}"
    )
    return Run("evaluation", "e", folder)


def test_the_papers_figure_stands_only_beside_the_whole_benchmark(tmp_path: Path):
    assert read_evaluation(_evaluation(tmp_path, 101, "ucf101")).paper_top1 == 0.9905
    assert read_evaluation(_evaluation(tmp_path, 3, "ucf101")).paper_top1 is None
    assert read_evaluation(_evaluation(tmp_path, 101, "folder")).paper_top1 is None
    assert read_evaluation(_evaluation(tmp_path, 101, "ucf101", "train")).paper_top1 is None


def test_an_evaluation_without_a_matrix_still_has_its_accuracy(tmp_path: Path):
    write_json(tmp_path / "metrics.json", {"top1": 0.5})
    evaluation = read_evaluation(Run("evaluation", "e", tmp_path))
    assert (evaluation.top1, evaluation.chart) == (0.5, "")


def test_classes_come_worst_first(line: Path):
    evaluation = read_evaluation(Run("evaluation", "e", line / "evaluate"))
    assert evaluation.classes[0].name == "Punch"
    assert evaluation.top5 is None


def test_figures_and_scores_are_read(line: Path):
    figures = read_figures(Run("figures", "line", line))
    assert [(one.value, one.is_ok) for one in figures] == [("0.991", True), ("0.850", False)]
    assert [section.title for section in read_score(line / "curate")] == ["cuts", "tags"]
