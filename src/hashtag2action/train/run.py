"""What pre-training and fine-tuning share: settings, the data, and one run of the loop."""

import logging
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import nn

from hashtag2action.config import Config
from hashtag2action.data.clips import ClipSource
from hashtag2action.data.frames import DecodeOnDemand, Decoding, FrameReader, OnProgress
from hashtag2action.data.loader import BatchPlan, ClipBatches, Sampling, iterate, readable_clips
from hashtag2action.data.transforms import Augmentation, MultiScaleCrop
from hashtag2action.evaluate.recognizer import Network
from hashtag2action.logs import MetricWriter, read_metrics
from hashtag2action.models.variants import variant
from hashtag2action.train.checkpoint import resume
from hashtag2action.train.loop import Event, LogMetrics, Recipe, SaveCheckpoints, ShowProgress, fit
from hashtag2action.train.objective import Objective
from hashtag2action.train.optim import Optimization, make_optimizer
from hashtag2action.train.runtime import Runtime

log = logging.getLogger(__name__)


class TrainingData(Config):
    """Which clips are learned from, and how they become samples."""

    clips: ClipSource
    """Where the clips are."""
    decoding: Decoding = DecodeOnDemand()
    """Decode on demand, or once into memory."""
    sampling: Literal["dense", "segments"] = "dense"
    """Dense: a fixed stride from a random place. Segments: one frame of each equal part."""
    stride_s: float = Field(4 / 30, gt=0)
    """Seconds from frame to frame. Source: VideoMAE V2, every fourth frame, of 30 a second."""
    augmentation: Augmentation = MultiScaleCrop()
    """What happens to the pixels."""
    unreadable: Literal["fail", "skip"] = "fail"
    """A clip that cannot be read ends the run with its path, or is left out and counted."""


class Training(Config):
    """What every training has."""

    network: Network = Network()
    """The network and the shape of its clips."""
    data: TrainingData
    """Clips."""
    optimization: Optimization = Optimization()
    """How long and how fast it learns."""
    seed: int = 0
    """Seed of weights, order, augmentation and masks."""
    runtime: Runtime = Runtime()
    """Device, precision, logging; changes no result beyond rounding."""


def open_batches(config: Training, on_progress: OnProgress | None) -> tuple[ClipBatches, int]:
    """List the clips, decode them if they are kept in memory, and make what makes batches.

    Returns:
        The batches of any step, and how many clips were dropped as unreadable.
    """
    data, optimization = config.data, config.optimization
    skip = data.unreadable == "skip"
    reader = FrameReader(data.decoding)
    clips, num_dropped = readable_clips(
        data.clips.read(), reader, skip_unreadable=skip, on_progress=on_progress
    )
    log.info(
        "%d clips, %d dropped as unreadable, %.0f MB of frames in memory",
        len(clips.clips),
        num_dropped,
        reader.size_bytes / 1e6,
    )
    batches = ClipBatches(
        clips,
        BatchPlan(
            num_clips=len(clips.clips),
            clips_per_step=optimization.clips_per_step,
            seed=config.seed,
        ),
        reader,
        Sampling(kind=data.sampling, num_frames=config.network.num_frames, stride_s=data.stride_s),
        data.augmentation,
        config.network.size_px,
        repeated_augmentation=optimization.repeated_augmentation,
        skip_unreadable=skip,
    )
    return batches, num_dropped


def run(
    config: Training,
    model: nn.Module,
    objective: Objective,
    batches: ClipBatches,
    out: Path,
    on_progress: OnProgress | None,
) -> dict[str, Any]:
    """Train from the newest state in the folder, or from the start, to the end.

    Returns:
        Steps, first and last logged loss, peak learning rate, mean samples per second.
    """
    runtime = config.runtime
    schedule = config.optimization.schedule(len(batches.clips))
    depth = variant(config.network.variant).depth
    optimizer = make_optimizer(model, config.optimization, depth)
    checkpoints = out / "checkpoints"
    first_step = resume(checkpoints, model, optimizer)
    log.info(
        "steps %d to %d, peak learning rate %.3g = base_lr * clips per step / 256",
        first_step,
        schedule.total_steps,
        schedule.peak_lr,
    )
    metrics = out / "metrics.jsonl"
    events: list[Event] = [
        LogMetrics(MetricWriter(metrics, first_step), runtime.log_every_steps, schedule),
        SaveCheckpoints(
            checkpoints, model, optimizer, runtime.checkpoint_every_steps, runtime.num_checkpoints
        ),
    ]
    if on_progress is not None:
        events.append(ShowProgress(on_progress, type(config).__name__.lower(), schedule))
    recipe = Recipe(schedule, config.optimization.max_grad_norm, runtime, config.seed)
    steps = iterate(batches, first_step, schedule.total_steps, runtime.num_workers)
    fit(model, objective, steps, optimizer, recipe, first_step, events)
    lines = read_metrics(metrics)
    return {
        "num_steps": schedule.total_steps,
        "peak_lr": schedule.peak_lr,
        "first_loss": lines[0]["loss"],
        "last_loss": lines[-1]["loss"],
        "clips_per_s": sum(line["clips_per_s"] for line in lines) / len(lines),
        "num_clips": len(batches.clips),
        "num_unreadable": sum(line["num_unreadable"] for line in lines),
    }
