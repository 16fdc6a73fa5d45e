"""Chance in training, sample by sample: what is drawn depends on (seed, step, sample) alone.

So a run that was interrupted draws the same, and so does one with another number of processes or
of passes per step. Order, frames and crops are `data.loader`'s, by the same rule.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float64
from torch import nn

from hashtag2action.models.layers import DropPath, FeatureDrop

MASKS, DROPS, MIXING, HOLD_OUT, TOKENS = 2, 3, 4, 5, 6
"""Which chance: what is drawn for different ends must not coincide. `data.loader` has 0 and 1."""

BRANCHES = 2
"""Residual branches of a block."""


def draw(seed: int, purpose: int, step: int, number: int) -> np.random.Generator:
    """Return the source of chance of one sample, or of one group of samples."""
    return np.random.default_rng([seed, purpose, step, number])


def uniform(
    seed: int, purpose: int, step: int, numbers: Sequence[int], num_values: int
) -> Float64[np.ndarray, "b n"]:
    """Draw values in [0, 1) for each sample.

    Args:
        seed: Seed of the run.
        purpose: What they are for.
        step: The step.
        numbers: The samples' numbers in it.
        num_values: Values per sample.
    """
    out = np.empty((len(numbers), num_values))
    for row, number in zip(out, numbers, strict=True):
        draw(seed, purpose, step, number).random(out=row)
    return out


class Drops:
    """Decides what dropout and stochastic depth leave out, for each sample by itself.

    Args:
        model: The network; its modules that drop are told before each pass.
        seed: Seed of the run.
    """

    def __init__(self, model: nn.Module, seed: int) -> None:
        self.seed = seed
        self.paths = [m for m in model.modules() if isinstance(m, DropPath) and m.rate > 0]
        self.features = [m for m in model.modules() if isinstance(m, FeatureDrop) and m.rate > 0]

    def set(self, step: int, numbers: Sequence[int], device: torch.device | str) -> None:
        """Tell the modules what to drop of the samples that come next."""
        if not self.paths and not self.features:
            return
        sizes = [BRANCHES] * len(self.paths) + [drop.num_features for drop in self.features]
        drawn = torch.from_numpy(uniform(self.seed, DROPS, step, numbers, sum(sizes)))
        parts = drawn.to(device, torch.float32).split(sizes, dim=1)
        for path, chances in zip(self.paths, parts, strict=False):
            path.factors = (path.rate <= chances.T).float() / (1 - path.rate)
        for drop, chances in zip(self.features, parts[len(self.paths) :], strict=True):
            drop.factors = (chances >= drop.rate).float() / (1 - drop.rate)
