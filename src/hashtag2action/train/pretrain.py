"""Pre-training: the recipe and the set-up, nothing else."""

import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hashtag2action.data.frames import OnProgress
from hashtag2action.data.loader import Batch
from hashtag2action.manifest import write_json
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.weights import load_weights
from hashtag2action.train.initial import hold_to_init
from hashtag2action.train.input import open_data
from hashtag2action.train.objective import MaskedReconstruction, Masking
from hashtag2action.train.parallel import World, open_world
from hashtag2action.train.reconstruct import reconstruct, write_strips
from hashtag2action.train.run import Task, Training, enter, run, start

NUM_RECONSTRUCTIONS = 4
"""Clips drawn at each look; chosen: enough to judge by eye."""


class Pretrain(Training):
    """Pre-train a masked autoencoder on clips without labels."""

    init: Path | None = None
    """Weights in pre-training form to go on from, with a schedule of this run's own; null starts
    from scratch."""
    masking: Masking = Masking()
    """What is hidden."""


def pretrain(config: Pretrain, out: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Pre-train, or go on with an interrupted run in the same folder; a finished one is left.

    Writes config.yaml, environment.json, precision.json, metrics.jsonl, checkpoints/,
    weights.safetensors, reconstructions/*.png and result.json.

    Args:
        config: The recipe.
        out: Folder of the run.
        on_progress: Told what is done, how many of how many.

    Returns:
        What result.json holds.

    Raises:
        ConfigError: The settings do not fit each other, the device is not here, or the folder has
            other settings or began with other weights.
        CheckpointError: The weights to begin with are missing or do not fit.
        VideoError: A clip cannot be read.
        TrainingDivergedError: The loss is no number any more.
    """
    config.runtime.require_device()
    with open_world(config.runtime.device) as world:
        return _pretrain(config, out, world, on_progress if world.is_first else None)


def _pretrain(
    config: Pretrain, out: Path, world: World, on_progress: OnProgress | None
) -> dict[str, Any]:
    begun = time.perf_counter()
    finished = enter(out, config, world)
    if world.is_first:
        hold_to_init(out, config.init)
    if finished is not None:
        return finished
    config = start(config, out, world)
    torch.manual_seed(config.seed)
    model = config.network.build_pretraining()
    if config.init is not None:
        load_weights(model, config.init)
    model.to(config.runtime.device)
    data = open_data(
        config.data, config.watch, config.network, config.optimization, config.seed, on_progress
    )
    shape = model.grid, model.patch_size, model.tubelet_size
    objective = MaskedReconstruction(config.masking, *shape, config.seed)

    def draw(network: nn.Module, batch: Batch, name: str) -> None:
        assert isinstance(network, VideoMAE), "only the pre-training form reconstructs"
        clips = batch.clips[:NUM_RECONSTRUCTIONS]
        strips = reconstruct(network, clips, config.masking, config.runtime, config.seed)
        if world.is_first:
            write_strips(out / "reconstructions", strips, num_columns=8, prefix=name)

    task = Task(objective, objective, figure="loss", draw=draw)
    result = run(config, model, task, data, out, world, on_progress)
    if world.is_first:
        result |= {"seconds": time.perf_counter() - begun}
        write_json(out / "result.json", result)
    world.wait()
    return result
