"""From pixels to tokens: cut a clip into tubelets and project each of them.

The projection is a 3-D convolution whose stride equals its kernel, so every token depends on one
tubelet alone. It is computed as a matrix product over tubelets, which lets the masked
pre-training cut out and project only the tokens its encoder sees.

Source: ViViT (arXiv 2103.15691), section 3.2; VideoMAE (arXiv 2203.12602), its cubes.
"""

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor, nn

from hashtag2action.errors import ConfigError
from hashtag2action.models.linear import linear
from hashtag2action.models.pixels import normalized_pixels


class Grid(NamedTuple):
    """The tokens of a clip: temporal slots, rows and columns; time is slowest in a flat index."""

    slots: int
    rows: int
    columns: int

    @property
    def num_tokens(self) -> int:
        """Number of tokens of one clip."""
        return self.slots * self.rows * self.columns

    @property
    def tokens_per_slot(self) -> int:
        """Number of tokens of one temporal slot."""
        return self.rows * self.columns


def token_grid(
    num_frames: int, height: int, width: int, patch_size: int, tubelet_size: int
) -> Grid:
    """Count the tubelets of a clip.

    Args:
        num_frames: Frames of the clip.
        height: Height of the clip in pixels.
        width: Width of the clip in pixels.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.

    Raises:
        ConfigError: The clip cannot be cut into whole tubelets.
    """
    if num_frames % tubelet_size or height % patch_size or width % patch_size:
        raise ConfigError(
            f"a clip of {num_frames} frames, {height}x{width} px, cannot be cut into tubelets of "
            f"{tubelet_size} frames, {patch_size}x{patch_size} px; make it a multiple of them"
        )
    grid = Grid(num_frames // tubelet_size, height // patch_size, width // patch_size)
    if not grid.num_tokens:
        raise ConfigError(f"a clip of {num_frames} frames, {height}x{width} px, has no tubelet")
    return grid


def check_clips(clips: Num[Tensor, "b 3 t h w"], num_frames: int, image_size: int) -> None:
    """Refuse clips of another shape: their tokens would get the codes of other places.

    Raises:
        ConfigError: The clips do not have `num_frames` frames of `image_size` x `image_size` px.
    """
    frames, height, width = clips.shape[2:]
    if (frames, height, width) != (num_frames, image_size, image_size):
        raise ConfigError(
            f"the model takes clips of {num_frames} frames, {image_size}x{image_size} px, "
            f"not {frames} frames, {height}x{width} px"
        )


def cut_tubelets(
    clips: Num[Tensor, "b c t h w"], patch_size: int, tubelet_size: int
) -> Num[Tensor, "b n c dt p p"]:
    """Cut clips into all their tubelets, in raster order, time slowest."""
    num_frames, height, width = clips.shape[2:]
    slots, rows, columns = token_grid(num_frames, height, width, patch_size, tubelet_size)
    cells = clips.unflatten(4, (columns, patch_size)).unflatten(3, (rows, patch_size))
    cells = cells.unflatten(2, (slots, tubelet_size))
    return cells.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(1, 3)


def gather_tubelets(
    clips: Num[Tensor, "b c t h w"],
    indices: Int64[Tensor, "b m"],
    patch_size: int,
    tubelet_size: int,
) -> Num[Tensor, "b m c dt p p"]:
    """Cut only some tubelets out of each clip.

    Args:
        clips: Clips of any dtype.
        indices: Flat token indices per clip, time slowest.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.
    """
    batch, channels, num_frames, height, width = clips.shape
    grid = token_grid(num_frames, height, width, patch_size, tubelet_size)
    slots = indices // grid.tokens_per_slot
    rows, columns = indices // grid.columns % grid.rows, indices % grid.columns
    # A row of a tubelet is a strip of pixels side by side. Strips are copied whole, in an eighth
    # of the time of pixels one by one (two clips of 16 x 224 x 224, half of their tokens).
    per_line, per_channel = grid.columns, num_frames * height * grid.columns
    count = partial(torch.arange, device=indices.device)
    within = (count(channels) * per_channel).view(-1, 1, 1)
    within = within + (count(tubelet_size) * height * per_line).unsqueeze(1)
    within = within + count(patch_size) * per_line
    first = (slots * tubelet_size * height + rows * patch_size) * per_line + columns
    first = first + (count(batch) * channels * per_channel).unsqueeze(1)
    strips = first[..., None, None, None] + within
    chosen = clips.reshape(-1, patch_size).index_select(0, strips.flatten())
    return chosen.view(*strips.shape, patch_size)


class PatchEmbed(nn.Module):
    """Project tubelets to tokens.

    Args:
        embed_dim: Width of a token.
        patch_size: Height and width of a tubelet in pixels.
        tubelet_size: Frames of a tubelet.
    """

    def __init__(self, embed_dim: int, patch_size: int, tubelet_size: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.tubelet_size = tubelet_size
        kernel = (tubelet_size, patch_size, patch_size)
        # A convolution in name, shape and initialization only; see `forward`.
        self.proj = nn.Conv3d(3, embed_dim, kernel_size=kernel, stride=kernel)

    def forward(
        self, clips: Num[Tensor, "b 3 t h w"], indices: Int64[Tensor, "b m"] | None = None
    ) -> Float[Tensor, "b m d"]:
        """Embed all tokens of the clips, or those at `indices` (time slowest)."""
        if indices is None:
            tubelets = cut_tubelets(clips, self.patch_size, self.tubelet_size)
        else:
            tubelets = gather_tubelets(clips, indices, self.patch_size, self.tubelet_size)
        pixels = normalized_pixels(tubelets).flatten(2)
        return linear(pixels, self.proj.weight.flatten(1), self.proj.bias)
