import json
import os
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


def test_one_process_ddp_and_fsdp2_give_the_same_losses(settings: Settings, tmp_path: Path) -> None:
    ways = {
        "ddp": {"parallel": "ddp", "clips_per_pass": 2},
        "fsdp2": {"parallel": "fsdp2", "clips_per_pass": 2, "recompute": True},
    }
    both = recipes(settings)
    spread(
        [
            {"kind": kind, "recipe": with_runtime(recipe, **way), "out": tmp_path / kind / name}
            for kind, recipe in both.items()
            for name, way in ways.items()
        ],
        tmp_path,
    )
    pretrain(Pretrain(**both["pretrain"]), tmp_path / "pretrain" / "alone")
    finetune(Finetune(**both["finetune"]), tmp_path / "finetune" / "alone")
    for kind in both:
        alone = curve(tmp_path / kind / "alone")
        averages, _ = load_safetensors(tmp_path / kind / "alone" / "weights_average.safetensors")
        for name in ways:
            shared = curve(tmp_path / kind / name)
            assert len(shared) == len(alone) == 3
            for (loss, norm), (other, other_norm) in zip(alone, shared, strict=True):
                assert other == pytest.approx(loss, rel=TOLERANCE), (kind, name)
                assert other_norm == pytest.approx(norm, rel=1e-4), (kind, name)
            path = tmp_path / kind / name / "weights_average.safetensors"
            theirs, _ = load_safetensors(path)
            assert theirs.keys() == averages.keys()
            for tensor, value in averages.items():
                torch.testing.assert_close(theirs[tensor], value, rtol=1e-3, atol=1e-5)


def test_clips_are_shared_out_evenly_and_groups_stay_together() -> None:
    worlds = [World(rank, 2) for rank in range(2)]
    assert [world.passes(16, None, 2) for world in worlds] == [[(0, 8)], [(8, 16)]]
    assert worlds[1].passes(16, 6, 2) == [(8, 14), (14, 16)]
    assert World().passes(5, None, 1) == [(0, 5)]
    for clips_per_step, clips_per_pass, indivisible in ((15, None, 1), (6, None, 2), (16, 3, 2)):
        with pytest.raises(ConfigError, match="over 2 processes"):
            worlds[0].passes(clips_per_step, clips_per_pass, indivisible)
