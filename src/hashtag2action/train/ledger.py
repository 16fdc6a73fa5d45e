"""Figures of steps, which stay on the device until somebody asks for them.

Asking waits for the device, so it happens when a line is logged and before a state is saved. A
loss that is no number is noticed then, and named with its step and clips.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hashtag2action.errors import Hashtag2ActionError
from hashtag2action.train.parallel import World

MOST_OPEN = 1000
"""Steps after which figures are fetched unasked. Chosen: their clip ids stay below some megabytes,
and the device is waited for once in minutes."""


class TrainingDivergedError(Hashtag2ActionError):
    """The loss is no number any more; the message names the step and its clips."""


@dataclass(frozen=True)
class PassRecord:
    """What one pass over some clips gave, in this process."""

    loss: Tensor
    """Sum of the losses of what counts."""
    sums: dict[str, Tensor]
    """Sums of metrics."""
    clip_ids: list[str]
    num_unreadable: int


@dataclass(frozen=True)
class StepRecord:
    """What one step gave, in this process."""

    step: int
    lr: float
    passes: list[PassRecord]
    count: Tensor
    """Number of losses of all processes."""
    grad_norm: Tensor
    step_s: float
    """Wall time of the step, waiting for data included."""
    wait_s: float
    """Of that, waiting for data."""


class Ledger:
    """Gathers the figures of steps.

    Args:
        world: The processes, whose figures are added.
        settled: Figures of earlier steps that were not logged yet; the list is added to.
    """

    def __init__(self, world: World, settled: list[dict[str, float]]) -> None:
        self.world = world
        self.settled = settled
        self._open: list[StepRecord] = []

    def add(self, record: StepRecord) -> None:
        """Remember a step."""
        self._open.append(record)
        if len(self._open) == MOST_OPEN:
            self.settle()

    def settle(self) -> list[dict[str, float]]:
        """Fetch the figures of all steps since the last call; all processes must ask.

        Returns:
            Those of every step that was not taken yet.

        Raises:
            TrainingDivergedError: A loss or a gradient is not finite.
        """
        if not self._open:
            return self.settled
        names = list(self._open[0].passes[0].sums)
        table = torch.stack([_row(record, names) for record in self._open])
        table = self.world.sum(table)
        shared = torch.stack(
            [torch.stack([record.count, record.grad_norm]).double() for record in self._open]
        )
        rows = zip(self._open, table.tolist(), shared.tolist(), strict=True)
        for record, (loss, samples, unreadable, *sums), (count, grad_norm) in rows:
            values = {
                "loss": loss / count if count else float("nan"),
                "lr": record.lr,
                "grad_norm": grad_norm,
                **{name: value / samples for name, value in zip(names, sums, strict=True)},
                "num_samples": samples,
                "num_unreadable": unreadable,
                "step_s": record.step_s,
                "wait_s": record.wait_s,
            }
            self._hold_finite(record, values)
            self.settled.append(values)
        self._open.clear()
        return self.settled

    def _hold_finite(self, record: StepRecord, values: dict[str, float]) -> None:
        wrong = {
            name: values[name]
            for name in ("loss", "grad_norm")
            if not torch.isfinite(torch.tensor(values[name]))
        }
        if not wrong:
            return
        bad = [one for one in record.passes if not bool(torch.isfinite(one.loss))]
        found = self.world.gather([one.clip_ids for one in bad])
        if not any(found):
            found = self.world.gather([one.clip_ids for one in record.passes])
        ids = [clip for passes in found for clips in passes for clip in clips]
        raise TrainingDivergedError(
            f"step {record.step}: not a finite number: {wrong} at a learning rate of "
            f"{record.lr:.3g}; clips: {', '.join(dict.fromkeys(ids))}. A lower base_lr, a longer "
            "warm-up or max_grad_norm may help"
        )


def _row(record: StepRecord, names: list[str]) -> Tensor:
    device = record.grad_norm.device
    samples = sum(len(one.clip_ids) for one in record.passes)
    unreadable = sum(one.num_unreadable for one in record.passes)
    counts = torch.tensor([samples, unreadable], dtype=torch.float64)
    loss = torch.stack([one.loss for one in record.passes]).double().sum()
    sums = [torch.stack([one.sums[name] for one in record.passes]).double().sum() for name in names]
    return torch.cat(
        [loss.view(1), counts.to(device, non_blocking=True), *(s.view(1) for s in sums)]
    )
