"""The running mean of the weights over the steps, which often judges better than the last ones."""

import torch
from torch import Tensor, nn

from hashtag2action.train.parallel import shared_as


class AverageWeights:
    """An exponential moving average of a model's parameters.

    Args:
        model: Whole or in shards; the average is kept in the same form.
        decay: Share of the old average that stays at each step, in (0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._parameters = dict(model.named_parameters())
        self.weights: dict[str, Tensor] = {
            name: parameter.detach().clone() for name, parameter in self._parameters.items()
        }

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights of now."""
        now = [self._parameters[name].detach() for name in self.weights]
        means = list(self.weights.values())
        torch._foreach_lerp_(means, now, 1 - self.decay)  # pyright: ignore[reportPrivateImportUsage]

    def load(self, saved: dict[str, Tensor]) -> None:
        """Take over a saved average of whole tensors."""
        for name, own in self.weights.items():
            own.copy_(shared_as(saved[name], own))
