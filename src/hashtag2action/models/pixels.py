"""Pixel values: bytes, unit range, and the normalized range the networks see.

A clip is either uint8 (RGB, 0 to 255) or floating point (already normalized with the ImageNet
mean and deviation). Bytes are a quarter of the traffic from the workers to the device, so they
are turned into numbers as late as possible: after the tokens that matter were gathered.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of the red, green and blue channel in [0, 1]. Source: ImageNet, as used by VideoMAE V2."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of the channels in [0, 1]. Source: ImageNet, as used by VideoMAE V2."""


def normalized_pixels(tubelets: Num[Tensor, "*n c t h w"]) -> Float[Tensor, "*n c t h w"]:
    """Give the values the networks see: bytes are normalized, floats are so already."""
    if tubelets.is_floating_point():
        return tubelets
    mean = _per_channel(IMAGENET_MEAN, tubelets.device)
    std = _per_channel(IMAGENET_STD, tubelets.device)
    return tubelets.float().div_(255).sub_(mean).div_(std)


def unit_pixels(tubelets: Num[Tensor, "*n c t h w"]) -> Float[Tensor, "*n c t h w"]:
    """Give RGB in [0, 1] as float32, whichever of the two forms a clip came in."""
    if not tubelets.is_floating_point():
        return tubelets.float().div_(255)
    mean = _per_channel(IMAGENET_MEAN, tubelets.device)
    std = _per_channel(IMAGENET_STD, tubelets.device)
    return tubelets.float() * std + mean


def _per_channel(values: tuple[float, ...], device: torch.device) -> Float[Tensor, "c 1 1 1"]:
    # Filled on the device: copying a Python list to a GPU would wait for it at every step.
    return torch.cat([torch.full((1, 1, 1, 1), value, device=device) for value in values])
