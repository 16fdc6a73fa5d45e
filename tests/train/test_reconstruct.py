from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hashtag2action.data.loader import Sampling
from hashtag2action.errors import ConfigError
from hashtag2action.evaluate.compute import Compute
from hashtag2action.evaluate.recognizer import Card, Network
from hashtag2action.models.weights import save_safetensors
from hashtag2action.train.objective import MaskedReconstruction, Masking
from hashtag2action.train.reconstruct import reconstruct, reconstruct_video, write_strips

TINY = Network(variant="vit_tiny", num_frames=4, size_px=32, patch_size=8)


def test_original_is_unchanged_and_seen_tokens_are_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    clips = torch.randint(0, 256, (2, 3, 4, 32, 32), dtype=torch.uint8)
    compute = Compute(precision="fp32")
    strips = reconstruct(TINY.build_pretraining(), clips, Masking(mask_ratio=0.75), compute)
    original, seen, guess = strips[:, 0], strips[:, 1], strips[:, 2]
    assert np.array_equal(original, clips.permute(0, 2, 3, 4, 1).numpy())
    shown = (seen != 128).any(axis=-1)
    assert 0.2 < shown.mean() < 0.3
    assert np.array_equal(guess[shown], original[shown])
    assert not np.array_equal(guess[~shown], original[~shown])
    write_strips(tmp_path, strips, num_columns=3, prefix="last")
    assert np.asarray(cv2.imread(str(tmp_path / "last-clip-01.png"))).shape == (96, 96, 3)


@pytest.mark.parametrize(
    ("size_px", "ratio", "told"),
    [(32, 0.1, "hides 0 of 4 .* use 0.25, 0.5 or 0.75"), (24, 0.5, "not 3x3 tokens.* of 0")],
)
def test_a_video_is_refused_the_ratios_that_training_refuses(
    tmp_path: Path, size_px: int, ratio: float, told: str
) -> None:
    network = TINY.model_copy(update={"size_px": size_px})
    masking = Masking(decoder_mask_ratio=ratio)
    shape = network.grid, network.patch_size, 2
    with pytest.raises(ConfigError, match=told):
        MaskedReconstruction(masking, *shape, seed=0).masks(0, [0])
    words = Card(network, (), Sampling(num_frames=4), network.grid).metadata()
    path = tmp_path / "weights.safetensors"
    save_safetensors(network.build_pretraining(), path, words)
    with pytest.raises(ConfigError, match=f"weights.safetensors: .*{told}.* give --decoder-mask"):
        reconstruct_video(tmp_path / "any.mp4", path, tmp_path / "out.png", masking, 3)
