"""Speed and memory of the analysis: CPU time as a share of a plain decode, alone and in pairs.

Every measurement is a process of its own, and what is compared is run in turns, so that whatever
else the machine does falls on both. What takes a second stays in its process and takes many turns:
on a host with other guests single ones differ by a third. Ratios are of neighbors; the table shows
the median of the rounds and, in brackets, the smallest and the largest.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import speed_footage
from benchmarks.figures import Figure, real_data
from hashtag2action.curate.score import score_cuts, score_persons

_ROUNDS = 15
_PIPELINE_ROUNDS = 1
_WORKER_ROUNDS = 2
_DECODES = 16  # files in a row for one process that only decodes
_MAX_ALONE, _MAX_WITH_PERSONS, _MIN_FASTER = 1.0, 1.4, 2.5
_MIN_TWO_WORKERS, _MAX_PEAK_MIB = 1.85, 400.0


def speed_figures(shared: Path, out: Path) -> list[Figure]:
    """Measure everything; about ten minutes on two cores.

    Args:
        shared: Folder with `data/shorts`.
        out: Gets the footage.
    """
    real_data(shared, "shorts")
    out.mkdir(parents=True, exist_ok=True)
    figures: list[Figure] = []
    for name in speed_footage.SIZES:
        figures += _against_a_decode(shared, out, name)
    figures += _against_three_passes(shared, out)
    figures += _two_workers(shared, out)
    path = speed_footage.ten_minutes(shared, out, "576x1024")
    figures.append(_peak("peak memory, ten minutes of 576x1024 (MiB)", _run("long", [path])))
    return figures


@dataclass(frozen=True)
class Run:
    """What one process took."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    rows: list[dict[str, Any]]


def _begin(mode: str, files: Sequence[Path], *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.speed_runs", *flags, mode, *map(str, files)]
    # One thread in every library, as the engine's workers have it.
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def _told(process: subprocess.Popen[str], said: str, errors: str) -> Run:
    if not said or process.returncode:
        raise SystemExit(f"{process.args}: exit {process.wait()}\n{errors}")
    return Run(**json.loads(said.splitlines()[-1]))


def _run(mode: str, files: Sequence[Path]) -> Run:
    return _run_at_once(mode, files, 1)[0]


def _run_at_once(mode: str, files: Sequence[Path], count: int) -> list[Run]:
    begun = [_begin(mode, files) for _ in range(count)]
    told = [process.communicate() for process in begun]
    return [_told(process, *texts) for process, texts in zip(begun, told, strict=True)]


def _ask(process: subprocess.Popen[str]) -> Run:
    """Have a process that stays do its work once more."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    assert stdin is not None, "a pipe"
    assert stdout is not None, "a pipe"
    assert stderr is not None, "a pipe"
    print(file=stdin, flush=True)
    said = stdout.readline()
    return _told(process, said, "" if said else stderr.read())


def _turn_about(modes: Sequence[str], files: Sequence[Path]) -> dict[str, list[Run]]:
    """Give each mode a process that stays, and each a turn in every round, the first in turn."""
    runs: dict[str, list[Run]] = {mode: [] for mode in modes}
    with ExitStack() as stack:
        staying = {mode: stack.enter_context(_begin(mode, files, "--turns")) for mode in modes}
        for number in range(_ROUNDS):
            first = number % len(modes)
            for mode in (*modes[first:], *modes[:first]):
                runs[mode].append(_ask(staying[mode]))
    return runs


def _in_turns(modes: Sequence[str], files: Sequence[Path], rounds: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {mode: [] for mode in modes}
    for _ in range(rounds):
        for mode in modes:
            runs[mode].append(_run(mode, files))
    return runs


def _against_a_decode(shared: Path, out: Path, name: str) -> list[Figure]:
    files = [speed_footage.joined(shared, out, name)]
    runs = _turn_about(("decode", "analysis", "persons"), files)
    figures = []
    for mode, title, bar in (
        ("analysis", "without persons", _MAX_ALONE),
        ("persons", "with persons", _MAX_WITH_PERSONS),
    ):
        ratios = [
            ours.cpu_s / decode.cpu_s
            for ours, decode in zip(runs[mode], runs["decode"], strict=True)
        ]
        figures.append(
            Figure(
                f"analysis {title}, {name}, x a plain decode",
                _spread(ratios),
                f"<= {bar:g}",
                median(ratios) <= bar,
            )
        )
    figures.append(_peak(f"peak memory, {name} (MiB)", *runs["persons"]))
    return figures


def _against_three_passes(shared: Path, out: Path) -> list[Figure]:
    files, truth = speed_footage.shorts(shared, out)
    runs = _in_turns(("ours", "theirs", "theirs-copies"), files, _PIPELINE_ROUNDS)
    faster = {
        mode: [
            theirs.cpu_s / ours.cpu_s for ours, theirs in zip(runs["ours"], runs[mode], strict=True)
        ]
        for mode in ("theirs", "theirs-copies")
    }
    exact, copies = faster["theirs"], faster["theirs-copies"]
    figures = [
        Figure(
            "times faster than three passes (adaptive, persons, cuts by x264)",
            _spread(exact),
            f">= {_MIN_FASTER:g}",
            median(exact) >= _MIN_FASTER,
        ),
        Figure("... that copy at key frames too", _spread(copies), "shown", is_ok=True),
    ]
    scored = {
        mode: {
            "cuts": score_cuts(truth, runs[mode][0].rows)[0]["f1"] or 0.0,
            "persons": score_persons(truth, runs[mode][0].rows)["f1"] or 0.0,
        }
        for mode in ("ours", "theirs")
    }
    figures += [
        Figure(
            f"... and their F1 of {what}",
            f"{scored['ours'][what]:.3f}",
            f">= theirs, {scored['theirs'][what]:.3f}",
            scored["ours"][what] >= scored["theirs"][what],
        )
        for what in ("cuts", "persons")
    ]
    return figures


def _two_workers(shared: Path, out: Path) -> list[Figure]:
    # Enough for the start of the workers, half a second, to weigh as little as in a real run.
    files = [speed_footage.joined(shared, out, "576x1024")] * 32
    runs = _in_turns(("workers-1", "workers-2"), files, _WORKER_ROUNDS)
    # The best of each: another load on the machine can only take from what two workers gain.
    one, two = (min(run.wall_s for run in runs[mode]) for mode in ("workers-1", "workers-2"))
    title, bar = "two workers, times one, by the clock (best of each)", f">= {_MIN_TWO_WORKERS:g}"
    if len(os.sched_getaffinity(0)) < 2:
        return [Figure(title, "not measured: one core", bar, is_ok=False)]
    # What the two cores have to give: processes that share nothing of ours.
    alone, both = (
        min(
            max(run.wall_s for run in _run_at_once("decode", files[:_DECODES], count))
            for _ in range(_WORKER_ROUNDS)
        )
        for count in (1, 2)
    )
    return [
        Figure(title, f"{one / two:.2f}", bar, one / two >= _MIN_TWO_WORKERS),
        Figure(
            "... and two plain decodes at once, times one", f"{2 * alone / both:.2f}", "shown", True
        ),
    ]


def _peak(name: str, *runs: Run) -> Figure:
    peak = max(run.peak_mib for run in runs)
    return Figure(name, f"{peak:.0f}", f"<= {_MAX_PEAK_MIB:.0f}", peak <= _MAX_PEAK_MIB)


def _spread(values: Sequence[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
