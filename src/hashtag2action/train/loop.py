"""The loop: the same for pre-training and fine-tuning, one optimizer step after the other."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from hashtag2action.data.frames import OnProgress
from hashtag2action.data.loader import Batch
from hashtag2action.errors import Hashtag2ActionError
from hashtag2action.evaluate.compute import Compute
from hashtag2action.logs import MetricWriter
from hashtag2action.train.checkpoint import save_checkpoint
from hashtag2action.train.objective import Objective, step_seed
from hashtag2action.train.optim import set_lr
from hashtag2action.train.schedule import Schedule


class TrainingDivergedError(Hashtag2ActionError):
    """The loss is no number any more; the message names the step and its clips."""


@dataclass(frozen=True)
class StepReport:
    """What one step did."""

    num_steps: int
    """Steps done, this one included."""
    num_samples: int
    """Samples of the step."""
    num_unreadable: int
    """Clips of the step that could not be read."""
    values: dict[str, float]
    """Loss, learning rate, gradient norm and the objective's metrics."""
    step_s: float
    """Wall time of the step, waiting for data included."""
    wait_s: float
    """Of that, waiting for data."""


@dataclass(frozen=True)
class Recipe:
    """What the loop must know beside model, objective and data."""

    schedule: Schedule
    max_grad_norm: float | None
    compute: Compute
    seed: int


class Event(Protocol):
    """Something that happens now and then; it gets what it needs when it is made."""

    def __call__(self, report: StepReport) -> None:
        """Look at the step just done, and act if it is time."""
        ...


def fit(
    model: nn.Module,
    objective: Objective,
    batches: Iterator[Batch],
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    first_step: int,
    events: Sequence[Event],
) -> None:
    """Train from `first_step` to the end of the schedule.

    Args:
        model: On its device; it is left in training mode.
        objective: The loss.
        batches: Begin at `first_step`.
        optimizer: Over the model's parameters, its groups with `lr_scale`.
        recipe: Learning rates, clipping, precision and seed.
        first_step: Steps done before.
        events: Called after each step, in order.

    Raises:
        TrainingDivergedError: A loss or a gradient is not finite.
    """
    model.train()
    devices = [torch.cuda.current_device()] if recipe.compute.device == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        for step in range(first_step, recipe.schedule.total_steps):
            begun = time.perf_counter()
            batch = next(batches)
            waited = time.perf_counter() - begun
            # Dropout and stochastic depth: the same whether or not the run was interrupted.
            torch.manual_seed(step_seed(recipe.seed, step))
            values = _step(model, objective, batch, optimizer, recipe)
            report = StepReport(
                num_steps=step + 1,
                num_samples=len(batch.clip_ids),
                num_unreadable=batch.num_unreadable,
                values=values,
                step_s=time.perf_counter() - begun,
                wait_s=waited,
            )
            for event in events:
                event(report)


def _step(
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
) -> dict[str, float]:
    lr = recipe.schedule.at(batch.step)
    set_lr(optimizer, lr)
    device = recipe.compute.device
    batch = batch._replace(clips=batch.clips.to(device), labels=batch.labels.to(device))
    with recipe.compute.autocast():
        loss, metrics = objective(model, batch)
    loss.backward()
    longest = recipe.max_grad_norm or float("inf")
    grad_norm = nn.utils.clip_grad_norm_(model.parameters(), longest)
    values = {"loss": float(loss.detach()), "lr": lr, "grad_norm": float(grad_norm)}
    if not all(torch.isfinite(torch.tensor(value)) for value in values.values()):
        raise TrainingDivergedError(
            f"step {batch.step}: not a finite number: {values}; clips: "
            f"{', '.join(dict.fromkeys(batch.clip_ids))}. A lower base_lr, a longer warm-up or "
            "max_grad_norm may help"
        )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return values | {name: float(value) for name, value in metrics.items()}


class LogMetrics:
    """Write means over the steps since the last line, every so many steps and at the end.

    Args:
        writer: Where lines go.
        every: Steps from line to line.
        schedule: Knows the last step.
    """

    def __init__(self, writer: MetricWriter, every: int, schedule: Schedule) -> None:
        self.writer = writer
        self.every = every
        self.total_steps = schedule.total_steps
        self.last: dict[str, float | int] = {}
        self._since: list[StepReport] = []

    def __call__(self, report: StepReport) -> None:
        """Gather the step; write if it is time."""
        self._since.append(report)
        if report.num_steps % self.every and report.num_steps != self.total_steps:
            return
        seconds = sum(past.step_s for past in self._since)
        names = report.values
        self.last = {
            name: sum(past.values[name] for past in self._since) / len(self._since)
            for name in names
        }
        self.last |= {
            "lr": report.values["lr"],
            "clips_per_s": sum(past.num_samples for past in self._since) / seconds,
            "data_wait_fraction": sum(past.wait_s for past in self._since) / seconds,
            "num_unreadable": sum(past.num_unreadable for past in self._since),
        }
        self.writer.write(report.num_steps, self.last)
        self._since.clear()


class SaveCheckpoints:
    """Save the state every so many steps.

    Args:
        folder: Where states go.
        model: The network.
        optimizer: Its optimizer.
        every: Steps from state to state.
        keep: Newest states kept.
    """

    def __init__(
        self,
        folder: Path,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        every: int,
        keep: int,
    ) -> None:
        self.folder = folder
        self.model = model
        self.optimizer = optimizer
        self.every = every
        self.keep = keep

    def __call__(self, report: StepReport) -> None:
        """Save if it is time."""
        if report.num_steps % self.every == 0:
            save_checkpoint(self.folder, report.num_steps, self.model, self.optimizer, self.keep)


class ShowProgress:
    """Tell a progress display how far the training is.

    Args:
        on_progress: Told the label, steps done and all steps.
        label: Name of the training.
        schedule: Knows the number of steps.
    """

    def __init__(self, on_progress: OnProgress, label: str, schedule: Schedule) -> None:
        self.on_progress = on_progress
        self.label = label
        self.total_steps = schedule.total_steps

    def __call__(self, report: StepReport) -> None:
        """Tell."""
        self.on_progress(self.label, report.num_steps, self.total_steps)
