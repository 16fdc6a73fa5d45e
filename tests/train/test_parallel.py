import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hashtag2action.errors import ConfigError
from hashtag2action.logs import read_metrics
from hashtag2action.models.weights import load_safetensors
from hashtag2action.train.finetune import Finetune, finetune
from hashtag2action.train.parallel import World
from hashtag2action.train.pretrain import Pretrain, pretrain

Settings = Callable[..., dict[str, Any]]
TOLERANCE = 2e-6
"""Relative; sums in float32 in another order."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def spread(runs: list[dict[str, Any]], folder: Path, num_processes: int = 2) -> None:
    """Make trainings in several processes on this machine."""
    file = folder / "runs.json"
    file.write_text(json.dumps([run | {"port": free_port()} for run in runs], default=str))
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.train.spread_runs", str(file)],
            env=os.environ
            | {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(num_processes),
                "MASTER_ADDR": "127.0.0.1",
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(["src", "."]),
            },
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(num_processes)
    ]
    said = [process.communicate(timeout=100)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * num_processes, "\n".join(said)


def recipes(settings: Settings) -> dict[str, dict[str, Any]]:
    """Recipes of both objectives with everything that draws lots."""
    common = {
        "epochs": 3,
        "warmup_epochs": 1,
        "clips_per_step": 8,
        "repeated_augmentation": 2,
        "base_lr": 0.032,
        "max_grad_norm": 0.5,
        "average_decay": 0.9,
    }
    pre = settings(masking={"mask_ratio": 0.75}, optimization=common)
    # Six frames make three slots, where the number of hidden tokens differs from clip to clip.
    network = {"variant": "vit_micro", "num_frames": 6, "size_px": 32, "patch_size": 8}
    pre["network"] = network
    fine = settings(
        init=None,
        init_scale=1.0,
        optimization=common | {"layer_decay": 0.75, "base_lr": 0.01},
        regularization={"drop_path_rate": 0.3, "head_drop_rate": 0.5},
    )
    fine["network"] = network
    return {"pretrain": pre, "finetune": fine}


def with_runtime(recipe: dict[str, Any], **runtime: Any) -> dict[str, Any]:
    return recipe | {"runtime": recipe["runtime"] | runtime}


def curve(folder: Path) -> list[tuple[float, float]]:
    return [(line["loss"], line["grad_norm"]) for line in read_metrics(folder / "metrics.jsonl")]


def taken_over(source: Path, out: Path) -> Path:
    """Make a folder that another run was interrupted in, after its second step."""
    out.mkdir(parents=True)
    for name in ("config.yaml", "metrics.jsonl"):
        shutil.copy(source / name, out / name)
    shutil.copytree(source / "checkpoints", out / "checkpoints")
    return out


def same_curves(one: Path, other: Path) -> None:
    first, second = curve(one), curve(other)
    assert len(first) == len(second) == 3
    for (loss, norm), (other_loss, other_norm) in zip(first, second, strict=True):
        assert other_loss == pytest.approx(loss, rel=TOLERANCE), other
        assert other_norm == pytest.approx(norm, rel=1e-4), other


def test_one_process_ddp_and_fsdp2_give_the_same_losses_and_go_on_from_each_other(
    settings: Settings, tmp_path: Path
) -> None:
    ways = {
        "ddp": {"parallel": "ddp", "clips_per_pass": 2},
        "fsdp2": {"parallel": "fsdp2", "clips_per_pass": 2, "recompute": True},
    }
    both, alone = recipes(settings), tmp_path / "alone"
    pretrain(Pretrain(**both["pretrain"]), alone / "pretrain")
    finetune(Finetune(**both["finetune"]), alone / "finetune")
    runs = [
        {"kind": kind, "recipe": with_runtime(recipe, **way), "out": tmp_path / name / kind}
        for kind, recipe in both.items()
        for name, way in ways.items()
    ]
    runs += [
        run | {"out": taken_over(alone / run["kind"], tmp_path / f"{name}_goes_on" / run["kind"])}
        for run, name in ((runs[1], "fsdp2"), (runs[2], "ddp"))
    ]
    spread(runs, tmp_path)
    runs.append(
        {"out": taken_over(tmp_path / "fsdp2" / "pretrain", tmp_path / "one_goes_on" / "pretrain")}
    )
    pretrain(Pretrain(**both["pretrain"]), runs[-1]["out"])
    for run in runs:
        out = run["out"]
        same_curves(alone / out.name, out)
        weights, _ = load_safetensors(alone / out.name / "weights_average.safetensors")
        theirs, _ = load_safetensors(out / "weights_average.safetensors")
        assert theirs.keys() == weights.keys()
        for tensor, value in weights.items():
            torch.testing.assert_close(theirs[tensor], value, rtol=1e-3, atol=1e-5)


def test_clips_are_shared_out_evenly_and_groups_stay_together() -> None:
    worlds = [World(rank, 2) for rank in range(2)]
    assert [world.passes(16, None, 2) for world in worlds] == [[(0, 8)], [(8, 16)]]
    assert worlds[1].passes(16, 6, 2) == [(8, 14), (14, 16)]
    assert World().passes(5, None, 1) == [(0, 5)]
    for clips_per_step, clips_per_pass, indivisible in ((15, None, 1), (6, None, 2), (16, 3, 2)):
        with pytest.raises(ConfigError, match="over 2 processes"):
            worlds[0].passes(clips_per_step, clips_per_pass, indivisible)
