"""What came out: evaluations, a score against truth, the figures of a demo."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hashtag2action.evaluate.paper import PAPER_TOP1
from hashtag2action.manifest import flattened
from hashtag2action.report.discover import Run, read_json, read_settings
from hashtag2action.report.matrix import Confusion, confusions, heat_map

BENCHMARKS = {("ucf101", 101), ("hmdb51", 51), ("k400", 400), ("ssv2", 174)}
"""Names and numbers of classes: a subset of a benchmark is another benchmark."""


SCORE_ORDER = ("unreadable", "cuts", "dissolves", "persons", "duplicates", "tags")


@dataclass(frozen=True)
class ClassLine:
    """How one class fared."""

    name: str
    num_clips: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Evaluation:
    """One evaluation."""

    name: str
    benchmark: str
    num_clips: int | None
    num_views: int | None
    """Views averaged per clip."""
    top1: float | None
    top5: float | None
    mean_class_accuracy: float | None
    paper_top1: float | None
    """The paper's figure as a share, where the benchmark is the same."""
    num_classes: int
    chart: Markup
    confusions: tuple[Confusion, ...]
    classes: tuple[ClassLine, ...]


@dataclass(frozen=True)
class Figure:
    """One figure of a demo, with its bar."""

    figure: str
    value: str
    bar: str
    is_ok: bool


@dataclass(frozen=True)
class ScoreSection:
    """One part of a score against truth: pairs of a name and a value."""

    title: str
    lines: tuple[tuple[str, str], ...]


def read_evaluation(run: Run) -> Evaluation:
    """Read `metrics.json` of an evaluation; what it does not hold is left out."""
    values = read_json(run.folder / "metrics.json")
    values = values if isinstance(values, dict) else {}
    matrix = values.get("confusion_matrix") or []
    given = values.get("classes") or values.get("class_names") or []
    classes = [str(name) for name in given]
    if len(classes) != len(matrix):
        classes = [str(index) for index in range(len(matrix))]
    source = _clip_source(read_settings(run.folder))
    num_clips = values.get("num_clips") or (sum(map(sum, matrix)) if matrix else None)
    return Evaluation(
        name=run.name,
        benchmark=", ".join(_told(source)),
        num_views=values.get("num_views"),
        num_clips=num_clips,
        top1=values.get("top1"),
        top5=values.get("top5") if len(classes) > 5 else None,
        mean_class_accuracy=values.get("mean_class_accuracy"),
        paper_top1=_paper(source, len(classes)),
        num_classes=len(classes),
        chart=heat_map(matrix, classes),
        confusions=tuple(confusions(matrix, classes)),
        classes=tuple(_class_lines(matrix, classes)),
    )


def read_figures(run: Run) -> list[Figure]:
    """Read `figures.json` of a demo: a list of {name, shown, bar, is_ok}."""
    values = read_json(run.folder / "figures.json")
    lines = values if isinstance(values, list) else []
    return [
        Figure(
            str(line.get("name", "")),
            shown(line.get("shown")),
            shown(line.get("bar")),
            line.get("is_ok") is True,
        )
        for line in lines
    ]


def read_score(run: Path) -> list[ScoreSection]:
    """Read `score.json` of a curation run."""
    values = read_json(run / "score.json")
    if not isinstance(values, dict):
        return []
    sections = []
    for title in sorted(values, key=_score_place):
        inner = values[title]
        told = flattened(inner) if isinstance(inner, dict) else {"": inner}
        lines = tuple((name, shown(value)) for name, value in told.items())
        sections.append(ScoreSection(str(title), lines))
    return sections


def shown(value: Any) -> str:
    """Write a value from JSON for a person."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) or "none"
    return str(value)


def _class_lines(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> list[ClassLine]:
    lines = []
    for index, name in enumerate(classes):
        right, true = matrix[index][index], sum(matrix[index])
        predicted = sum(row[index] for row in matrix)
        lines.append(
            ClassLine(
                name, true, right / true if true else None, right / predicted if predicted else None
            )
        )
    return sorted(lines, key=lambda line: (line.recall is None, line.recall, line.name))


def _score_place(title: str) -> tuple[int, str]:
    """Order the sections as the line goes; files sort them by name."""
    return (SCORE_ORDER.index(title) if title in SCORE_ORDER else len(SCORE_ORDER), title)


def _clip_source(settings: dict[str, Any]) -> dict[str, Any]:
    """Return where an evaluation had its clips from, as its settings say."""
    data = settings.get("data")
    clips = data.get("clips") if isinstance(data, dict) else None
    return clips if isinstance(clips, dict) else {}


def _told(source: dict[str, Any]) -> list[str]:
    parts = [str(source[name]) for name in ("kind", "subset") if source.get(name)]
    return [*parts, f"split {source['split']}"] if source.get("split") else parts


def _paper(source: dict[str, Any], num_classes: int) -> float | None:
    """Return the paper's figure only for all classes and the test list of the same benchmark."""
    name = source.get("kind")
    if (name, num_classes) not in BENCHMARKS or source.get("subset") != "test":
        return None
    return PAPER_TOP1[str(name)]
