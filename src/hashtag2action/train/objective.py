"""What a network is asked to do with a batch: (model, batch) -> (loss, metrics).

Chance (masks, mixing) is a function of (seed, step), so a resumed run draws the same.
"""

from typing import Annotated, Protocol

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from hashtag2action.config import Config
from hashtag2action.data.loader import Batch
from hashtag2action.models.masking import MaskPair, sample_masks
from hashtag2action.models.target import masked_targets
from hashtag2action.models.videomae import VideoMAE


class Objective(Protocol):
    """A loss over a batch, and numbers worth logging."""

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, a scalar with a gradient, and metrics without."""
        ...


class Masking(Config):
    """Which tokens are hidden from the encoder, and which are predicted."""

    mask_ratio: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """Share of places hidden from the encoder, in tubes. Source: VideoMAE V2."""
    decoder_mask_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of tokens the decoder is not asked for, in running cells; 0 asks for all that are
    hidden. Source: VideoMAE V2."""


class MaskedReconstruction:
    """Predict the normalized pixels of tokens the encoder did not see.

    The loss is the mean over all such tokens of the batch: a sum divided by a count.

    Args:
        masking: Shares of hidden tokens.
        seed: Seed of the masks.

    Source: VideoMAE V2 (arXiv 2303.16727), section 3.2; loss as in the official code.
    """

    def __init__(self, masking: Masking, seed: int) -> None:
        self.masking = masking
        self.seed = seed

    def masks(self, model: VideoMAE, num_clips: int, step: int) -> MaskPair:
        """Draw the masks of a step."""
        generator = torch.Generator().manual_seed(step_seed(self.seed, step))
        return sample_masks(
            num_clips,
            model.grid,
            self.masking.mask_ratio,
            self.masking.decoder_mask_ratio,
            generator,
        )

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean squared error of the hidden tokens."""
        assert isinstance(model, VideoMAE), "masked reconstruction needs the pre-training form"
        masks = self.masks(model, len(batch.clips), batch.step)
        visible, decoded, hidden = (part.to(batch.clips.device) for part in masks)
        predicted = model(batch.clips, visible, decoded)
        with torch.no_grad():
            target = masked_targets(batch.clips, decoded, model.patch_size, model.tubelet_size)
        return masked_mse(predicted.float(), target, hidden), {}


def masked_mse(
    predicted: Float[Tensor, "b m out"], target: Float[Tensor, "b m out"], hidden: Tensor
) -> Float[Tensor, ""]:
    """Average the squared error over hidden tokens: each token's mean, summed, over their count."""
    per_token = (predicted - target).square().mean(dim=-1)
    weight = hidden.to(per_token.dtype)
    return (per_token * weight).sum() / weight.sum()


class Classification:
    """Tell the class of a clip: cross entropy, with smoothed labels and perhaps mixed clips.

    Args:
        num_classes: Number of classes.
        label_smoothing: Share of the label spread over all classes, in [0, 1).
        mixup_alpha: Parameter of the Beta distribution of mixing; 0 mixes nothing.
        seed: Seed of the mixing.

    Source: mixup (arXiv 1710.09412), one share for the whole batch as VideoMAE V2.
    """

    def __init__(
        self, num_classes: int, label_smoothing: float, mixup_alpha: float, seed: int
    ) -> None:
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.mixup_alpha = mixup_alpha
        self.seed = seed

    def __call__(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the cross entropy, and the share of clips whose class is guessed right."""
        clips, labels = batch.clips, batch.labels
        wanted = F.one_hot(labels, self.num_classes).float()
        if self.mixup_alpha > 0:
            share = self._mixing_share(batch.step)
            mixed = clips.float().lerp(clips.flip(0).float(), share)
            clips = mixed.round().to(torch.uint8)
            wanted = wanted.lerp(wanted.flip(0), share)
        logits = model(clips).float()
        loss = F.cross_entropy(logits, wanted, label_smoothing=self.label_smoothing)
        correct = (logits.detach().argmax(dim=1) == wanted.argmax(dim=1)).float().mean()
        return loss, {"train_top1": correct}

    def _mixing_share(self, step: int) -> float:
        rng = np.random.default_rng([self.seed, step])
        return float(rng.beta(self.mixup_alpha, self.mixup_alpha))


def step_seed(seed: int, step: int) -> int:
    """Return a seed of its own for every step of a run."""
    # A large odd factor keeps seeds of neighboring runs apart; 63 bits is what torch takes.
    return (seed * 0x9E3779B97F4A7C15 + step) % 2**63
