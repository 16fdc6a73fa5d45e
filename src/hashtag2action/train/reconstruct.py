"""Pictures of what a masked autoencoder fills in: original, what the encoder saw, the guess."""

from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hashtag2action.evaluate.compute import Compute
from hashtag2action.models.masking import mask_pair, running_cell_masks, tube_mask
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


def write_strips(folder: Path, strips: UInt8[np.ndarray, "b 3 t h w 3"], num_columns: int) -> None:
    """Write one PNG per clip: three rows, and columns evenly spread over time."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = np.linspace(0, strips.shape[2] - 1, num_columns).round().astype(int)
    for number, strip in enumerate(strips):
        rows = [np.concatenate(list(row[frames]), axis=1) for row in strip]
        picture = np.concatenate(rows, axis=0)
        name = folder / f"clip-{number:02d}.png"
        assert cv2.imwrite(str(name), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


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
