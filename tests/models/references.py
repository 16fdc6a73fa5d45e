"""What tests of networks compare with: how far apart outputs are, and clips as others take them."""

import torch
from torch import Tensor

from hashtag2action.models.pixels import IMAGENET_MEAN, IMAGENET_STD


def relative_error(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference, as a share of their largest number."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def normalized(clips: Tensor) -> Tensor:
    """Return bytes (B, 3, T, H, W) as other classes want them: by ImageNet's mean and deviation."""
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1, 1)
    return (clips / 255 - mean) / std
