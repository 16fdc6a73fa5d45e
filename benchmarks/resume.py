"""Does a training that is killed again and again end as one that is left alone?

Both objectives are run once to their end. Then each is run in processes that get SIGKILL at
random moments, within steps and within the writing of states, with other numbers of workers each
time, until as many kills as asked for have hit a run and it has come to its end. What counts is
metrics.jsonl, to the last digit, and the weights, to the last bit.
"""

import contextlib
import multiprocessing
import random
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from benchmarks.figures import Figure
from benchmarks.tiny_training import tiny_recipe, write_world
from hashtag2action.logs import read_metrics
from hashtag2action.models.weights import load_safetensors
from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.pretrain import Pretrain, pretrain

NUM_KILLS = 20
"""Kills per objective. Source: the bar."""
CLOCKS = ("clips_per_s", "data_wait_fraction")
"""Fields of a line that tell of time, and so differ from run to run."""
LONGEST_FAREWELL_S = 30.0
"""A worker looks for its parent every 5 s; more where the machine is busy."""
LONGEST_DELAY_S = 0.03
"""After a step is reported, up to this long until the kill: a step and a half, with its state."""


@dataclass(frozen=True)
class Survival:
    """How a run fared that was killed."""

    num_kills: int
    same_lines: bool
    same_weights: bool
    family: frozenset[tuple[int, str]]
    """Children of the killed runs, each by its number and the time it began."""


def objectives(world: Path, num_steps: int) -> dict[str, dict[str, Any]]:
    """Return a recipe of each objective; lines and states do not fall on the same steps."""
    recipe = tiny_recipe(world)
    recipe["network"] |= {"variant": "vit_micro"}
    recipe["optimization"] |= {
        "epochs": num_steps / 2,
        "max_grad_norm": 1.0,
        "average_decay": 0.9,
    }
    recipe["runtime"] |= {"log_every_steps": 3, "checkpoint_every_steps": 2}
    drops = {"drop_path_rate": 0.2, "head_drop_rate": 0.2}
    return {
        "pretrain": recipe | {"masking": {"mask_ratio": 0.75}},
        "finetune": recipe | {"init": None, "regularization": drops},
    }


def measure(out: Path) -> list[Figure]:
    """Kill both objectives as often as the bar asks."""
    figures = []
    for kind, recipe in objectives(write_world(out / "world"), 100).items():
        found = survive(kind, recipe, out, NUM_KILLS, seed=1)
        figures += [
            Figure(
                f"{kind}: survives SIGKILL at random steps",
                f"{found.num_kills} of {NUM_KILLS}",
                f">= {NUM_KILLS}",
                found.num_kills >= NUM_KILLS,
            ),
            _same(f"{kind}: loss curve, to the last digit", found.same_lines),
            _same(f"{kind}: weights, to the last bit", found.same_weights),
            Figure(
                f"{kind}: workers that outlive their killed training",
                str(left := num_left(found.family)),
                "0",
                left == 0,
            ),
        ]
    return figures


def survive(kind: str, recipe: dict[str, Any], out: Path, num_kills: int, seed: int) -> Survival:
    """Run a recipe alone and under fire, and compare.

    Args:
        kind: pretrain or finetune.
        recipe: Its settings.
        out: Folder of both runs.
        num_kills: Kills before it is left in peace.
        seed: Seed of the moments.
    """
    alone, killed = out / f"{kind}-alone", out / f"{kind}-killed"
    train(kind, recipe, alone)
    chance, kills, family = random.Random(seed), 0, set[tuple[int, str]]()
    while kills < num_kills and not (killed / "result.json").exists():
        runtime = recipe["runtime"] | {"num_workers": chance.choice([0, 1, 2])}
        kills += _run_and_kill(kind, recipe | {"runtime": runtime}, killed, chance, family)
    train(kind, recipe, killed)
    return Survival(
        kills,
        _lines(alone) == _lines(killed),
        all(
            _same_tensors(alone / name, killed / name)
            for name in ("weights.safetensors", "weights_average.safetensors")
        ),
        frozenset(family),
    )


def train(kind: str, recipe: dict[str, Any], out: Path, news: Connection | None = None) -> None:
    """Train, and send the number of each step that is done."""

    def tell(stage: str, done: int, total: int, note: str = "", /) -> None:
        if news is not None and stage == kind:
            news.send(done)

    if kind == "pretrain":
        pretrain(Pretrain.model_validate(recipe), out, tell)
    else:
        finetune(Finetune.model_validate(recipe), out, tell)


def _run_and_kill(
    kind: str,
    recipe: dict[str, Any],
    out: Path,
    chance: random.Random,
    family: set[tuple[int, str]],
) -> bool:
    """Kill a run at a random moment; tells whether it was still running.

    Its children are added to `family`.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.resume"])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=train, args=(kind, recipe, out, theirs))
    process.start()
    theirs.close()
    # At least one state more each time, on average: else the run would never end.
    for _ in range(chance.randint(1, 6)):
        try:
            ours.recv()
        except EOFError:
            break
    time.sleep(chance.random() * LONGEST_DELAY_S)
    was_running = process.is_alive()
    family |= _children(process.pid)
    process.kill()
    process.join()
    ours.close()
    return was_running


def _children(pid: int | None) -> set[tuple[int, str]]:
    """Return the children of a process, each by its number and the time it began."""
    found: set[tuple[int, str]] = set()
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {(int(child), _began(int(child))) for child in file.read_text().split()}
    return found


def _began(pid: int) -> str:
    """Return when a process began, in clock ticks; empty for one that ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def num_left(family: frozenset[tuple[int, str]]) -> int:
    """Count those that are still there, after the time a worker takes to miss its parent."""
    until = time.monotonic() + LONGEST_FAREWELL_S
    while time.monotonic() < until and any(began == _began(pid) != "" for pid, began in family):
        time.sleep(0.1)
    return sum(_began(pid) == began for pid, began in family if began)


def _lines(out: Path) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in line.items() if name not in CLOCKS}
        for line in read_metrics(out / "metrics.jsonl")
    ]


def _same_tensors(one: Path, other: Path) -> bool:
    first, second = load_safetensors(one)[0], load_safetensors(other)[0]
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def _same(name: str, is_same: bool) -> Figure:
    return Figure(name, "same" if is_same else "other", "same", is_same)
