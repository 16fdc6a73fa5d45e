"""Learning rates as pure functions of the step: there is no scheduler state to restore."""

import math
from dataclasses import dataclass

LR_REFERENCE_BATCH = 256
"""Clips per step a base learning rate is stated for. Source: VideoMAE V2, official code."""


def scaled_lr(base_lr: float, clips_per_step: int) -> float:
    """Scale a base learning rate to the batch: base_lr * clips_per_step / 256."""
    return base_lr * clips_per_step / LR_REFERENCE_BATCH


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up from 0, then half a cosine down.

    The first step has a rate of exactly 0 and the last of the warm-up has the peak, as the
    official code and its released logs have it.

    Source: VideoMAE V2, official code; checked against the first learning rates of released logs.
    """

    total_steps: int
    warmup_steps: int
    peak_lr: float
    final_lr: float

    def at(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warmup_steps:
            return self.peak_lr * step / max(self.warmup_steps - 1, 1)
        length = max(self.total_steps - self.warmup_steps, 1)
        progress = min((step - self.warmup_steps) / length, 1.0)
        share = 0.5 * (1 + math.cos(math.pi * progress))
        return self.final_lr + (self.peak_lr - self.final_lr) * share
