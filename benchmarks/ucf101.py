"""Does pre-training without labels help on real clips? Three classes of UCF101, official split 1.

    python -m benchmarks.ucf101 --out runs/ucf101 [--shared ../shared]

Curates the short-form posts, without what overlaps the test clips; pre-trains once, on the training
clips and on the curated ones; then fine-tunes for each seed from those weights and from scratch,
by two recipes each (all weights learn; or the classifier is fitted first and the last two blocks
learn), for as many epochs, and judges all on the test clips. Each run is a command that is
printed before it runs. Takes hours of a core, goes on where it was stopped, and ends in a table.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Part, show
from hashtag2action.config import read_yaml
from hashtag2action.data.benchmarks import Ucf101Clips
from hashtag2action.evaluate.compare import compare
from hashtag2action.logs import read_metrics

SEEDS = (0, 1, 2)
"""Seeds of fine-tuning: order, augmentation, the classifier, and from scratch all weights."""
ARMS = {
    "scratch": ("ucf101_tiny.yaml", None),
    "scratch_fitted": ("ucf101_tiny_fitted.yaml", None),
    "pretrained": ("ucf101_tiny.yaml", "pretrain"),
    "pretrained_fitted": ("ucf101_tiny_fitted.yaml", "pretrain"),
}
"""Recipe of fine-tuning, and the run it begins with. Either beginning has either recipe, so that
none is judged by what suits the other."""
TOLD = {
    "scratch": "from scratch, all weights learn",
    "scratch_fitted": "from scratch, classifier fitted first",
    "pretrained": "pre-trained, all weights learn",
    "pretrained_fitted": "pre-trained, classifier fitted first",
}
"""Arms in words."""
RECIPES = Path("recipes")
LEAST_GAIN = 0.10
"""Smallest gain of the mean top-1. Source: the bar."""
LEAST_TOP1 = 0.82
"""A classifier of motion maps on the same split. Source: the bar."""
MOST_HOURS = 2.0
"""Longest run on two cores. Source: the bar; pre-training takes one to one and a half of one."""


@dataclass(frozen=True)
class Run:
    """One command and the folder it fills."""

    folder: Path
    words: tuple[str, ...]
    result: str
    """Name of the file that is there once the run is complete."""

    @property
    def is_done(self) -> bool:
        """Whether the run has come to its end."""
        return (self.folder / self.result).exists()


def runs(shared: Path, out: Path) -> Iterator[Run]:
    """Return all runs in their order."""
    videos = shared / "data" / "ucf101_3"
    of_benchmark = (f"root={videos}", f"lists={videos / 'lists'}")
    clips = tuple(f"data.clips.{word}" for word in of_benchmark)
    yield _run(
        "curate",
        RECIPES / "curate" / "shorts.yaml",
        out / "curate",
        f"source.posts={shared / 'data' / 'shorts' / 'posts.jsonl'}",
        "select_clips.scenes=all",
        f"deduplicate.references=[{{name: ucf101_test, folder: {out / 'test_clips'}}}]",
        result="06-export_clips/receipt.json",
    )
    recipe = RECIPES / "pretrain" / "ucf101_tiny.yaml"
    given = (
        *(f"data.clips.parts.benchmark.{word}" for word in of_benchmark),
        f"data.clips.parts.curated.run={out / 'curate'}",
    )
    yield _run("pretrain", recipe, out / "pretrain", *given)
    for seed in SEEDS:
        for arm, (name, begins) in ARMS.items():
            init = out / begins / "weights.safetensors" if begins else "null"
            folder = out / f"{arm}_{seed}"
            recipe = RECIPES / "finetune" / name
            yield _run("finetune", recipe, folder, f"init={init}", f"seed={seed}", *clips)
            recipe = RECIPES / "evaluate" / "ucf101.yaml"
            weights = f"weights={folder / 'weights.safetensors'}"
            told = folder / "test"
            yield _run("evaluate", recipe, told, weights, *clips, result="metrics.json")


def _run(verb: str, recipe: Path, folder: Path, *given: str, result: str = "result.json") -> Run:
    return Run(folder, (verb, str(recipe), *given, "--out", str(folder)), result)


def link_test_clips(shared: Path, folder: Path) -> None:
    """Fill a folder with links to the test clips, which the curation is held against."""
    videos = (shared / "data" / "ucf101_3").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    clips = Ucf101Clips(root=videos, lists=videos / "lists", split=1, subset="test").read()
    for clip in clips.clips:
        link = folder / clip.path.name
        if not link.is_symlink():
            link.symlink_to(clip.path)


def part(shared: Path, out: Path) -> Part:
    """Return what reads the figures; its name tells how many runs are complete.

    So figures read before all were are not taken for those read after.
    """
    every = list(runs(shared, out))
    name = f"ucf101-{sum(run.is_done for run in every)}-of-{len(every)}-runs"
    return name, lambda folder: figures(shared, out)


def figures(shared: Path, out: Path) -> list[Figure]:
    """Return the figures of runs that are complete; what is missing falls short."""
    every = list(runs(shared, out))
    missing = [run.folder.relative_to(out).as_posix() for run in every if not run.is_done]
    if missing:
        told = f"{len(missing)} of {len(every)} runs missing"
        return [Figure("UCF101, three classes: make ucf101", told, "all runs", False)]
    top1 = {
        arm: [_read(out / f"{arm}_{seed}" / "test" / "metrics.json")["top1"] for seed in SEEDS]
        for arm in ARMS
    }
    mean = statistics.mean
    scratch, pretrained = (
        max((arm for arm in ARMS if arm.startswith(kind)), key=lambda arm: mean(top1[arm]))
        for kind in ("scratch", "pretrained")
    )
    gains = [ours - theirs for theirs, ours in zip(top1[scratch], top1[pretrained], strict=True)]
    finetuned = [_hours(out / f"{arm}_{seed}") for arm in ARMS for seed in SEEDS]
    hours = max(_hours(out / "pretrain"), *finetuned)
    return [
        *(Figure(f"top-1 {TOLD[arm]}", _spread(top1[arm]), "shown", True) for arm in ARMS),
        Figure(
            "top-1 pre-trained by the better recipe, mean of 3 seeds",
            _spread(top1[pretrained]),
            f"> {LEAST_TOP1}",
            mean(top1[pretrained]) > LEAST_TOP1,
        ),
        Figure(
            "gain over scratch, each by its better recipe, paired",
            _spread(gains),
            f">= {LEAST_GAIN:.2f}",
            mean(gains) >= LEAST_GAIN,
        ),
        *(_paired(out, (scratch, pretrained), seed) for seed in SEEDS),
        Figure(
            "longest run (hours)",
            f"{hours:.2f}",
            f"<= {MOST_HOURS:g}",
            hours <= MOST_HOURS,
        ),
    ]


def _read(result: Path) -> dict[str, Any]:
    return json.loads(result.read_text(encoding="utf-8"))


def _hours(folder: Path) -> float:
    """Add up the time of a training, whatever interrupted it."""
    settings = read_yaml(folder / "config.yaml")["optimization"]
    samples_per_step = settings["clips_per_step"] * settings["repeated_augmentation"]
    seconds, last = 0.0, 0
    for line in read_metrics(folder / "metrics.jsonl"):
        if "clips_per_s" in line:
            seconds += (line["step"] - last) * samples_per_step / line["clips_per_s"]
            last = line["step"]
    return seconds / 3600


def _spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} +- {statistics.stdev(values):.3f}"


def _paired(out: Path, arms: tuple[str, str], seed: int) -> Figure:
    """Tell how sure the gain of one seed is, given so many test clips."""
    first, second = (out / f"{arm}_{seed}" / "test" for arm in arms)
    found = compare(first, second)
    told = f"{found.difference:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
    return Figure(f"seed {seed}: gain and its 95 % interval over clips", told, "shown", True)


def main() -> int:
    """Run what is missing and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/ucf101"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    given = parser.parse_args()
    link_test_clips(given.shared, given.out / "test_clips")
    for run in runs(given.shared, given.out):
        if run.is_done:
            continue
        print("h2a", shlex.join(run.words), flush=True)
        subprocess.run([sys.executable, "-m", "hashtag2action", *run.words], check=True)
    return show(figures(given.shared, given.out))


if __name__ == "__main__":
    sys.exit(main())
