import pytest
import torch
from torch.nn import functional as F

from hashtag2action.errors import ConfigError
from hashtag2action.models.patch_embed import (
    Grid,
    PatchEmbed,
    check_clips,
    cut_tubelets,
    gather_tubelets,
    token_grid,
)


def test_the_grid_counts_tubelets():
    grid = token_grid(16, 224, 224, 16, 2)
    assert grid == Grid(8, 14, 14)
    assert (grid.num_tokens, grid.tokens_per_slot) == (1568, 196)
    assert token_grid(16, 224, 224, 14, 2).num_tokens == 2048


@pytest.mark.parametrize(
    "shape", [(15, 224, 224, 16, 2), (16, 220, 224, 16, 2), (16, 224, 220, 16, 2), (0, 8, 8, 8, 2)]
)
def test_a_clip_that_cannot_be_cut_is_refused(shape):
    with pytest.raises(ConfigError, match="tubelet"):
        token_grid(*shape)


def test_clips_of_another_shape_are_refused():
    with pytest.raises(ConfigError, match="not 8 frames, 16x32 px"):
        check_clips(torch.zeros(1, 3, 8, 16, 32), 8, 32)


def test_gathered_tubelets_are_those_of_the_whole_clip(generator):
    clips = torch.randint(0, 256, (2, 3, 6, 8, 12), dtype=torch.uint8, generator=generator)
    whole = cut_tubelets(clips, patch_size=4, tubelet_size=2)
    assert whole.shape == (2, 18, 3, 2, 4, 4)
    # Token (slot 1, row 0, column 2) of a grid of 3 x 2 x 3.
    torch.testing.assert_close(whole[1, 1 * 6 + 0 * 3 + 2], clips[1, :, 2:4, 0:4, 8:12])
    indices = torch.stack([torch.randperm(18, generator=generator)[:5] for _ in range(2)])
    gathered = gather_tubelets(clips, indices, patch_size=4, tubelet_size=2)
    for clip in range(2):
        assert torch.equal(gathered[clip], whole[clip, indices[clip]])
    turned = clips.transpose(3, 4)
    gathered = gather_tubelets(turned, indices, patch_size=4, tubelet_size=2)
    assert torch.equal(gathered[1], cut_tubelets(turned, 4, 2)[1, indices[1]])


def test_gathered_tubelets_hand_gradients_to_their_pixels(generator):
    clips = torch.randn(1, 3, 2, 4, 8, generator=generator, requires_grad=True)
    indices = torch.tensor([[1, 1]])
    gather_tubelets(clips, indices, patch_size=4, tubelet_size=2).sum().backward()
    assert clips.grad is not None
    assert torch.equal(clips.grad[..., :4], torch.zeros(1, 3, 2, 4, 4))
    assert torch.equal(clips.grad[..., 4:], torch.full((1, 3, 2, 4, 4), 2.0))


def test_the_projection_is_the_convolution_it_is_named_after(generator):
    embed = PatchEmbed(10, patch_size=4, tubelet_size=2)
    clips = torch.randn(2, 3, 6, 8, 12, generator=generator)
    convolved = F.conv3d(clips, embed.proj.weight, embed.proj.bias, stride=(2, 4, 4))
    expected = convolved.flatten(2).transpose(1, 2)
    torch.testing.assert_close(embed(clips), expected, atol=1e-5, rtol=1e-5)
    indices = torch.tensor([[3, 0, 17], [5, 5, 1]])
    some = torch.stack([expected[clip, indices[clip]] for clip in range(2)])
    torch.testing.assert_close(embed(clips, indices), some, atol=1e-5, rtol=1e-5)
