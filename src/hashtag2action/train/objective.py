"""What a network is asked to do with a batch: (model, batch) -> losses and what they sum up.

Losses are sums with a count, not means: the loop divides once, by the count over all passes and
processes. Chance (masks, mixing) is a function of (seed, step, sample), see `chance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol

import torch
from jaxtyping import Float, Float32, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from hashtag2action.config import Config
from hashtag2action.data.loader import Batch
from hashtag2action.data.mixing import Mixing
from hashtag2action.models.masking import MaskPair, masks_of
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.target import masked_targets
from hashtag2action.train.chance import MASKS, MIXING, TOKENS, draw, uniform


class Outcome(NamedTuple):
    """What a pass over some clips gave."""

    loss: Tensor
    """Sum of all losses, a scalar with a gradient."""
    num_losses: Tensor
    """How many losses that is: hidden tokens, or samples."""
    sums: dict[str, Tensor]
    """Sums of metrics over the samples."""


class Objective(Protocol):
    """A loss over a batch, and numbers worth logging."""

    def __call__(self, model: nn.Module, batch: Batch) -> Outcome:
        """Compute the losses of a batch, which may be a portion of a step or empty."""
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

    The loss is the mean over all such tokens of the step: a sum divided by a count.

    Args:
        masking: Shares of hidden tokens.
        grid: Tokens of a clip.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.
        seed: Seed of the masks.

    Source: VideoMAE V2 (arXiv 2303.16727), section 3.2; loss as in the official code.
    """

    def __init__(
        self, masking: Masking, grid: Grid, patch_size: int, tubelet_size: int, seed: int
    ) -> None:
        self.masking = masking
        self.grid = grid
        self.patch_size = patch_size
        self.tubelet_size = tubelet_size
        self.seed = seed

    def masks(self, step: int, numbers: Sequence[int]) -> MaskPair:
        """Draw the masks of some samples of a step."""
        places = self.grid.tokens_per_slot
        drawn = torch.from_numpy(uniform(self.seed, MASKS, step, numbers, places + 1))
        ratios = self.masking.mask_ratio, self.masking.decoder_mask_ratio
        return masks_of(drawn[:, :places], drawn[:, places], self.grid, *ratios)

    def __call__(self, model: nn.Module, batch: Batch) -> Outcome:
        """Sum the mean squared errors of the hidden tokens."""
        masks = self.masks(batch.step, batch.numbers)
        visible, decoded, hidden = (part.to(batch.clips.device) for part in masks)
        predicted = model(batch.clips, visible, decoded)
        with torch.no_grad():
            target = masked_targets(batch.clips, decoded, self.patch_size, self.tubelet_size)
        return Outcome(hidden_errors(predicted, target, hidden), hidden.sum(), {})


def hidden_errors(
    predicted: Float[Tensor, "b m out"], target: Float32[Tensor, "b m out"], hidden: Tensor
) -> Float32[Tensor, ""]:
    """Sum over hidden tokens their mean squared error, in float32."""
    return _HiddenErrors.apply(predicted, target, hidden)  # pyright: ignore[reportReturnType]


class _HiddenErrors(torch.autograd.Function):
    """Written out, since it goes over all predictions: half the time of torch's own steps."""

    @staticmethod
    def forward(ctx: Any, predicted: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        # Always a tensor of its own: the predictions' dtype may be float32 already.
        off = predicted.to(torch.float32, copy=True).sub_(target)
        counted = hidden.to(torch.float32)
        ctx.save_for_backward(off, counted)
        ctx.dtype = predicted.dtype
        per_token = torch.linalg.vector_norm(off, dim=-1).square_().div_(off.shape[-1])
        return (per_token * counted).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        off, counted = ctx.saved_tensors
        factors = counted * (2 * gradient / off.shape[-1])
        return (off * factors.unsqueeze(-1)).to(ctx.dtype), None, None


@dataclass(frozen=True)
class KeptTokens:
    """Leave a share of a clip's tokens out, other ones in each sample of each step.

    Training takes about the kept share of the time, and the network cannot lean on any one place.
    All tokens take part when it is judged.

    Source: PatchDropout (arXiv 2208.07220), uniform over tokens.
    """

    drop_rate: float
    """Share left out, in [0, 1)."""
    num_tokens: int
    """Tokens of a clip."""
    seed: int
    """Seed of the run."""

    @property
    def num_kept(self) -> int:
        """Tokens that take part, at least one."""
        return max(1, round((1 - self.drop_rate) * self.num_tokens))

    def draw(self, step: int, numbers: Sequence[int]) -> Int64[Tensor, "b n"] | None:
        """Draw the flat indices of the kept tokens in raster order; None where all are kept."""
        if self.num_kept == self.num_tokens:
            return None
        drawn = torch.from_numpy(uniform(self.seed, TOKENS, step, numbers, self.num_tokens))
        return drawn.argsort(dim=1)[:, : self.num_kept].sort(dim=1).values


class Classification:
    """Tell the class of a clip: cross entropy, with smoothed labels and perhaps mixed clips.

    Args:
        num_classes: Number of classes.
        label_smoothing: Share of the label spread over all classes, in [0, 1).
        mixing: How clips are mixed.
        repeated_augmentation: Samples of each clip.
        seed: Seed of the mixing.
        tokens: Which tokens take part; None means all.

    Source: VideoMAE V2, official code: its smoothed labels of mixtures.
    """

    def __init__(
        self,
        num_classes: int,
        label_smoothing: float,
        mixing: Mixing,
        repeated_augmentation: int,
        seed: int,
        tokens: KeptTokens | None = None,
    ) -> None:
        self.num_classes = num_classes
        self.label_smoothing = label_smoothing
        self.mixing = mixing
        self.samples_per_mix = mixing.clips_per_mix * repeated_augmentation
        self.seed = seed
        self.tokens = tokens

    def __call__(self, model: nn.Module, batch: Batch) -> Outcome:
        """Sum the cross entropies, and count the samples whose class is guessed right."""
        clips, wanted = batch.clips, F.one_hot(batch.labels, self.num_classes).float()
        if self.mixing.is_on and batch.numbers:
            clips, wanted = self._mixed(batch, wanted)
        kept = self.tokens.draw(batch.step, batch.numbers) if self.tokens else None
        logits = model(clips, None if kept is None else kept.to(clips.device)).float()
        loss = F.cross_entropy(
            logits, wanted, label_smoothing=self.label_smoothing, reduction="sum"
        )
        right = (logits.detach().argmax(dim=1) == wanted.argmax(dim=1)).sum()
        count = torch.tensor(len(batch.numbers), device=loss.device)
        return Outcome(loss, count, {"train_top1": right})

    def _mixed(self, batch: Batch, wanted: Tensor) -> tuple[Tensor, Tensor]:
        groups: dict[int, list[int]] = {}
        for place, number in enumerate(batch.numbers):
            groups.setdefault(number // self.samples_per_mix, []).append(place)
        clips, labels = torch.empty_like(batch.clips), torch.empty_like(wanted)
        height, width = clips.shape[-2:]
        for group, places in groups.items():
            mix = self.mixing.draw(height, width, draw(self.seed, MIXING, batch.step, group))
            own = slice(places[0], places[-1] + 1)
            clips[own] = mix.blend(batch.clips[own], batch.clips[own].flip(0))
            labels[own] = wanted[own].flip(0).lerp(wanted[own], mix.kept)
        return clips, labels
