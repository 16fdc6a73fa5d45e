"""Pre-training: the recipe and the set-up, nothing else."""

import time
from pathlib import Path
from typing import Any

import torch

from hashtag2action.data.frames import OnProgress
from hashtag2action.data.loader import ClipBatches
from hashtag2action.data.transforms import CenterCrop
from hashtag2action.evaluate.recognizer import Card, save_network
from hashtag2action.logs import begin_run, finished_result
from hashtag2action.manifest import write_json
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.train.objective import MaskedReconstruction, Masking
from hashtag2action.train.reconstruct import reconstruct, write_strips
from hashtag2action.train.run import Training, open_batches, run

NUM_RECONSTRUCTIONS = 4
"""Clips drawn at the end; chosen: enough to judge by eye."""


class Pretrain(Training):
    """Pre-train a masked autoencoder on clips without labels."""

    masking: Masking = Masking()
    """What is hidden."""


def pretrain(config: Pretrain, out: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Pre-train, or go on with an interrupted run in the same folder; a finished one is left.

    Writes config.yaml, environment.json, metrics.jsonl, checkpoints/, weights.safetensors,
    reconstructions/*.png and result.json.

    Args:
        config: The recipe.
        out: Folder of the run.
        on_progress: Told what is done, how many of how many.

    Returns:
        What result.json holds.

    Raises:
        ConfigError: The settings do not fit each other, or the folder has other ones.
        VideoError: A clip cannot be read.
        TrainingDivergedError: The loss is no number any more.
    """
    begun = time.perf_counter()
    begin_run(out, config)
    finished = finished_result(out)
    if finished is not None:
        return finished
    config.runtime.start()
    torch.manual_seed(config.seed)
    model = config.network.build_pretraining().to(config.runtime.device)
    batches, num_dropped = open_batches(config, on_progress)
    objective = MaskedReconstruction(config.masking, config.seed)
    result = run(config, model, objective, batches, out, on_progress)
    weights = out / "weights.safetensors"
    save_network(model, weights, Card(config.network, (), batches.sampling, config.network.grid))
    _draw(model, config, batches, out / "reconstructions")
    result |= {
        "weights": weights.name,
        "num_dropped": num_dropped,
        "seconds": time.perf_counter() - begun,
    }
    write_json(out / "result.json", result)
    return result


def _draw(model: VideoMAE, config: Pretrain, batches: ClipBatches, folder: Path) -> None:
    plan = batches.plan.model_copy(
        update={"clips_per_step": min(NUM_RECONSTRUCTIONS, batches.plan.num_clips)}
    )
    shown = ClipBatches(
        batches.source,
        plan,
        batches.reader,
        batches.sampling,
        CenterCrop(),
        batches.size_px,
        skip_unreadable=batches.skip_unreadable,
    )
    strips = reconstruct(model, shown[0].clips, config.masking, config.runtime, config.seed)
    write_strips(folder, strips, num_columns=8)
