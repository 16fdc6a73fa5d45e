"""Mixtures of clips: mixup and cutmix, drawn for a group of clips that are mixed with each other.

Source: mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899), in the form of VideoMAE V2's
fine-tuning: one share or one box for the whole group and all frames.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import UInt8
from pydantic import Field
from torch import Tensor

from hashtag2action.config import Config


@dataclass(frozen=True)
class Mix:
    """How the clips of a group are mixed."""

    kept: float
    """Share of its own label that a clip keeps."""
    box: tuple[slice, slice] | None = None
    """Rows and columns that come from the other clip; None blends all pixels."""

    def blend(
        self, clips: UInt8[Tensor, "b c t h w"], others: UInt8[Tensor, "b c t h w"]
    ) -> UInt8[Tensor, "b c t h w"]:
        """Mix clips with others, one by one."""
        if self.box is None:
            mixed = others.float().lerp(clips.float(), self.kept)
            return mixed.round().to(torch.uint8)
        mixed = clips.clone()
        mixed[..., self.box[0], self.box[1]] = others[..., self.box[0], self.box[1]]
        return mixed


class Mixing(Config):
    """Training on mixtures of clips, with labels mixed alike."""

    mixup_alpha: Annotated[float, Field(ge=0)] = 0.8
    """Parameter of the Beta distribution of blending two clips; 0 blends none. Source: VideoMAE
    V2."""
    cutmix_alpha: Annotated[float, Field(ge=0)] = 0.0
    """Parameter of the Beta distribution of the share of a picture that a box of another clip
    leaves; 0 pastes no boxes. Chosen: off; recipes turn it on (1.0 in VideoMAE V2)."""
    cutmix_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Chance of a box where both are on. Source: VideoMAE V2."""
    clips_per_mix: Annotated[int, Field(gt=0)] = 2
    """Neighbors that are mixed with each other, first with last, all their samples in the same
    way. They stay in one process, so the result does not depend on the number of processes.
    Chosen: the least; the official code mixes the clips of one GPU."""

    @property
    def is_on(self) -> bool:
        """Whether anything is mixed."""
        return self.mixup_alpha > 0 or self.cutmix_alpha > 0

    def draw(self, height: int, width: int, rng: np.random.Generator) -> Mix:
        """Draw how a group is mixed.

        Args:
            height: Of the clips, pixels.
            width: Of the clips, pixels.
            rng: Source of chance of the group.
        """
        assert self.is_on, "nothing is mixed"
        cuts = self.cutmix_alpha > 0
        if cuts and self.mixup_alpha > 0:
            cuts = rng.random() < self.cutmix_probability
        if not cuts:
            return Mix(float(rng.beta(self.mixup_alpha, self.mixup_alpha)))
        kept = float(rng.beta(self.cutmix_alpha, self.cutmix_alpha))
        rows = _side(height, (1 - kept) ** 0.5, rng)
        columns = _side(width, (1 - kept) ** 0.5, rng)
        area = (rows.stop - rows.start) * (columns.stop - columns.start)
        # At the borders the box is cut, so what was drawn is not what is kept.
        return Mix(1 - area / (height * width), (rows, columns))


def _side(length: int, share: float, rng: np.random.Generator) -> slice:
    """Draw a side of a box around a uniform middle, cut at the borders."""
    size, middle = int(length * share), int(rng.integers(length))
    return slice(max(0, middle - size // 2), min(length, middle + size // 2))
