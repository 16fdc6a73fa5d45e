"""Verbs that look at data sets of clips and their splits. A part of `cli`."""

import os
import sys
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hashtag2action.cli_weights import Json, say
from hashtag2action.engines.base import Limits, Lost
from hashtag2action.engines.local import LocalEngine
from hashtag2action.terminal import ProgressLine, render_table

if TYPE_CHECKING:
    from hashtag2action.data.check import Found, Health
    from hashtag2action.data.clip_set import ClipSet

app = typer.Typer(help="Data sets of clips.", no_args_is_help=True, rich_markup_mode=None)

NUM_SPLITS = 3
"""Official splits of UCF101 and of HMDB51."""
_MAX_LISTED = 20
"""Broken or short clips, classes and sizes named to a person. Chosen: a page; --json has all."""


@app.callback()
def data() -> None:
    """Data sets of clips."""


@app.command("check")
def check(
    where: Annotated[
        str,
        typer.Argument(
            metavar="LIST_OR_DIR",
            help="A list file, a CSV, a folder of videos or classes, a curation, a data set in "
            "shards (also an address), or a recipe with data.clips.",
            show_default=False,
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SECTION.FIELD=VALUE]...", help="Laid over a recipe.", show_default=False
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="Folder a list's paths start at; by default its own.")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Of a list: 'path start total', 'path label' or 'path total label'."),
    ] = None,
    num: Annotated[
        int | None, typer.Option(min=1, help="Decode as many, drawn at random; by default all.")
    ] = None,
    sample_s: Annotated[
        float, typer.Option(min=0, help="Seconds of a sample; shorter clips are listed.")
    ] = 16 * 4 / 30,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode.")] = 1,
    max_s: Annotated[
        float, typer.Option(min=0.1, help="Seconds one clip may take; beyond, it is broken.")
    ] = 300.0,
    as_json: Json = False,
) -> None:
    """Decode a data set, or some of it, and say what is broken, short, and how it is made.

    Exit code 1 when something is broken.
    """
    from hashtag2action.data.check import check_clips
    from hashtag2action.data.guess import origin_of

    clips = origin_of(where, root, columns, overrides or []).read()
    look = partial(_look_apart, LocalEngine(num_workers=workers), max_s)
    with ProgressLine(quiet=as_json) as progress:
        health = check_clips(clips, num, sample_s, look, progress)
    say(asdict(health), _in_words(health, sample_s), as_json)
    if health.broken:
        raise typer.Exit(1)


def splits(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="An evaluation of each split.")
    ],
    as_json: Json = False,
) -> None:
    """Average evaluations over the official splits of UCF101 or HMDB51."""
    from hashtag2action.evaluate.splits import over_splits

    found = over_splits(folders)
    rows = [
        [name, *(f"{value:.4f}" for value in values), f"{found.means[name]:.4f}"]
        for name, values in found.values.items()
    ]
    header = ["", *(f"split {split}" for split in found.splits), "mean"]
    lines = [render_table("Over splits", header, rows)]
    if len(found.splits) < NUM_SPLITS:
        lines.append(f"a mean over {len(found.splits)} of the {NUM_SPLITS} splits only")
    lines += [f"selection: {said}" for said in dict.fromkeys(found.selections)]
    say(asdict(found), "\n".join(lines), as_json)


def explore(
    folder: Annotated[Path, typer.Argument(help="A curation, or a folder of runs.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0: any that is free.")
    ] = 8420,
    browser: Annotated[bool, typer.Option(help="Open the page, where there is a screen.")] = True,
) -> None:
    """Browse, play and judge the clips of a curation, kept and rejected, in a browser."""
    from hashtag2action.explore.server import Server

    with Server(folder, port) as server, suppress(KeyboardInterrupt):
        print(f"{server.url}  (ctrl-C stops)", flush=True)
        if browser and _has_screen():
            webbrowser.open(server.url)
        server.serve_forever()
    print("stopped")


def _has_screen() -> bool:
    """Whether a browser would open before whoever started this, not at the far end of ssh."""
    if "SSH_CONNECTION" in os.environ:
        return False
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


def _look_apart(
    engine: LocalEngine, max_s: float, clips: "ClipSet", places: Sequence[int]
) -> Iterator[tuple[int, "Found"]]:
    """Look at clips in processes of their own, so that a file costs itself and nothing else."""
    from hashtag2action.data.check import Found

    limits = Limits(max_seconds_per_video=max_s)
    told = {
        "crashed": "its decoder crashes",
        "timed_out": f"takes longer than {max_s:g} s",
        "too_large": f"needs more than {limits.max_memory_mb_per_video} MiB of memory",
    }
    for index, found in engine.map(partial(_open_look, clips), places, limits):
        place = places[index]
        if isinstance(found, Lost):
            clip = clips.clips[place]
            yield place, Found(clip.clip_id, str(clip.path), told[found.reason])
        else:
            yield place, found


def _open_look(clips: "ClipSet") -> "Callable[[int], Found]":
    from hashtag2action.data.check import look_at

    return lambda place: look_at(clips.clips[place])


def _in_words(health: "Health", sample_s: float) -> str:
    rows = [
        ["clips", f"{health.num_clips:,}"],
        ["decoded", f"{health.num_checked:,}"],
        ["broken", str(len(health.broken))],
        [f"shorter than {sample_s:.2f} s", str(len(health.short))],
    ]
    if health.num_missing:
        rows.append(["listed, but missing", str(health.num_missing)])
    rows += [[f"seconds, {name}", f"{value:,.2f}"] for name, value in health.durations_s.items()]
    for name, counts in (
        ("frames a second", health.frames_per_s),
        ("size", health.sizes),
        ("codec", health.codecs),
    ):
        rows += [[f"{name} {what}", str(count)] for what, count in _first(counts)]
    rows.append(["classes", str(len(health.classes) or "none")])
    if health.classes:
        rows += [[f"class {name}", str(count)] for name, count in _first(health.classes)]
        rows.append(["without a class", str(health.num_unlabeled)])
    rows += [[f"folder {name}", "no video, so no class"] for name in health.empty_classes]
    lines = [render_table("Clips", ["", ""], rows)]
    for kind, listed in (("broken", health.broken), ("short", health.short)):
        for item in listed[:_MAX_LISTED]:
            why = item.get("problem") or f"{item['duration_s']:.2f} s"
            lines.append(f"{kind}: {item['path']}: {why}")
        if len(listed) > _MAX_LISTED:
            lines.append(f"{kind}: and {len(listed) - _MAX_LISTED} more; --json lists all")
    return "\n".join(lines)


def _first(counts: dict[str, int]) -> list[tuple[str, int]]:
    shown = list(counts.items())[:_MAX_LISTED]
    if len(counts) > _MAX_LISTED:
        shown.append(("(others)", sum(list(counts.values())[_MAX_LISTED:])))
    return shown
