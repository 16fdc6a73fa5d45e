"""What pre-training and fine-tuning share: settings, and one run of the loop."""

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from hashtag2action.config import Config
from hashtag2action.data.clip_set import require_same_classes
from hashtag2action.data.frames import OnProgress
from hashtag2action.data.loader import Batch, iterate
from hashtag2action.evaluate.compute import precisions_of
from hashtag2action.evaluate.recognizer import Card, Network
from hashtag2action.logs import (
    MetricWriter,
    begin_run,
    finished_result,
    read_metrics,
    removed_if_bare,
)
from hashtag2action.manifest import write_json
from hashtag2action.models.linear_bf16 import bf16_gradients
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.variants import variant
from hashtag2action.models.weights import save_tensors
from hashtag2action.processes import keep_freed_memory
from hashtag2action.train.average import AverageWeights
from hashtag2action.train.checkpoint import BEST, TrainingState, read_state, resume
from hashtag2action.train.events import LogMetrics, SaveCheckpoints, ShowProgress
from hashtag2action.train.initial import hold_to_init, require_init
from hashtag2action.train.input import Data, TrainingData
from hashtag2action.train.ledger import Ledger
from hashtag2action.train.loggers import open_loggers
from hashtag2action.train.loop import Event, Recipe, fit
from hashtag2action.train.objective import Objective
from hashtag2action.train.optim import Optimization, make_optimizer
from hashtag2action.train.parallel import (
    Spread,
    World,
    compile_blocks,
    open_world,
    recompute_blocks,
    whole_state,
)
from hashtag2action.train.runtime import Runtime
from hashtag2action.train.watch import Looking, Watch, Watcher, fixed_batches

log = logging.getLogger(__name__)


class Training(Config):
    """What every training has."""

    init: Path | None
    """Weights to begin with; null starts from scratch."""
    network: Network = Network()
    """The network and the shape of its clips."""
    data: TrainingData
    """Clips."""
    optimization: Optimization = Optimization()
    """How long and how fast it learns."""
    watch: Watch = Watch()
    """What is looked at meanwhile."""
    seed: int = 0
    """Seed of weights, order, augmentation and masks."""
    runtime: Runtime = Runtime()
    """Device, precision, logging; changes no result beyond rounding."""


AnyTraining = TypeVar("AnyTraining", bound=Training)


@dataclass(frozen=True)
class Task:
    """What is learned, as far as the objectives differ."""

    objective: Objective
    """The loss."""
    judge: Objective
    """The loss without chance, for looks."""
    figure: str
    """Which figure of a look tells the best state: top1 or loss."""
    class_names: tuple[str, ...] = ()
    """Classes in label order."""
    trained_grid: Grid | None = None
    """Token grid the positions were made for; None is the recipe's own."""
    indivisible: int = 1
    """Clips that must stay together in one pass."""
    draw: Callable[[nn.Module, Batch, str], None] | None = None
    """Draws what the network makes of clips, under a name."""


SetUp = Callable[[AnyTraining, Path, World, OnProgress | None], tuple[nn.Module, Task, Data]]
"""Makes the network, on its device, the task and the clips of a recipe in a settled precision."""


def train(
    config: AnyTraining, out: Path, set_up: SetUp[AnyTraining], on_progress: OnProgress | None
) -> dict[str, Any]:
    """Train, or go on with an interrupted run in the same folder; a finished one is left.

    Args:
        config: The recipe.
        out: Folder of the run.
        set_up: What the objectives differ in; called in every process.
        on_progress: Told what is done, how many of how many.

    Returns:
        What result.json holds: steps, first and last logged loss, learning rate, best state, mean
        samples per second, precision, seconds.

    Raises:
        ConfigError: The device is not here, or the folder has other settings or began with other
            weights.
        CheckpointError: The weights to begin with are missing.
    """
    config.runtime.require_device()
    with (
        open_world(config.runtime.device) as world,
        removed_if_bare(out) if world.is_first else nullcontext(),
    ):
        begun = time.perf_counter()
        finished = _enter(out, config, world)
        if finished is not None:
            return finished
        config = _with_precision(config, out, world)
        told = on_progress if world.is_first else None
        model, task, data = set_up(config, out, world, told)
        result = _run(config, model, task, data, out, world, told)
        if world.is_first:
            result |= {"seconds": time.perf_counter() - begun}
            write_json(out / "result.json", result)
        world.wait()
        return result


def _enter(out: Path, config: Training, world: World) -> dict[str, Any] | None:
    """Open the folder of a run, in the first process; return its result if it was finished."""
    if world.is_first:
        begin_run(out, config, lambda: _require_all(config))
        hold_to_init(out, config.init)
    world.wait()
    return finished_result(out)


def _require_all(config: Training) -> None:
    """Refuse a run that names clips or weights which are not there."""
    require_init(config.init)
    config.data.clips.read()
    if config.watch.clips is not None:
        config.watch.clips.read()


def _with_precision(config: AnyTraining, out: Path, world: World) -> AnyTraining:
    """Set threads and memory of this process; settle the precision that all processes share."""
    # The first process says which one it is; the others read it.
    if not world.is_first:
        world.wait()
    runtime = config.runtime.held_in(out)
    if world.is_first:
        world.wait()
    runtime.start()
    if runtime.device == "cpu":
        keep_freed_memory()
    return config.model_copy(update={"runtime": runtime})


