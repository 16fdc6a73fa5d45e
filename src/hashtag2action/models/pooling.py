"""From the tokens of a clip to its features.

The mean says what is there, and hands the classifier much of the room and little of the movement.
How far the tokens of a place deviate over time says what moves.

Source: the mean, VideoMAE V2 (arXiv 2303.16727), fine-tuning form. The deviation: pooling by
statistics over time (Okabe et al. 2018, arXiv 1803.10963, section 3.1, for speech), here taken at
each place and then averaged over places.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from hashtag2action.models.patch_embed import Grid

Pooling = Literal["mean", "mean_and_deviation"]
"""What a clip's features are: the mean of its tokens, or their deviation over time as well."""

POOLINGS: dict[Pooling, int] = {"mean": 1, "mean_and_deviation": 2}
"""Numbers per width of a token, by pooling."""

_LEAST_VARIANCE = 1e-6
"""Added to a variance, so that the root of one that is zero has a gradient. Chosen: as small as the
epsilon of a layer norm."""


def pool(tokens: Float[Tensor, "b n d"], grid: Grid, pooling: Pooling) -> Float[Tensor, "b f"]:
    """Make one vector of the tokens of each clip.

    Args:
        tokens: Time slowest; all tokens of the grid, or any number of them for the mean.
        grid: Tokens of a clip.
        pooling: What is made of them.

    Returns:
        One or two numbers per width of a token; the mean comes first.
    """
    mean = tokens.mean(dim=1)
    if pooling == "mean":
        return mean
    assert tokens.shape[1] == grid.num_tokens, "a deviation over time is of whole places"
    precise = tokens.to(torch.promote_types(tokens.dtype, torch.float32))
    moments = precise.unflatten(1, (grid.slots, -1))
    deviation = moments.var(dim=1, correction=0).add(_LEAST_VARIANCE).sqrt().mean(dim=1)
    return torch.cat([mean, deviation.to(mean.dtype)], dim=1)
