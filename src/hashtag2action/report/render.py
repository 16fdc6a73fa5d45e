"""One self-contained HTML file of whatever runs lie in a folder.

This room reads files and nothing else; it never imports what made them. The page asks the network
for nothing: style, script and pictures are inside, and a content security policy says so.
"""

import base64
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from hashtag2action import __version__
from hashtag2action.evaluate.paper import PAPER
from hashtag2action.manifest import write_text
from hashtag2action.report.discover import Kind, Run, discover, read_settings
from hashtag2action.report.funnel import StageCount, funnel
from hashtag2action.report.mining import Mining, read_mining
from hashtag2action.report.overlaps import Overlaps, read_overlaps
from hashtag2action.report.privacy import settings_without_folders
from hashtag2action.report.results import (
    Evaluation,
    Figure,
    ScoreSection,
    read_evaluation,
    read_figures,
    read_score,
)
from hashtag2action.report.sheets import Pair, Sheet, duplicate_pairs, kept_sheet, rejected_sheets
from hashtag2action.report.summary import Tile, summary
from hashtag2action.report.svg import number
from hashtag2action.report.tags import TagTable, tag_table
from hashtag2action.report.thresholds import Histogram, histograms
from hashtag2action.report.training import (
    Reconstruction,
    Training,
    read_training,
    reconstructions,
)

log = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class CurationView:
    """All a page shows of one curation run."""

    name: str
    stages: list[StageCount]
    tags: TagTable
    histograms: list[Histogram]
    kept: Sheet | None
    rejected: list[Sheet]
    pairs: list[Pair]
    num_duplicates: int
    overlaps: Overlaps
    score: list[ScoreSection]


@dataclass(frozen=True)
class Page:
    """All a page shows."""

    title: str
    version: str
    tiles: list[Tile]
    minings: list[Mining]
    curations: list[CurationView]
    pretraining: Training | None
    reconstructions: list[tuple[str, list[Reconstruction]]]
    finetuning: Training | None
    evaluations: list[Evaluation]
    figures: list[Figure]
    settings: list[tuple[str, str]]
    """Name of a run and its settings as YAML."""
    paper: str = PAPER


def write_report(folder: Path, out: Path | None = None) -> Path:
    """Write a page about a run, or about a folder of runs.

    Args:
        folder: Folder of one run (curation, training or evaluation), or a folder of such folders.
        out: HTML file to write; None writes `report.html` into the folder.

    Returns:
        The file written.

    Raises:
        ManifestError: There is no run in the folder, or one of its files is damaged.
    """
    page = read_page(folder)
    path = out or folder / "report.html"
    write_text(path, render(page))
    log.info(f"report of {folder.name}: {path.stat().st_size / 1e6:.1f} MB")
    return path


def read_page(folder: Path) -> Page:
    """Read all runs in a folder.

    Raises:
        ManifestError: There is no run in the folder, or one of its files is damaged.
    """
    runs = discover(folder)
    curations = [_curation(run) for run in _of(runs, "curation")]
    pretraining = read_training(_of(runs, "pretraining"))
    finetuning = read_training(_of(runs, "finetuning"))
    evaluations = [read_evaluation(run) for run in _of(runs, "evaluation")]
    figures = [figure for run in _of(runs, "figures") for figure in read_figures(run)]
    drawn = [(run.name, reconstructions(run.folder)) for run in _of(runs, "pretraining")]
    return Page(
        title=folder.resolve().name,
        version=__version__,
        tiles=summary([view.stages for view in curations], pretraining, evaluations, figures),
        minings=[read_mining(run.name, run.folder) for run in _of(runs, "mining")],
        curations=curations,
        pretraining=pretraining,
        reconstructions=[(name, strips) for name, strips in drawn if strips],
        finetuning=finetuning,
        evaluations=evaluations,
        figures=figures,
        settings=_settings(runs),
    )


def render(page: Page) -> str:
    """Fill the template; everything that comes from data is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": _percent, "share": _share}
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        page=page,
        style=Markup((TEMPLATES / "report.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=digest,
    )


def _of(runs: Sequence[Run], kind: Kind) -> list[Run]:
    return [run for run in runs if run.kind == kind]


def _curation(run: Run) -> CurationView:
    pairs, num_duplicates = duplicate_pairs(run.folder)
    return CurationView(
        name=run.name,
        stages=funnel(run.folder),
        tags=tag_table(run.folder),
        histograms=histograms(run.folder),
        kept=kept_sheet(run.folder),
        rejected=rejected_sheets(run.folder),
        pairs=pairs,
        num_duplicates=num_duplicates,
        overlaps=read_overlaps(run.folder),
        score=read_score(run.folder),
    )


def _settings(runs: Sequence[Run]) -> list[tuple[str, str]]:
    folders = {run.folder: run.name for run in runs}
    found: list[tuple[str, str]] = []
    for folder, name in folders.items():
        values: Any = settings_without_folders(read_settings(folder))
        if values:
            found.append((name, yaml.safe_dump(values, sort_keys=False, allow_unicode=True)))
    return found


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
