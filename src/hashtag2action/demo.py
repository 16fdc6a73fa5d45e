"""The whole line in the rendered world, from a seed to checked figures and a report.

    studio -> hashtags -> posts -> videos -> clips -> weights -> results -> report

Every step is one of the package's own verbs with its own recipe section; what is finished in the
folder is not done again.
"""

import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from hashtag2action.config import Config, checked, dump, read_yaml
from hashtag2action.curate.pipeline import CurateConfig, curate
from hashtag2action.curate.score import score
from hashtag2action.data.frames import OnProgress
from hashtag2action.engines.local import available_cores
from hashtag2action.evaluate.evaluate import Evaluate, evaluate
from hashtag2action.hashtags.mine import MineConfig, mine, mined_hashtags
from hashtag2action.manifest import write_json
from hashtag2action.processes import Pool
from hashtag2action.report.render import write_report
from hashtag2action.sources.studio.labelled import LabelledStudio, render_labelled
from hashtag2action.sources.studio.platform import Studio, render_studio
from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.pretrain import Pretrain, pretrain


class Bars(Config):
    """What the figures must be."""

    cut_f1: float = 0.97
    """Smallest F1 of hard cuts, within two frames."""
    dissolve_recall: float = 0.8
    """Smallest share of dissolves found; one that is none counts against the hard cuts."""
    person_precision: float = 0.95
    """Smallest precision of person scenes."""
    person_recall: float = 0.95
    """Smallest recall of person scenes."""
    duplicate_recall: float = 0.9
    """Smallest share of planted near-duplicates found."""
    duplicate_precision: float = 1.0
    """Smallest share of right pairs among those found."""
    memory_gib: float = 6.0
    """Most memory of all processes together."""
    minutes: float = 10.0
    """Longest time for the whole line."""


class DemoConfig(Config):
    """The line's recipe sections, in order. `{out}` in a recipe stands for the demo's folder."""

    studio: Studio
    """The platform that posts come from."""
    labelled: LabelledStudio
    """Labelled clips of other people, places and clothes in training and test."""
    mine: MineConfig
    """Hashtags from the platform's posts."""
    curate: CurateConfig
    """Posts to clips; the mined hashtags are laid over its metadata filter."""
    pretrain: Pretrain
    """Clips to weights."""
    finetune_pretrained: Finetune
    """Labelled training clips to a recognizer, from the pre-trained weights."""
    finetune_scratch: Finetune
    """The same budget, from scratch."""
    evaluate_pretrained: Evaluate
    """The first recognizer on the labelled test clips."""
    evaluate_scratch: Evaluate
    """The second one on the same clips."""
    bars: Bars = Bars()


@dataclass(frozen=True)
class Figure:
    """One figure of the demonstration and what it must be."""

    name: str
    shown: str
    bar: str
    is_ok: bool


@dataclass(frozen=True)
class DemoResult:
    """What a demonstration ends with."""

    figures: list[Figure]
    report: Path

    def as_json(self) -> dict[str, Any]:
        """Return the figures and the report's path as plain values."""
        return {
            "figures": [asdict(figure) for figure in self.figures],
            "report": str(self.report),
        }


def load_demo(recipe: Path, out: Path) -> DemoConfig:
    """Read a demo recipe for a folder.

    Raises:
        ConfigError: The recipe is missing or wrong.
    """
    return checked(DemoConfig, _in_folder(read_yaml(recipe), out.as_posix()), str(recipe))


def _in_folder(value: Any, folder: str) -> Any:
    """Put the demo's folder wherever a text of the recipe asks for it."""
    if isinstance(value, dict):
        return {name: _in_folder(inner, folder) for name, inner in value.items()}
    if isinstance(value, list):
        return [_in_folder(inner, folder) for inner in value]
    return value.replace("{out}", folder) if isinstance(value, str) else value


