"""Which tokens the encoder sees, and which the decoder has to predict.

Polarity, everywhere: True = hidden from the encoder (or, in a decoder's mask, not decoded).
Every generator promises a fixed number of visible and of decoded tokens, so batches are
rectangular. How many decoded tokens are hidden from the encoder - the ones a loss counts - is
fixed as well with an even share of each place over time (see `sample_masks`), and reported
always.

Source: VideoMAE (arXiv 2203.12602), tube masking; VideoMAE V2 (arXiv 2303.16727),
section 3.2, running cell masking.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from hashtag2action.errors import ConfigError
from hashtag2action.models.patch_embed import Grid

CELL_PLACES = 4
"""Places of a running cell: 2 x 2. Source: VideoMAE V2, official code."""


class MaskPair(NamedTuple):
    """What encoder and decoder work on, as indices into the flat tokens of each clip."""

    visible_idx: Int64[Tensor, "b v"]
    """Tokens the encoder sees, in raster order, time slowest."""
    decoded_idx: Int64[Tensor, "b m"]
    """Tokens the decoder predicts, in raster order, time slowest."""
    hidden_of_decoded: Bool[Tensor, "b m"]
    """True where a decoded token is hidden from the encoder: where the loss counts."""


def sample_masks(
    num_clips: int,
    grid: Grid,
    mask_ratio: float,
    decoder_mask_ratio: float,
    generator: torch.Generator,
) -> MaskPair:
    """Draw a tube mask for the encoder and, independently, a running cell for the decoder.

    Args:
        num_clips: Number of clips, each with masks of its own.
        grid: Tokens of a clip.
        mask_ratio: Share of places hidden from the encoder, the same in every slot, in (0, 1).
        decoder_mask_ratio: Share of tokens that are not decoded: 0.25, 0.5 or 0.75 (values
            between are rounded down to a quarter); 0 decodes exactly what is hidden from the
            encoder, which is the first VideoMAE.
        generator: Source of chance, on the CPU.

    Returns:
        Indices on the CPU. All clips have as many visible and as many decoded tokens. The count
        of True in `hidden_of_decoded` is the same for all clips too if the ratio of the decoder
        is 0 or the number of slots is a multiple of 4; else it varies, and a loss must be divided
        by the count over the whole batch.

    Raises:
        ConfigError: A ratio hides everything or nothing, or a running cell does not fit the grid.
    """
    hidden = tube_mask(num_clips, grid, mask_ratio, generator)
    if decoder_mask_ratio == 0:
        return mask_pair(hidden, ~hidden)
    cells = running_cell_masks(grid, decoder_mask_ratio)
    starts = torch.randint(CELL_PLACES, (num_clips,), generator=generator)
    return mask_pair(hidden, cells[starts])


def masks_of(
    chances: Float[Tensor, "b places"],
    turns: Float[Tensor, " b"],
    grid: Grid,
    mask_ratio: float,
    decoder_mask_ratio: float,
) -> MaskPair:
    """Make the masks of `sample_masks` from chances that were drawn before, clip by clip.

    So the masks of a clip need not depend on those of others.

    Args:
        chances: Uniform in [0, 1), one for each place of a slot; the least are hidden.
        turns: Uniform in [0, 1), where the running cell begins.
        grid: Tokens of a clip.
        mask_ratio: As in `sample_masks`.
        decoder_mask_ratio: As in `sample_masks`.

    Raises:
        ConfigError: As `sample_masks`.
    """
    hidden = tubes_of(chances, grid, mask_ratio)
    if decoder_mask_ratio == 0:
        return mask_pair(hidden, ~hidden)
    starts = (turns * CELL_PLACES).long()
    return mask_pair(hidden, running_cell_masks(grid, decoder_mask_ratio)[starts])


def tube_mask(
    num_clips: int, grid: Grid, mask_ratio: float, generator: torch.Generator
) -> Bool[Tensor, "b n"]:
    """Hide the same places in every temporal slot of a clip.

    Args:
        num_clips: Number of clips, each with a mask of its own.
        grid: Tokens of a clip.
        mask_ratio: Share of places hidden per slot, in (0, 1), truncated to whole places.
        generator: Source of chance, on the CPU.

    Returns:
        True where a token is hidden from the encoder. Every row hides as many tokens.

    Raises:
        ConfigError: The ratio hides everything or nothing.
    """
    chances = torch.rand(num_clips, grid.tokens_per_slot, generator=generator)
    return tubes_of(chances, grid, mask_ratio)


def tubes_of(
    chances: Float[Tensor, "b places"], grid: Grid, mask_ratio: float
) -> Bool[Tensor, "b n"]:
    """Hide the places with the least chances, in every slot: `tube_mask` after its draw.

    Raises:
        ConfigError: The ratio hides everything or nothing.
    """
    num_hidden = int(mask_ratio * grid.tokens_per_slot)
    if not 0 < num_hidden < grid.tokens_per_slot:
        raise ConfigError(
            f"a mask ratio of {mask_ratio} hides {num_hidden} of {grid.tokens_per_slot} places; "
            "it must leave some and hide some"
        )
    order = chances.argsort(dim=1)
    places = torch.zeros(chances.shape, dtype=torch.bool)
    places.scatter_(1, order[:, :num_hidden], value=True)
    return places.repeat(1, grid.slots)


def require_running_cell(grid: Grid, decoder_mask_ratio: float) -> None:
    """Refuse a share of tokens that no running cell leaves out, or a grid that none fits.

    Raises:
        ConfigError: Not one, two or three of four places would be hidden, or rows or columns
            are odd.
    """
    num_hidden = int(CELL_PLACES * decoder_mask_ratio)
    if not 0 < num_hidden < CELL_PLACES:
        raise ConfigError(
            f"a decoder mask ratio of {decoder_mask_ratio} hides {num_hidden} of {CELL_PLACES} "
            "places of a running cell; use 0.25, 0.5 or 0.75, or 0 for no decoder mask"
        )
    if grid.rows % 2 or grid.columns % 2:
        raise ConfigError(
            f"a running cell needs an even grid, not {grid.rows}x{grid.columns} tokens; choose "
            "another size of pictures (size_px) or patches (patch_size), or a decoder_mask_ratio "
            "of 0"
        )


def running_cell_masks(grid: Grid, decoder_mask_ratio: float) -> Bool[Tensor, "4 n"]:
    """Make the four masks whose 2 x 2 cells turn by one place from slot to slot.

    Args:
        grid: Tokens of a clip; rows and columns must be even.
        decoder_mask_ratio: Share of tokens that are not decoded, rounded down to a quarter.

    Returns:
        True where a token is not decoded; one row for each start of the cell. Every row, and
        every slot in it, has as many.

    Raises:
        ConfigError: Not one, two or three of four places would be hidden, or rows or columns
            are odd.
    """
    require_running_cell(grid, decoder_mask_ratio)
    num_hidden = int(CELL_PLACES * decoder_mask_ratio)
    start = torch.arange(CELL_PLACES).view(-1, 1, 1, 1)
    slot = torch.arange(grid.slots).view(1, -1, 1, 1)
    row = torch.arange(grid.rows).view(1, 1, -1, 1)
    column = torch.arange(grid.columns).view(1, 1, 1, -1)
    # A place of a cell reads a ring of `num_hidden` ones and then zeros, which has been turned
    # once before the first slot, as upstream.
    turned = (2 * (row % 2) + column % 2 + start + 1 + slot) % CELL_PLACES
    return (turned < num_hidden).flatten(1)


def mask_pair(encoder_mask: Bool[Tensor, "b n"], decoder_mask: Bool[Tensor, "b n"]) -> MaskPair:
    """Turn masks into indices.

    Args:
        encoder_mask: True where a token is hidden from the encoder.
        decoder_mask: True where a token is not decoded.

    Raises:
        ConfigError: The clips of the batch differ in the number of their tokens.
    """
    visible_idx = _places(~encoder_mask)
    decoded_idx = _places(~decoder_mask)
    return MaskPair(visible_idx, decoded_idx, encoder_mask.gather(1, decoded_idx))


def _places(chosen: Bool[Tensor, "b n"]) -> Int64[Tensor, "b m"]:
    """List where each row is True; all rows must be so equally often."""
    counts = chosen.sum(dim=1)
    if (counts != counts[:1]).any():
        raise ConfigError(
            f"masks of one batch must choose as many tokens in every clip, not {counts.tolist()}"
        )
    num_chosen = int(counts[0]) if len(counts) else 0
    return chosen.nonzero()[:, 1].view(chosen.shape[0], num_chosen)
