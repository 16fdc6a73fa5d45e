"""Verbs that train networks and judge them. A part of `cli`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
import yaml

from hashtag2action.cli_weights import needs_torch, say
from hashtag2action.config import Config, load
from hashtag2action.errors import ConfigError
from hashtag2action.terminal import ProgressLine, render_table

AnyConfig = TypeVar("AnyConfig", bound=Config)
Job = tuple[type[Config], Callable[..., dict[str, Any]]]
"""A recipe's type, and what runs such a recipe in a folder, told of progress."""

Recipe = Annotated[Path, typer.Argument(help="A YAML recipe; see recipes/.", show_default=False)]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SECTION.FIELD=VALUE]...", help="Laid over the recipe.", show_default=False
    ),
]
Out = Annotated[Path, typer.Option("--out", help="Folder of this run.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the resolved recipe and stop.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _verb(job: Callable[[], Job]) -> Callable[..., None]:
    """Make a verb that runs a recipe. `job` imports what it needs, so it waits until then."""

    def verb(
        recipe: Recipe,
        out: Out,
        overrides: Overrides = None,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        needs_torch()
        _run(job(), recipe, out, overrides, dry_run, as_json)

    verb.__name__, verb.__doc__ = job.__name__, job.__doc__
    return verb


@_verb
def pretrain() -> Job:
    """Pre-train a video transformer on clips, without labels."""
    from hashtag2action.train.pretrain import Pretrain, pretrain

    return Pretrain, pretrain


@_verb
def finetune() -> Job:
    """Fine-tune a classifier on labelled clips."""
    from hashtag2action.train.finetune import Finetune, finetune

    return Finetune, finetune


def evaluate(
    recipe: Annotated[
        Path | None, typer.Argument(help="A YAML recipe; see recipes/.", show_default=False)
    ] = None,
    overrides: Overrides = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of this run.", show_default=False)
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Two evaluations to compare, clip by clip.", show_default=False),
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Evaluate a classifier on labelled clips, over several views of each; or compare two."""
    needs_torch()
    if compare is not None:
        _compare(*compare, as_json)
        return
    if recipe is None or out is None:
        raise ConfigError("evaluate: give a recipe and --out, or --compare with two folders")
    from hashtag2action.evaluate.evaluate import Evaluate, evaluate

    _run((Evaluate, evaluate), recipe, out, overrides, dry_run, as_json)


@_verb
def features() -> Job:
    """Write what a network makes of clips, one vector each, as Parquet."""
    from hashtag2action.evaluate.frozen import Features, features

    return Features, features


@_verb
def probe() -> Job:
    """Judge frozen features: nearest neighbors, a linear and an attentive classifier."""
    from hashtag2action.evaluate.probes import Probe, probe

    return Probe, probe


def _compare(first: Path, second: Path, as_json: bool) -> None:
    from hashtag2action.evaluate.compare import compare

    found = compare(first, second)
    rows = [
        ["clips", str(found.num_clips)],
        [f"top-1 of {first}", f"{found.top1_a:.4f}"],
        [f"top-1 of {second}", f"{found.top1_b:.4f}"],
        ["difference", f"{found.difference:+.4f}"],
        ["95 % interval", f"{found.low:+.4f} to {found.high:+.4f}"],
        ["p, two-sided", f"{found.p_value:.4f}"],
        ["right in the first alone", str(found.only_a)],
        ["right in the second alone", str(found.only_b)],
    ]
    say(asdict(found), render_table("Paired bootstrap", ["figure", "value"], rows), as_json)


def load_recipe(
    kind: type[AnyConfig], recipe: Path, overrides: Sequence[str] | None, dry_run: bool
) -> AnyConfig:
    """Read a recipe with overrides; a dry run prints it and stops."""
    config = load(kind, recipe, overrides or [])
    if dry_run:
        print(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False).rstrip())
        raise typer.Exit(0)
    return config


def _run(
    job: Job,
    recipe: Path,
    out: Path,
    overrides: Sequence[str] | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    kind, run = job
    config = load_recipe(kind, recipe, overrides, dry_run)
    with ProgressLine() as progress:
        figures = run(config, out, progress)
    shown = {name: value for name, value in figures.items() if isinstance(value, (int, float, str))}
    rows = [
        [name, f"{value:.4g}" if isinstance(value, float) else str(value)]
        for name, value in shown.items()
    ]
    say(figures, render_table(str(out), ["figure", "value"], rows), as_json)
