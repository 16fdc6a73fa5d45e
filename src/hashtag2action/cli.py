"""The command `h2a`: parses, calls, prints, sets the exit code. Imported by nobody.
Verbs about weights: `cli_weights`; about training: `cli_training`; about data sets: `cli_data`.

Exit codes: 0 done, 1 a figure fell short or our own fault, 2 wrong usage or recipe, 3 wrong data
or a file that cannot be read or written, 4 a worker or part failed. `H2A_DEBUG=1` shows tracebacks.
"""

import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from hashtag2action import __version__, cli_data, cli_training, cli_weights
from hashtag2action.cli_training import DryRun, Json, Out, Overrides, Recipe
from hashtag2action.cli_training import load_recipe as _load
from hashtag2action.cli_weights import needs_torch as _needs_torch
from hashtag2action.cli_weights import say as _say
from hashtag2action.errors import ConfigError, Hashtag2ActionError
from hashtag2action.manifest import Manifest, stage_folders
from hashtag2action.terminal import ProgressLine, render_table

_MAX_DETAILS = 3
"""Details of a rule that a funnel names. Chosen: the report and `rejected/` have them all."""

app = typer.Typer(
    help="From hashtags to an action recognizer, with no labelling.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(cli_weights.app, name="weights")
app.add_typer(cli_data.app, name="data")


@app.command()
def mine(
    recipe: Recipe,
    out: Out,
    overrides: Overrides = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Find the hashtags worth collecting."""
    from hashtag2action.hashtags.mine import MineConfig
    from hashtag2action.hashtags.mine import mine as run

    config = _load(MineConfig, recipe, overrides, dry_run)
    with ProgressLine() as progress:
        manifest = run(config, out, progress)
    table = manifest.read().slice(0, 20)
    rows = [
        [str(row[name]) for name in ("hashtag", "num_posts", "num_creators", "num_views")]
        for row in table.to_pylist()
    ]
    _say(
        manifest.receipt(),
        render_table("Hashtags kept", ["hashtag", "posts", "creators", "views"], rows),
        as_json,
    )


@app.command()
def curate(
    recipe: Recipe,
    out: Out,
    overrides: Overrides = None,
    mined: Annotated[
        Path | None,
        typer.Option(help="A folder of h2a mine: what it kept is filter_metadata.hashtags."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Last stage to run.")] = None,
    engine: Annotated[
        str | None, typer.Option(help="local, ray or inline; over the recipe's runtime.engine.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Turn posts into action clips."""
    from hashtag2action.curate.pipeline import CurateConfig
    from hashtag2action.curate.pipeline import curate as run

    overrides = list(overrides or [])
    if mined is not None:
        from hashtag2action.hashtags.mine import mined_hashtags

        overrides.append(f"filter_metadata.hashtags={json.dumps(mined_hashtags(mined))}")
    if engine is not None:
        overrides.append(f"runtime.engine={engine}")
    config = _load(CurateConfig, recipe, overrides, dry_run)
    with ProgressLine() as progress:
        run(config, out, progress, until)
    _write_card(out)
    receipts = _receipts(out)
    _say({"stages": receipts}, _funnel(receipts), as_json)


app.command()(cli_training.pretrain)
app.command()(cli_training.finetune)
app.command()(cli_training.evaluate)
app.command()(cli_data.splits)
app.command()(cli_training.features)
app.command()(cli_training.probe)
app.command()(cli_weights.predict)
app.command()(cli_weights.reconstruct)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A run, or a folder of runs.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="HTML file; by default FOLDER/report.html.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what is on disk as one HTML page."""
    from hashtag2action.report.render import write_report

    path = write_report(folder, out)
    _say({"report": str(path)}, str(path), as_json)


app.command()(cli_data.explore)


@app.command()
def score(
    folder: Annotated[Path, typer.Argument(help="A finished curation.")],
    truth: Annotated[
        Path,
        typer.Option("--truth", help="Labelled truth, as JSON, or verdicts.jsonl of h2a explore."),
    ],
    as_json: Json = False,
) -> None:
    """Compare a curation with labelled truth."""
    from hashtag2action.curate.score import score as run
    from hashtag2action.manifest import write_json

    figures = run(folder, truth)
    write_json(folder / "score.json", figures)
    rows = [
        [f"{section} {name}", "-" if value is None else f"{value:.4g}"]
        for section, values in figures.items()
        for name, value in values.items()
    ]
    _say(figures, render_table("Against the truth", ["figure", "value"], rows), as_json)


@app.command()
def overlaps(
    folder: Annotated[Path, typer.Argument(help="A finished curation.")],
    as_json: Json = False,
) -> None:
    """List the clips that show what a benchmark shows."""
    from hashtag2action.curate.references import overlaps_of

    rows = overlaps_of(folder)
    shown = [[row["clip_id"], row["overlap_of"], f"{row['overlap_distance']:.3f}"] for row in rows]
    table = render_table("Overlaps", ["clip", "shows", "distance"], shown)
    _say({"overlaps": rows}, table, as_json)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A finished curation.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE]...", help="Such as containers=[shards,lists]."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Open every path, write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Write the clips as shards, a Hugging Face folder or lists; or check that all is there."""
    from hashtag2action.curate.check_dataset import check_dataset
    from hashtag2action.curate.dataset import dataset_settings, write_dataset

    if not check:
        write_dataset(dataset_settings(folder, overrides or []), folder)
        _write_card(folder)
    num_paths, faults = check_dataset(folder)
    text = "\n".join([*faults, f"{num_paths} paths, {len(faults)} of them wrong"])
    _say({"num_paths": num_paths, "faults": faults}, text, as_json)
    if faults:
        raise typer.Exit(1)


@app.command()
def withdraw(
    what: Annotated[
        list[str],
        typer.Argument(metavar="ID... FOLDER...", help="Ids of posts or clips, then folders."),
    ],
    source: Annotated[
        list[Path] | None,
        typer.Option("--from", help="A folder; then every argument is an id."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Search for what is left; change nothing.")
    ] = False,
    copies: Annotated[
        bool, typer.Option(help="Take posts that show the same pictures, too, or only list them.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Remove posts and all that was made from them, and keep them out."""
    from hashtag2action.curate.withdrawal.check import check_withdrawn
    from hashtag2action.curate.withdrawal.withdraw import withdraw as run

    folders = source or [Path(text) for text in what if Path(text).is_dir()]
    ids = what if source else [text for text in what if not Path(text).is_dir()]
    if not folders:
        raise ConfigError("withdraw: name at least one folder that exists, after the ids")
    if not ids and not check:
        raise ConfigError(
            "withdraw: name at least one id of a post or clip, before the folders; "
            "--check alone searches for what was withdrawn before"
        )
    if check:
        left = check_withdrawn(ids, folders)
        lines = [*left.places, f"{left.num_places} places searched, {len(left.places)} left"]
        _say(asdict(left), "\n".join(lines), as_json)
        raise typer.Exit(1 if left.places else 0)
    done = run(ids, folders, copies_too=copies)
    again = _rewrite_pages(done.stale)
    lines = [
        f"withdrawn: {', '.join(done.posts)}",
        f"show the same pictures: {', '.join(done.copies) or 'none'}",
        *(f"in no table: {name}; is it the id of a post or clip?" for name in done.unknown),
        *([] if done.num_runs else ["no run in these folders: nothing remembers to keep them out"]),
        f"{done.num_rows} rows and {done.num_files} files removed or written anew",
        *(f"written anew: {page}" for page in again),
        *(f"left, outside the folders named: {path}" for path in done.originals),
    ]
    _say(asdict(done), "\n".join(lines), as_json)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder of the demo.")] = Path("runs/demo"),
    recipe: Annotated[
        Path | None, typer.Option(help="A demo recipe; by default the one that ships.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the whole line in the rendered world and check its figures."""
    _needs_torch()
    from hashtag2action.config import shipped_recipes
    from hashtag2action.demo import demo as run
    from hashtag2action.demo import load_demo

    config = load_demo(recipe or shipped_recipes() / "demo.yaml", out)
    with ProgressLine() as progress:
        result = run(config, out, progress)
    rows = [
        [figure.name, figure.shown, figure.bar, "ok" if figure.is_ok else "short"]
        for figure in result.figures
    ]
    table = render_table(
        "The whole line, in the rendered world", ["figure", "value", "must be", ""], rows
    )
    _say(result.as_json(), f"{table}\n{result.report}", as_json)
    if not all(figure.is_ok for figure in result.figures):
        raise typer.Exit(1)


@app.command()
def show(
    what: Annotated[Path, typer.Argument(help="A curation's folder, or a recipe.")],
    as_json: Json = False,
) -> None:
    """Show a curation's funnel, or a recipe."""
    if what.is_dir():
        receipts = _receipts(what)
        _say({"stages": receipts}, _funnel(receipts), as_json)
    else:
        from hashtag2action.config import read_yaml

        values = read_yaml(what)
        _say(values, yaml.safe_dump(values, sort_keys=False).rstrip(), as_json)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main() -> None:
    """Run the command and turn errors into one message and an exit code."""
    # Bars of libraries would stand between our own lines; they ask when they are imported.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except Hashtag2ActionError as error:
        if os.environ.get("H2A_DEBUG") == "1":
            raise
        print(f"h2a: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        # A full disk, a folder one may not write in, a file where a folder should be.
        if os.environ.get("H2A_DEBUG") == "1":
            raise
        named = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        if isinstance(error, FileExistsError | NotADirectoryError):
            named += "; a folder is expected there, and a file is in its place"
        print(f"h2a: cannot read or write {named}", file=sys.stderr)
        sys.exit(3)


def _rewrite_pages(stale: Sequence[Path]) -> list[Path]:
    """Write pages anew that showed or counted what is gone."""
    from hashtag2action.report.render import write_report

    runs = {page.parent.parent for page in stale if page.parent.name == "dataset"}
    cards = [page for run in sorted(runs) for page in _write_card(run)]
    return cards + [write_report(page.parent) for page in stale if page.name == "report.html"]


def _write_card(run: Path) -> list[Path]:
    from hashtag2action.report.card import write_card

    return write_card(run) if (run / "dataset" / "dataset.json").exists() else []


def _receipts(run: Path) -> list[dict[str, Any]]:
    return [
        Manifest(folder).receipt() for folder in stage_folders(run) if Manifest(folder).is_finished
    ]


def _funnel(receipts: list[dict[str, Any]]) -> str:
    rows = []
    for receipt in receipts:
        reasons = sorted(_in_short(receipt["reasons"]).items(), key=lambda item: -item[1])
        told = ", ".join(f"{name} {count}" for name, count in reasons[:4])
        told += f" and {len(reasons) - 4} more" if len(reasons) > 4 else ""
        counts = [str(receipt[name]) for name in ("num_input_rows", "num_kept", "num_rejected")]
        rows.append([receipt["stage"], *counts, told])
    return render_table("Funnel", ["stage", "in", "kept", "rejected", "reasons"], rows)


def _in_short(reasons: dict[str, int]) -> dict[str, int]:
    """Count a rule's rows together where they leave with many details, such as one per row."""
    kinds: dict[str, list[str]] = {}
    for reason in reasons:
        kinds.setdefault(reason.partition(":")[0], []).append(reason)
    told: dict[str, int] = {}
    for rule, found in kinds.items():
        if len(found) <= _MAX_DETAILS:
            told |= {reason: reasons[reason] for reason in found}
        else:
            told[f"{rule}:({len(found)} kinds)"] = sum(reasons[reason] for reason in found)
    return told