def demo(config: DemoConfig, out: Path, progress: OnProgress) -> DemoResult:
    """Run the line, check its figures and write the report.

    Args:
        config: The line's sections.
        out: Folder of the demonstration.
        progress: Told how far each step is.
    """
    begun = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    dump(config, out / "demo.yaml")
    with _MemoryWatch() as memory:
        scored = _posts_to_clips(config, out, progress)
        # From scratch nothing has to be waited for: it learns beside the pre-training.
        with Pool(1, threadpool_limits) as beside:
            scratch_run = beside.submit(finetune, config.finetune_scratch, out / "finetune_scratch")
            losses = pretrain(config.pretrain, out / "pretrain", progress)
            scratch_run.result()
        finetune(config.finetune_pretrained, out / "finetune_pretrained", progress)
        pretrained = evaluate(config.evaluate_pretrained, out / "evaluate_pretrained", progress)
        scratch = evaluate(config.evaluate_scratch, out / "evaluate_scratch", progress)
    figures = [
        *curation_figures(scored, config.bars),
        *training_figures(losses, pretrained, scratch),
        _at_most("memory, all processes (GiB)", memory.peak_gib, config.bars.memory_gib),
        _at_most("time (minutes)", (time.monotonic() - begun) / 60, config.bars.minutes),
    ]
    write_json(out / "figures.json", [asdict(figure) for figure in figures])
    return DemoResult(figures, write_report(out))


def _posts_to_clips(config: DemoConfig, out: Path, progress: OnProgress) -> dict[str, Any]:
    cores = available_cores()
    files = render_studio(
        config.studio, out / "studio", cores, lambda done, total: progress("studio", done, total)
    )
    render_labelled(
        config.labelled,
        out / "labelled",
        cores,
        lambda done, total: progress("labelled clips", done, total),
    )
    mine(config.mine, out / "mine", progress)
    wanted = {"hashtags": mined_hashtags(out / "mine"), "withdrawn": files.withdrawn}
    filtered = config.curate.filter_metadata.model_copy(update=wanted)
    curate(config.curate.model_copy(update={"filter_metadata": filtered}), out / "curate", progress)
    scored = score(out / "curate", files.truth)
    write_json(out / "curate" / "score.json", scored)
    return scored


def curation_figures(scored: dict[str, Any], bars: Bars) -> list[Figure]:
    """Hold a curation's score against the bars."""
    unreadable, duplicates = scored["unreadable"], scored["duplicates"]
    told = f"{unreadable['found']} of {unreadable['total']}, {unreadable['wrong']} wrong"
    all_found = unreadable["found"] == unreadable["total"] and unreadable["wrong"] == 0
    return [
        _at_least("hard cuts, F1", scored["cuts"]["f1"], bars.cut_f1),
        _at_least("dissolves, recall", scored["dissolves"]["recall"], bars.dissolve_recall),
        _at_least(
            "person scenes, precision", scored["persons"]["precision"], bars.person_precision
        ),
        _at_least("person scenes, recall", scored["persons"]["recall"], bars.person_recall),
        Figure("unreadable files rejected", told, "all, 0 wrong", all_found),
        _at_least("near-duplicates, recall", duplicates["recall"], bars.duplicate_recall),
        _at_least("near-duplicates, precision", duplicates["precision"], bars.duplicate_precision),
    ]


def training_figures(
    losses: dict[str, Any], pretrained: dict[str, Any], scratch: dict[str, Any]
) -> list[Figure]:
    """Hold the trainings against what they must show."""
    first, last = losses["first_loss"], losses["last_loss"]
    ours, theirs = pretrained["top1"], scratch["top1"]
    return [
        Figure("pre-training loss", f"{first:.3f} -> {last:.3f}", "falls", last < first),
        Figure("top-1 from scratch", f"{theirs:.3f}", "shown", True),
        Figure("top-1 from our pre-training", f"{ours:.3f}", f"> {theirs:.3f}", ours > theirs),
    ]


def _at_least(name: str, value: float | None, bar: float) -> Figure:
    shown = "none" if value is None else f"{value:.3f}"
    return Figure(name, shown, f">= {bar:g}", value is not None and value >= bar)


def _at_most(name: str, value: float, bar: float) -> Figure:
    return Figure(name, f"{value:.1f}", f"<= {bar:g}", value <= bar)


class _MemoryWatch:
    """Samples the memory of this process and of all it started, twice a second."""

    def __init__(self) -> None:
        self.peak_gib = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            kib = sum(_proportional_kib(pid) for pid in _family(os.getpid()))
            self.peak_gib = max(self.peak_gib, kib / 1024**2)
            if self._stop.wait(0.5):
                return


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                pids += [int(child) for child in task.read_text().split()]
            except OSError:
                continue  # the process ended while we looked
    return pids


def _proportional_kib(pid: int) -> int:
    """Return a process's memory, shared pages counted by their share; 0 for one that ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
