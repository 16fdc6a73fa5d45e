from pathlib import Path

import cv2
import numpy as np
import torch

from hashtag2action.evaluate.compute import Compute
from hashtag2action.evaluate.recognizer import Network
from hashtag2action.train.objective import Masking
from hashtag2action.train.reconstruct import reconstruct, write_strips

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
