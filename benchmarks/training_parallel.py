"""Do one process, DDP and FSDP2 learn the same, and go on from each other's states?

Two processes on this machine, over gloo, against one: losses, norms of gradients and weights of
both objectives, with everything that draws lots, in passes of two clips, and from states that
another way of sharing has left.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.tiny_training import tiny_recipe, write_world
from hashtag2action.logs import read_metrics
from hashtag2action.models.weights import load_safetensors
from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.pretrain import Pretrain, pretrain

LOSS_TOLERANCE = 2e-6
"""Relative. Source: sums of a few thousand float32 numbers in another order."""
WAYS: dict[str, dict[str, Any]] = {
    "ddp": {"parallel": "ddp", "clips_per_pass": 2},
    "fsdp2": {"parallel": "fsdp2", "clips_per_pass": 2, "recompute": True},
}
"""How two processes share the network."""


@dataclass(frozen=True)
class Agreement:
    """How far a run of several processes is from that of one, as largest relative differences."""

    kind: str
    way: str
    loss: float
    grad_norm: float
    weights: float
    """Of the largest weight of each tensor."""


def measure(out: Path) -> list[Figure]:
    """Compare all ways with one process."""
    return [
        Figure(
            f"{found.kind}, {found.way}: loss against one process",
            f"{found.loss:.1e}",
            f"<= {LOSS_TOLERANCE:g}",
            found.loss <= LOSS_TOLERANCE,
        )
        for found in agreements(write_world(out / "world"), out)
    ]


def agreements(world: Path, out: Path) -> list[Agreement]:
    """Train in one process, in two, and on from the states of others."""
    both, alone = recipes(world), out / "one"
    pretrain(Pretrain.model_validate(both["pretrain"]), alone / "pretrain")
    finetune(Finetune.model_validate(both["finetune"]), alone / "finetune")
    runs = [
        {"kind": kind, "recipe": with_runtime(recipe, way), "out": out / name / kind}
        for kind, recipe in both.items()
        for name, way in WAYS.items()
    ]
    runs += [
        run | {"out": taken_over(alone / run["kind"], out / f"{name} from one" / run["kind"])}
        for run, name in ((runs[1], "fsdp2"), (runs[2], "ddp"))
    ]
    spread(runs, out)
    onward = taken_over(out / "fsdp2" / "pretrain", out / "one from fsdp2" / "pretrain")
    pretrain(Pretrain.model_validate(both["pretrain"]), onward)
    return [_agreement(alone, folder) for folder in (*(run["out"] for run in runs), onward)]


def recipes(world: Path) -> dict[str, dict[str, Any]]:
    """Return a recipe of each objective with everything that draws lots."""
    values = tiny_recipe(world)
    # Six frames make three slots, where the number of hidden tokens differs from clip to clip.
    values["network"] = {"variant": "vit_micro", "num_frames": 6, "size_px": 32, "patch_size": 8}
    values["optimization"] |= {"clips_per_step": 8, "max_grad_norm": 0.5, "average_decay": 0.9}
    learning = values["optimization"] | {"layer_decay": 0.75, "base_lr": 0.01}
    lots = {"drop_path_rate": 0.3, "head_drop_rate": 0.5, "cutmix_alpha": 1.0}
    return {
        "pretrain": values | {"masking": {"mask_ratio": 0.75}},
        "finetune": values
        | {"init": None, "init_scale": 1.0, "optimization": learning, "regularization": lots},
    }


def with_runtime(recipe: dict[str, Any], runtime: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe that runs in another way."""
    return recipe | {"runtime": recipe["runtime"] | runtime}


def taken_over(source: Path, out: Path) -> Path:
    """Make a folder of a run that another one was interrupted in, after its second step."""
    out.mkdir(parents=True)
    for name in ("config.yaml", "metrics.jsonl"):
        shutil.copy(source / name, out / name)
    shutil.copytree(source / "checkpoints", out / "checkpoints")
    return out


def spread(runs: list[dict[str, Any]], folder: Path, num_processes: int = 2) -> None:
    """Make trainings one after the other in several processes on this machine."""
    file = folder / "runs.json"
    file.write_text(json.dumps([run | {"port": _free_port()} for run in runs], default=str))
    repository = Path(__file__).parents[1]
    surroundings = os.environ | {
        "WORLD_SIZE": str(num_processes),
        "MASTER_ADDR": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(repository / "src"), str(repository)]),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.spread_runs", str(file)],
            env=surroundings | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(num_processes)
    ]
    said = [process.communicate(timeout=110)[1] for process in processes]
    if any(process.returncode for process in processes):
        raise ChildProcessError("\n".join(said))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _agreement(alone: Path, out: Path) -> Agreement:
    kind = out.name
    wanted, found = (read_metrics(folder / "metrics.jsonl") for folder in (alone / kind, out))
    assert [line["step"] for line in wanted] == [line["step"] for line in found]
    pairs = list(zip(wanted, found, strict=True))
    means, _ = load_safetensors(alone / kind / "weights_average.safetensors")
    theirs, _ = load_safetensors(out / "weights_average.safetensors")
    return Agreement(
        kind,
        out.parent.name,
        loss=max(abs(b["loss"] / a["loss"] - 1) for a, b in pairs),
        grad_norm=max(abs(b["grad_norm"] / a["grad_norm"] - 1) for a, b in pairs),
        weights=max(
            float((theirs[name] - mean).abs().max() / mean.abs().max().clamp(min=1e-3))
            for name, mean in means.items()
        ),
    )
