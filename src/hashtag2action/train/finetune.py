"""Fine-tuning: the recipe and the set-up, nothing else."""

import logging
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import nn

from hashtag2action.data.frames import OnProgress
from hashtag2action.data.mixing import Mixing
from hashtag2action.data.transforms import Augmentation, RandomResizedCrop
from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate.recognizer import card_from
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.vit import VisionTransformer
from hashtag2action.models.weights import load_pretrained_encoder, load_safetensors
from hashtag2action.train.checkpoint import list_checkpoints
from hashtag2action.train.head import HeadFit, fit_head
from hashtag2action.train.input import Data, TrainingData, open_data
from hashtag2action.train.objective import Classification, KeptTokens
from hashtag2action.train.optim import Optimization
from hashtag2action.train.parallel import World
from hashtag2action.train.run import Task, Training, train

log = logging.getLogger(__name__)


class Regularization(Mixing):
    """What keeps a recognizer from learning its clips by heart."""

    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of a label spread over all classes. Source: VideoMAE V2."""
    drop_path_rate: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Stochastic depth of the last block. Source: VideoMAE V2, ViT-B."""
    head_drop_rate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before the classifier. Source: VideoMAE V2, ViT-B."""
    token_drop_rate: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of tokens left out while training; all take part when it is judged. Three quarters
    make a step four times as fast. Source: PatchDropout (arXiv 2208.07220); off in VideoMAE V2."""


class FinetuningData(TrainingData):
    """As `TrainingData`, with the fine-tuning augmentation."""

    augmentation: Augmentation = RandomResizedCrop()
    """What happens to the pixels."""


class Finetune(Training):
    """Teach a network to tell classes of clips apart."""

    # Narrower than the base's, which is sound because configs are frozen.
    data: FinetuningData  # pyright: ignore[reportIncompatibleVariableOverride]
    """Labelled clips."""

    init: Path | None
    """Weights to begin with; null starts from scratch, and has to be said."""
    init_scale: Annotated[float, Field(gt=0)] = 0.001
    """Factor on the classifier's first weights. Source: VideoMAE V2."""
    head_fit: HeadFit | None = None
    """How the classifier is fitted to the training clips before the first step; None leaves it as
    `init_scale` says, as VideoMAE V2 does."""
    frozen_blocks: Annotated[int, Field(ge=0)] = 0
    """Blocks that keep the weights they begin with, counted from the input; the patch embedding
    does so with them. With few clips, what pre-training has learned is soon forgotten. Source: MAE
    (arXiv 2111.06377), section 4.3, partial fine-tuning; none in VideoMAE V2."""
    optimization: Optimization = Optimization(
        epochs=90,
        warmup_epochs=5,
        clips_per_step=64,
        repeated_augmentation=2,
        base_lr=7e-4,
        min_lr=1e-6,
        betas=(0.9, 0.999),
        layer_decay=0.75,
    )
    """How long and how fast it learns. Source: VideoMAE V2, ViT-B on Kinetics-400; clips per step
    as in the released logs of Hashtag2Action."""
    regularization: Regularization = Regularization()
    """What keeps it from learning by heart."""


def finetune(config: Finetune, out: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Fine-tune, or go on with an interrupted run in the same folder; a finished one is left.

    Writes config.yaml, environment.json, precision.json, metrics.jsonl, checkpoints/,
    weights.safetensors and result.json. The weights are those of the last step. With clips held
    out or `watch.clips`, weights_best.safetensors holds those that told them apart best, and
    result.json says so.

    Args:
        config: The recipe.
        out: Folder of the run.
        on_progress: Told what is done, how many of how many.

    Returns:
        What result.json holds.

    Raises:
        ConfigError: A clip has no label, the device is not here, or the folder has other settings
            or began with other weights.
        CheckpointError: The weights to begin with are missing or do not fit.
        VideoError: A clip cannot be read.
        TrainingDivergedError: The loss is no number any more.
    """
    return train(config, out, _set_up, on_progress)


def _set_up(
    config: Finetune, out: Path, _world: World, on_progress: OnProgress | None
) -> tuple[nn.Module, Task, Data]:
    trained_grid = _trained_grid(config)
    data = open_data(
        config.data, config.watch, config.network, config.optimization, config.seed, on_progress
    )
    data.batches.source.labels()
    classes = data.batches.source.class_names
    rules, repeats = config.regularization, config.optimization.repeated_augmentation
    torch.manual_seed(config.seed)
    model = config.network.build_recognizer(
        len(classes), trained_grid, rules.drop_path_rate, rules.head_drop_rate, config.init_scale
    )
    if config.init is not None:
        report = load_pretrained_encoder(model, config.init)
        log.info("%d tensors from %s, fresh: %s", len(report.loaded), config.init, report.fresh)
    if config.network.pooling != "mean" and rules.token_drop_rate:
        raise ConfigError(
            f"regularization.token_drop_rate: {rules.token_drop_rate} leaves places with gaps in "
            f"time, which network.pooling: {config.network.pooling} cannot have; set it to 0"
        )
    freeze_blocks(model, config.frozen_blocks)
    model.to(config.runtime.device)
    if config.head_fit is not None and not list_checkpoints(out / "checkpoints"):
        fit_head(model, data.batches, config.head_fit, config.runtime, on_progress)
    tokens = KeptTokens(rules.token_drop_rate, config.network.grid.num_tokens, config.seed)
    task = Task(
        Classification(len(classes), rules.label_smoothing, rules, repeats, config.seed, tokens),
        Classification(len(classes), 0.0, Mixing(mixup_alpha=0), 1, config.seed),
        figure="top1",
        class_names=classes,
        trained_grid=trained_grid,
        indivisible=rules.clips_per_mix if rules.is_on else 1,
    )
    return model, task, data


def freeze_blocks(model: VisionTransformer, num_blocks: int) -> None:
    """Keep the weights of the first blocks and of the patch embedding; of none for 0.

    Raises:
        ConfigError: The network has fewer blocks.
    """
    if num_blocks > len(model.blocks):
        raise ConfigError(f"frozen_blocks: {num_blocks}, but there are {len(model.blocks)} blocks")
    if num_blocks:
        for part in (model.patch_embed, *model.blocks[:num_blocks]):
            part.requires_grad_(False)


def _trained_grid(config: Finetune) -> Grid:
    """Find the token grid the positions were made for: the file's, else the recipe's own."""
    if config.init is None:
        return config.network.grid
    _, words = load_safetensors(config.init)
    try:
        return card_from(words, config.init).trained_grid
    except CheckpointError as error:
        # Upstream's files say nothing about themselves; all were trained on 16 x 224 x 224.
        log.warning("%s; taken for 16 frames of 224 px", error)
        patch = {"num_frames": 16, "size_px": 224}
        return config.network.model_copy(update=patch).grid
