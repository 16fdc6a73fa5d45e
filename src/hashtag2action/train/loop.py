"""The loop: the same for pre-training and fine-tuning, one optimizer step after the other."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from hashtag2action.data.loader import Batch
from hashtag2action.errors import VideoError
from hashtag2action.evaluate.compute import Compute
from hashtag2action.train.average import AverageWeights
from hashtag2action.train.chance import Drops
from hashtag2action.train.ledger import Ledger, PassRecord, StepRecord
from hashtag2action.train.objective import Objective
from hashtag2action.train.optim import set_lr
from hashtag2action.train.parallel import Spread, scale_gradients
from hashtag2action.train.schedule import Schedule


@dataclass(frozen=True)
class Recipe:
    """What the loop must know beside model, objective and data."""

    schedule: Schedule
    max_grad_norm: float | None
    compute: Compute
    seed: int
    first_step: int = 0
    """Steps done before."""
    num_passes: int = 1
    """Forward and backward passes of a step, in this process."""


class Updates(Protocol):
    """What changes the weights, and follows them."""

    optimizer: torch.optim.Optimizer
    """Over the model's parameters, its groups with `lr_scale`."""
    average: AverageWeights | None
    """The running mean of the weights."""


class Event(Protocol):
    """Something that happens now and then; it gets what it needs when it is made."""

    def __call__(self, num_steps: int) -> None:
        """Look at the number of steps done, and act if it is time."""
        ...


def fit(
    model: Spread,
    objective: Objective,
    batches: Iterator[Batch],
    updates: Updates,
    recipe: Recipe,
    ledger: Ledger,
    events: Sequence[Event],
) -> None:
    """Train from the recipe's first step to the end of its schedule.

    Args:
        model: On its device; it is left in training mode.
        objective: The loss.
        batches: Begin at the first step; as many for each step as there are passes.
        updates: What changes the weights, and follows them.
        recipe: Learning rates, clipping, precision and seed.
        ledger: Gets the figures of every step.
        events: Called after each step, in order.

    Raises:
        VideoError: No clip of a step can be read.
    """
    model.network.train()
    drops = Drops(model.network, recipe.seed)
    for step in range(recipe.first_step, recipe.schedule.total_steps):
        lr = recipe.schedule.at(step)
        set_lr(updates.optimizer, lr)
        ledger.add(_step(model, objective, batches, updates.optimizer, recipe, drops, lr))
        if updates.average is not None:
            updates.average.update()
        for event in events:
            event(step + 1)


def _step(
    model: Spread,
    objective: Objective,
    batches: Iterator[Batch],
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    drops: Drops,
    lr: float,
) -> StepRecord:
    begun, waited = time.perf_counter(), 0.0
    step, device, passes, counts = 0, recipe.compute.device, [], []
    is_whole = recipe.num_passes == model.world.size == 1
    for number in range(recipe.num_passes):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        step = batch.step
        on_device = batch._replace(
            clips=batch.clips.to(device, non_blocking=True), labels=batch.labels.to(device)
        )
        drops.set(step, batch.numbers, device)
        with model.one_of_several(is_last=number == recipe.num_passes - 1):
            with recipe.compute.autocast():
                outcome = objective(model.forward, on_device)
            # If this is all of the step, the mean is known here and its gradients stay as they are.
            (outcome.loss / outcome.num_losses if is_whole else outcome.loss).backward()
        sums = {name: value.detach() for name, value in outcome.sums.items()}
        passes.append(PassRecord(outcome.loss.detach(), sums, batch.clip_ids, batch.num_unreadable))
        counts.append(outcome.num_losses)
    if model.world.size == 1 and not any(one.clip_ids for one in passes):
        raise VideoError(f"step {step}: none of its clips can be read")
    # Else losses are sums until here, so that the mean is over all passes and processes alike;
    # processes have averaged their gradients already.
    count = model.world.sum(torch.stack(counts).sum())
    factor = None if is_whole else model.world.size / count
    norm = scale_gradients(model.network.parameters(), factor, recipe.max_grad_norm)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return StepRecord(step, lr, passes, count, norm, time.perf_counter() - begun, waited)