def _run(
    config: Training,
    model: nn.Module,
    task: Task,
    data: Data,
    out: Path,
    world: World,
    on_progress: OnProgress | None,
) -> dict[str, Any]:
    """Train from the newest state in the folder, or from the start, to the end; write weights."""
    runtime, optimization = config.runtime, config.optimization
    schedule = optimization.schedule(len(data.batches.clips))
    passes = world.passes(optimization.clips_per_step, runtime.clips_per_pass, task.indivisible)
    if runtime.recompute:
        recompute_blocks(model)
    if runtime.compile:
        compile_blocks(model)
    spread = Spread(model, world, runtime.parallel, runtime.device)
    state = _state(config, spread)
    first_step = resume(out / "checkpoints", state)
    log.info("steps %d to %d; %s", first_step, schedule.total_steps, optimization.rule)
    recipe = Recipe(
        schedule, optimization.max_grad_norm, runtime, config.seed, first_step, len(passes)
    )
    ledger = Ledger(world, state.unlogged)
    logged = _log(config, ledger, out, recipe)
    saved = _saver(config, task, data, state, logged, out)
    events: list[Event] = [logged, saved]
    if config.watch.num_times:
        events.insert(0, _watcher(config, task, data, spread, logged))
    if on_progress is not None:
        label = type(config).__name__.lower()
        events.append(ShowProgress(on_progress, label, first_step, schedule.total_steps, logged))
    steps = iterate(data.batches, first_step, schedule.total_steps, runtime.num_workers, passes)
    is_whole = world.size == len(passes) == 1 and not runtime.compile
    is_cpu_bf16 = (runtime.device, runtime.precision) == ("cpu", "bf16")
    with bf16_gradients(model) if is_whole and is_cpu_bf16 else nullcontext():
        fit(spread, task.objective, steps, state, recipe, ledger, events)
    logged.close()
    grid = task.trained_grid or config.network.grid
    card = Card(config.network, task.class_names, data.batches.sampling, grid)
    result = _write_all_weights(out, state, card)
    return (result | _summary(config, task, data, state, out)) if world.is_first else result


def _summary(
    config: Training, task: Task, data: Data, state: TrainingState, out: Path
) -> dict[str, Any]:
    schedule = config.optimization.schedule(len(data.batches.clips))
    lines = read_metrics(out / "metrics.jsonl")
    best: dict[str, Any] = {}
    if state.best:
        best = {
            "best_step": int(state.best["step"]),
            f"best_val_{task.figure}": state.best["value"],
            "selected_on_test_clips": data.watched.is_test,
        }
    return best | {
        "num_steps": schedule.total_steps,
        "peak_lr": schedule.peak_lr,
        "lr_rule": config.optimization.rule,
        "first_loss": lines[0]["loss"],
        "last_loss": lines[-1]["loss"],
        "clips_per_s": sum(line["clips_per_s"] for line in lines) / len(lines),
        "num_clips": len(data.batches.clips),
        "num_unreadable": sum(line["num_unreadable"] for line in lines),
        "num_dropped": data.num_dropped,
        "precision": precisions_of(out),
    }


def _write_all_weights(out: Path, state: TrainingState, card: Card) -> dict[str, Any]:
    """Write the last weights, their running mean and the best ones, as far as there are any."""
    found: dict[str, dict[str, Tensor]] = {"weights": state.model.state_dict()}
    if state.average is not None:
        found["weights_average"] = state.average.weights
    if state.best:
        found["weights_best"] = read_state(out / "checkpoints" / BEST)["model"]
    for name, weights in found.items():
        tensors = whole_state(weights, keep=state.world.is_first)
        if state.world.is_first:
            save_tensors(tensors, out / f"{name}.safetensors", card.metadata())
    return {name: f"{name}.safetensors" for name in found}


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


def _log(config: Training, ledger: Ledger, out: Path, recipe: Recipe) -> LogMetrics:
    runtime, total_steps = config.runtime, recipe.schedule.total_steps
    if not ledger.world.is_first:
        return LogMetrics(ledger, None, [], runtime.log_every_steps, total_steps)
    writer = MetricWriter(out / "metrics.jsonl", recipe.first_step)
    others = open_loggers(runtime, out, config, recipe.first_step)
    return LogMetrics(ledger, writer, others, runtime.log_every_steps, total_steps)


def _saver(
    config: Training,
    task: Task,
    data: Data,
    state: TrainingState,
    logged: LogMetrics,
    out: Path,
) -> SaveCheckpoints:
    every, keep = config.runtime.checkpoint_every_steps, config.runtime.num_checkpoints
    has_best = data.is_new and config.watch.num_times > 0
    judge = f"val_{task.figure}" if has_best else None
    return SaveCheckpoints(out / "checkpoints", state, logged, every, keep, judge)


def _watcher(
    config: Training, task: Task, data: Data, spread: Spread, logged: LogMetrics
) -> Watcher:
    batches = fixed_batches(data.watched, data.batches, config.watch)
    names = data.watched.class_names
    if task.class_names:
        require_same_classes(task.class_names, names, ("data.clips", "watch.clips"))
    prefix = "val_" if data.is_new else "fixed_"
    looking = Looking(task.judge, batches, config.runtime, len(names), prefix)
    draw = None
    if task.draw is not None:
        draw = partial(_draw_step, task.draw, spread.network, batches[0])
    return Watcher(spread, looking, config.watch.steps(logged.total_steps), logged, draw)


def _draw_step(
    draw: Callable[[nn.Module, Batch, str], None], model: nn.Module, batch: Batch, num_steps: int
) -> None:
    draw(model, batch, f"step-{num_steps:09d}")
