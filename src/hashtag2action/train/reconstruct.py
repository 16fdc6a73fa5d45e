"""Pictures of what a masked autoencoder fills in: original, what the encoder saw, the guess."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate.cards import card_for
from hashtag2action.evaluate.compute import Compute
from hashtag2action.evaluate.predict import look_at, require_picture_name, write_picture
from hashtag2action.evaluate.views import Views
from hashtag2action.models.layouts import misfits, open_weights, size_of
from hashtag2action.models.masking import (
    mask_pair,
    require_running_cell,
    running_cell_masks,
    tube_mask,
)
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.target import TARGET_EPS, masked_targets
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.train.objective import Masking

GRAY = 0.5
"""Brightness of hidden tokens in the pictures."""


@torch.no_grad()
def reconstruct(
    model: VideoMAE,
    clips: UInt8[Tensor, "b 3 t h w"],
    masking: Masking,
    compute: Compute,
    seed: int = 0,
) -> UInt8[np.ndarray, "b 3 t h w 3"]:
    """Let the network fill in the hidden tokens of clips.

    The decoder is asked for all tokens, in two halves of the density it was trained with. Guesses
    are of normalized pixels; each token gets back the mean and deviation of its original, as in
    the figures of the papers. Tokens the encoder saw are shown as they were.

    Returns:
        For each clip: the original, what the encoder saw, and the reconstruction.
    """
    was_training = model.training
    model.eval()
    grid, patch, tubelet = model.grid, model.patch_size, model.tubelet_size
    hidden = tube_mask(len(clips), grid, masking.mask_ratio, torch.Generator().manual_seed(seed))
    everything = torch.arange(grid.num_tokens).expand(len(clips), -1)
    original = masked_targets(clips.cpu(), everything, patch, tubelet, normalize=False)
    guess = torch.empty_like(original)
    for part in _halves(grid, masking):
        masks = mask_pair(hidden, part.expand(len(clips), -1))
        visible, decoded = masks.visible_idx, masks.decoded_idx
        with compute.autocast():
            predicted = model(
                clips.to(compute.device), visible.to(compute.device), decoded.to(compute.device)
            )
        guess.scatter_(
            1, decoded.unsqueeze(2).expand(-1, -1, guess.shape[2]), predicted.float().cpu()
        )
    model.train(was_training)
    pixels = original.unflatten(2, (-1, 3))
    mean = pixels.mean(dim=2, keepdim=True)
    deviation = pixels.std(dim=2, keepdim=True, correction=1) + TARGET_EPS
    guess = (guess.unflatten(2, (-1, 3)) * deviation + mean).flatten(2).clamp(0, 1)
    seen = torch.where(hidden.unsqueeze(2), torch.tensor(GRAY), original)
    guess = torch.where(hidden.unsqueeze(2), guess, original)
    pictures = [_pictures(tokens, grid, patch, tubelet) for tokens in (original, seen, guess)]
    return np.stack(pictures, axis=1)


def reconstruct_video(
    video: Path, weights: Path, picture: Path, masking: Masking, num_columns: int
) -> float:
    """Draw what a pre-trained network makes of the middle of a video.

    Args:
        video: A video file.
        weights: Weights in pre-training form, of any layout.
        picture: PNG to write: original, what the encoder saw, reconstruction.
        masking: Shares of hidden tokens.
        num_columns: Frames of the picture, evenly spread over the clip.

    Returns:
        Mean difference of hidden pixels from the original, on a scale from 0 to 1.

    Raises:
        CheckpointError: The weights are not in pre-training form, or do not fit.
        ConfigError: The shares do not suit the tokens of a clip, or no picture has such a name.
        VideoError: The video cannot be read.
    """
    require_picture_name(picture)
    found = open_weights(weights)
    if found.kind != "pre-training form":
        raise CheckpointError(f"{weights}: has no decoder; it is the {found.kind}")
    size = size_of(found)
    problems = misfits(found, size)
    if problems:
        raise CheckpointError(f"{weights}: does not fit a {size.variant}: {problems}")
    card, _ = card_for(found, size)
    grid = card.network.grid
    if masking.decoder_mask_ratio:
        try:
            require_running_cell(grid, masking.decoder_mask_ratio)
        except ConfigError as error:
            raise ConfigError(
                f"{weights}: {error}; to draw, give --decoder-mask-ratio 0, which is no such mask"
            ) from error
    model = card.network.build_pretraining()
    model.load_state_dict({name: tensor.read() for name, tensor in found.tensors.items()})
    views = look_at(video, card, Views(num_temporal_views=1, num_spatial_crops=1))
    strips = reconstruct(model, views, masking, Compute(precision="fp32"))
    original, seen, guess = strips[0].astype(int)
    # A pixel that was gray already counts as hidden too, where its guess is the original itself.
    hidden = (seen == round(GRAY * 255)).all(axis=-1)
    write_strip(picture, strips[0], num_columns)
    return float(np.abs(guess - original)[hidden].mean() / 255)


def write_strips(
    folder: Path, strips: UInt8[np.ndarray, "b 3 t h w 3"], num_columns: int, prefix: str
) -> None:
    """Write one PNG per clip: three rows, and columns evenly spread over time."""
    for number, strip in enumerate(strips):
        write_strip(folder / f"{prefix}-clip-{number:02d}.png", strip, num_columns)


def write_strip(path: Path, strip: UInt8[np.ndarray, "3 t h w 3"], num_columns: int) -> None:
    """Write the PNG of one clip: three rows, and columns evenly spread over time."""
    frames = np.linspace(0, strip.shape[1] - 1, num_columns).round().astype(int)
    rows = [np.concatenate(list(row[frames]), axis=1) for row in strip]
    write_picture(path, np.concatenate(rows, axis=0))


def _halves(grid: Grid, masking: Masking) -> list[Tensor]:
    """Give decoder masks (True = not decoded) that cover all tokens."""
    if masking.decoder_mask_ratio == 0:
        return [torch.zeros(1, grid.num_tokens, dtype=torch.bool)]
    cell = running_cell_masks(grid, 0.5)[:1]
    return [cell, ~cell]


def _pictures(
    tokens: Float[Tensor, "b n out"], grid: Grid, patch: int, tubelet: int
) -> UInt8[np.ndarray, "b t h w 3"]:
    parts = tokens.view(len(tokens), *grid, tubelet, patch, patch, 3)
    pictures = parts.permute(0, 1, 4, 2, 5, 3, 6, 7).flatten(1, 2).flatten(2, 3).flatten(3, 4)
    return pictures.mul(255).round().to(torch.uint8).numpy()
