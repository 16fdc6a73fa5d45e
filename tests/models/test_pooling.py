import pytest
import torch

from hashtag2action.errors import ConfigError
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.pooling import pool
from hashtag2action.models.vit import VisionTransformer


def test_the_deviation_is_over_time_at_each_place():
    tokens = torch.randn(2, 3 * 4, 5)
    found = pool(tokens, Grid(3, 2, 2), "mean_and_deviation")
    moments = tokens.numpy().reshape(2, 3, 4, 5)
    assert found[:, :5].numpy() == pytest.approx(moments.mean(axis=(1, 2)), abs=1e-6)
    assert found[:, 5:].numpy() == pytest.approx(moments.std(axis=1).mean(axis=1), abs=1e-5)


def test_a_still_clip_deviates_by_nothing_and_still_has_a_gradient():
    tokens = torch.randn(1, 1, 4, 5).expand(1, 3, 4, 5).reshape(1, 12, 5).requires_grad_()
    deviation = pool(tokens, Grid(3, 2, 2), "mean_and_deviation")[:, 5:]
    assert deviation.max() < 2e-3
    deviation.sum().backward()
    assert torch.isfinite(tokens.grad).all()


def test_half_precision_is_summed_in_full(generator):
    tokens = 100 + torch.randn(1, 8, 16, generator=generator)
    exact = pool(tokens.bfloat16().float(), Grid(8, 1, 1), "mean_and_deviation")
    found = pool(tokens.bfloat16(), Grid(8, 1, 1), "mean_and_deviation")
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found[:, 16:].float(), exact[:, 16:], rtol=5e-3, atol=0)


def test_a_recognizer_that_sees_what_moves_tells_directions_apart_from_stills():
    model = VisionTransformer.from_variant(
        "vit_micro", num_classes=0, num_frames=8, image_size=32, pooling="mean_and_deviation"
    ).eval()
    still = torch.randint(0, 256, (1, 3, 1, 32, 32), dtype=torch.uint8).expand(1, 3, 8, 32, 32)
    moving = torch.stack([still[:, :, 0].roll(4 * step, -1) for step in range(8)], dim=2)
    with torch.no_grad():
        tokens = [model.forward_tokens(clip) for clip in (still.contiguous(), moving)]
        changes = [pool(each, model.grid, model.pooling)[:, 96:].mean() for each in tokens]
        assert model(moving).shape == (1, 192)
    assert changes[1] > 1.05 * changes[0]


def test_one_tubelet_in_time_cannot_deviate():
    with pytest.raises(ConfigError, match="two tubelets in time, 2 frames make one"):
        VisionTransformer.from_variant(
            "vit_micro", num_classes=2, num_frames=2, image_size=32, pooling="mean_and_deviation"
        )
