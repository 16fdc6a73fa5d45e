"""What the decoder should predict: the pixels of a tubelet, each channel normalized by itself.

Source: MAE (arXiv 2111.06377), section 3, normalized pixels; per channel and with unbiased
variance as VideoMAE V2's official code.
"""

import torch
from jaxtyping import Float32, Int64, Num
from torch import Tensor

from hashtag2action.models.patch_embed import gather_tubelets
from hashtag2action.models.pixels import unit_pixels

TARGET_EPS = 1e-6
"""Added to a token's deviation, so that flat tokens do not explode. Source: VideoMAE V2."""


def masked_targets(
    clips: Num[Tensor, "b 3 t h w"],
    decoded_idx: Int64[Tensor, "b m"],
    patch_size: int,
    tubelet_size: int,
    *,
    normalize: bool = True,
) -> Float32[Tensor, "b m out"]:
    """Cut out the pixels of the decoded tokens.

    Args:
        clips: uint8 RGB, or floats normalized with the ImageNet mean and deviation.
        decoded_idx: Flat indices of the tokens, time slowest.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.
        normalize: Subtract mean and divide by deviation, per token and channel; else the values
            are RGB in [0, 1].

    Returns:
        Targets in the order of `decoded_idx`; the numbers of a token are ordered by frame, row,
        column and channel, channel fastest.
    """
    pixels = unit_pixels(gather_tubelets(clips, decoded_idx, patch_size, tubelet_size)).flatten(3)
    if normalize:
        centered = pixels.sub_(pixels.mean(dim=-1, keepdim=True))
        # The norm over sqrt(n - 1) is the unbiased deviation, at a fortieth of the time of `std`.
        norm = torch.linalg.vector_norm(centered, dim=-1, keepdim=True)
        deviation = norm / (pixels.shape[-1] - 1) ** 0.5
        pixels = centered.div_(deviation + TARGET_EPS)
    return pixels.transpose(2, 3).flatten(2)
