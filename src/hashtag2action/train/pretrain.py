"""Pre-training: the recipe and the set-up, nothing else."""

import time
from pathlib import Path
from typing import Any

import torch

from hashtag2action.data.frames import OnProgress
from hashtag2action.data.loader import ClipBatches
from hashtag2action.data.transforms import CenterCrop
from hashtag2action.manifest import write_json
from hashtag2action.models.weights import load_weights
from hashtag2action.train.objective import MaskedReconstruction, Masking
from hashtag2action.train.parallel import World, open_world
from hashtag2action.train.reconstruct import reconstruct, write_strips
from hashtag2action.train.run import Training, enter, open_batches, run

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
    with open_world(config.runtime.device) as world:
        return _pretrain(config, out, world, on_progress if world.is_first else None)


def _pretrain(
    config: Pretrain, out: Path, world: World, on_progress: OnProgress | None
) -> dict[str, Any]:
    begun = time.perf_counter()
    finished = enter(out, config, world)
    if finished is not None:
        return finished
    config.runtime.start()
    torch.manual_seed(config.seed)
    model = config.network.build_pretraining().to(config.runtime.device)
    batches, num_dropped = open_batches(config, on_progress)
    shape = model.grid, model.patch_size, model.tubelet_size
    objective = MaskedReconstruction(config.masking, *shape, config.seed)
    result = run(config, model, objective, batches, out, world, on_progress)
    if world.is_first:
        _draw(config, batches, out)
        result |= {"num_dropped": num_dropped, "seconds": time.perf_counter() - begun}
        write_json(out / "result.json", result)
    world.wait()
    return result


def _draw(config: Pretrain, batches: ClipBatches, out: Path) -> None:
    model = config.network.build_pretraining()
    load_weights(model, out / "weights.safetensors")
    model.to(config.runtime.device)
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
    write_strips(out / "reconstructions", strips, num_columns=8)
