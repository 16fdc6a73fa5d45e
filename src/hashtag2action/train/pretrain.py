"""Pre-training: the recipe and the set-up, nothing else."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from hashtag2action.data.frames import OnProgress
from hashtag2action.data.loader import Batch
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.weights import load_weights
from hashtag2action.train.input import Data, open_data
from hashtag2action.train.objective import MaskedReconstruction, Masking
from hashtag2action.train.parallel import World
from hashtag2action.train.reconstruct import reconstruct, write_strips
from hashtag2action.train.run import Task, Training, train

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
    return train(config, out, _set_up, on_progress)


def _set_up(
    config: Pretrain, out: Path, world: World, on_progress: OnProgress | None
) -> tuple[nn.Module, Task, Data]:
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
    return model, task, data
