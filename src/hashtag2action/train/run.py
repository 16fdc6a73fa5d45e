"""What pre-training and fine-tuning share: settings, the data, and one run of the loop."""

import logging
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from hashtag2action.config import Config
from hashtag2action.data.clips import ClipSource
from hashtag2action.data.frames import DecodeOnDemand, Decoding, FrameReader, OnProgress
from hashtag2action.data.loader import BatchPlan, ClipBatches, Sampling, iterate, readable_clips
from hashtag2action.data.transforms import Augmentation, MultiScaleCrop
from hashtag2action.evaluate.recognizer import Card, Network
from hashtag2action.logs import MetricWriter, begin_run, finished_result, read_metrics
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.variants import variant
from hashtag2action.models.weights import save_tensors
from hashtag2action.train.average import AverageWeights
from hashtag2action.train.checkpoint import TrainingState, resume
from hashtag2action.train.events import LogMetrics, SaveCheckpoints, ShowProgress
from hashtag2action.train.ledger import Ledger
from hashtag2action.train.loop import Event, Recipe, fit
from hashtag2action.train.objective import Objective
from hashtag2action.train.optim import Optimization, make_optimizer
from hashtag2action.train.parallel import (
    Spread,
    World,
    compile_blocks,
    recompute_blocks,
    whole_state,
)
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


def enter(out: Path, config: Training, world: World) -> dict[str, Any] | None:
    """Open the folder of a run, in the first process; the others wait for it.

    Returns:
        What the run said at its end, if it came to it before.

    Raises:
        ConfigError: The folder belongs to a run with other settings.
    """
    if world.is_first:
        begin_run(out, config)
    world.wait()
    return finished_result(out)


def run(
    config: Training,
    model: nn.Module,
    objective: Objective,
    batches: ClipBatches,
    out: Path,
    world: World,
    on_progress: OnProgress | None,
    *,
    class_names: tuple[str, ...] = (),
    trained_grid: Grid | None = None,
    indivisible: int = 1,
) -> dict[str, Any]:
    """Train from the newest state in the folder, or from the start, to the end; write weights.

    Args:
        config: The recipe.
        model: The network, on its device; it comes back trained, spread as the runtime says.
        objective: The loss.
        batches: The data.
        out: Folder of the run.
        world: The processes.
        on_progress: Told how far it is.
        class_names: Classes in label order.
        trained_grid: Token grid the positions were made for; None is the recipe's own.
        indivisible: Clips that must stay together in one pass.

    Returns:
        Steps, first and last logged loss, peak learning rate, mean samples per second.
    """
    runtime, optimization = config.runtime, config.optimization
    schedule = optimization.schedule(len(batches.clips))
    passes = world.passes(optimization.clips_per_step, runtime.clips_per_pass, indivisible)
    if runtime.recompute:
        recompute_blocks(model)
    if runtime.compile:
        compile_blocks(model)
    spread = Spread(model, world, runtime.parallel, runtime.device)
    state = _state(config, spread)
    first_step = resume(out / "checkpoints", state)
    counted = optimization.counted_clips
    log.info(
        "steps %d to %d; peak learning rate %.4g = base_lr %g * %d %s per step / 256",
        first_step,
        schedule.total_steps,
        schedule.peak_lr,
        optimization.base_lr,
        counted,
        optimization.lr_counts,
    )
    ledger = Ledger(world, state.unlogged)
    events = _events(config, state, ledger, out, first_step, schedule.total_steps, on_progress)
    recipe = Recipe(schedule, optimization.max_grad_norm, runtime, config.seed, len(passes))
    steps = iterate(batches, first_step, schedule.total_steps, runtime.num_workers, passes)
    fit(
        spread,
        objective,
        steps,
        state.optimizer,
        recipe,
        ledger,
        first_step,
        events,
        state.average,
    )
    card = Card(config.network, class_names, batches.sampling, trained_grid or config.network.grid)
    result = {
        "weights": _write_weights(out / "weights.safetensors", model.state_dict(), card, world)
    }
    if state.average is not None:
        path = out / "weights_average.safetensors"
        result["average"] = _write_weights(path, state.average.weights, card, world)
    lines = read_metrics(out / "metrics.jsonl")
    return result | {
        "num_steps": schedule.total_steps,
        "peak_lr": schedule.peak_lr,
        "first_loss": lines[0]["loss"],
        "last_loss": lines[-1]["loss"],
        "clips_per_s": sum(line["clips_per_s"] for line in lines) / len(lines),
        "num_clips": len(batches.clips),
        "num_unreadable": sum(line["num_unreadable"] for line in lines),
    }


def _write_weights(path: Path, weights: dict[str, Tensor], card: Card, world: World) -> str:
    tensors = whole_state(weights, keep=world.is_first)
    if world.is_first:
        save_tensors(tensors, path, card.metadata())
    return path.name


def _state(config: Training, spread: Spread) -> TrainingState:
    optimization = config.optimization
    depth = variant(config.network.variant).depth
    decay = optimization.average_decay
    return TrainingState(
        model=spread.network,
        optimizer=make_optimizer(spread.network, optimization, depth),
        average=None if decay is None else AverageWeights(spread.network, decay),
        world=spread.world,
    )


def _events(
    config: Training,
    state: TrainingState,
    ledger: Ledger,
    out: Path,
    first_step: int,
    total_steps: int,
    on_progress: OnProgress | None,
) -> list[Event]:
    runtime = config.runtime
    is_first = state.world.is_first
    writer = MetricWriter(out / "metrics.jsonl", first_step) if is_first else None
    sinks = [] if writer is None else [writer.write]
    logged = LogMetrics(ledger, sinks, runtime.log_every_steps, total_steps)
    saved = SaveCheckpoints(
        out / "checkpoints",
        state,
        ledger,
        writer,
        runtime.checkpoint_every_steps,
        runtime.num_checkpoints,
    )
    events: list[Event] = [logged, saved]
    if on_progress is not None and is_first:
        label = type(config).__name__.lower()
        events.append(ShowProgress(on_progress, label, first_step, total_steps, logged))
    return events
