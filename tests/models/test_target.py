import torch

from hashtag2action.models.target import masked_targets


def test_targets_are_normalized_per_token_and_channel(generator):
    clips = torch.randint(0, 256, (2, 3, 4, 8, 8), dtype=torch.uint8, generator=generator)
    indices = torch.tensor([[5, 0, 7], [1, 2, 3]])
    targets = masked_targets(clips, indices, patch_size=4, tubelet_size=2)
    assert targets.shape == (2, 3, 3 * 2 * 4 * 4)
    # Token 5 of a grid of 2 x 2 x 2 is slot 1, row 0, column 1.
    pixels = clips[0, :, 2:4, 0:4, 4:8].double() / 255
    for channel in range(3):
        values = pixels[channel].flatten()
        expected = (values - values.mean()) / (values.std(correction=1) + 1e-6)
        torch.testing.assert_close(
            targets[0, 0, channel::3].double(), expected, atol=1e-5, rtol=1e-5
        )


def test_channels_are_fastest_then_columns_rows_and_frames(generator):
    clips = torch.randint(0, 256, (1, 3, 2, 4, 4), dtype=torch.uint8, generator=generator)
    indices = torch.zeros(1, 1, dtype=torch.int64)
    targets = masked_targets(clips, indices, patch_size=4, tubelet_size=2, normalize=False)
    by_hand = clips[0].permute(1, 2, 3, 0).flatten() / 255
    torch.testing.assert_close(targets[0, 0], by_hand)


def test_a_flat_token_gives_zeros():
    clips = torch.full((1, 3, 2, 4, 4), 255, dtype=torch.uint8)
    indices = torch.zeros(1, 1, dtype=torch.int64)
    assert not masked_targets(clips, indices, patch_size=4, tubelet_size=2).any()


def test_normalized_floats_give_the_targets_of_the_bytes(generator):
    raw = torch.randint(0, 256, (1, 3, 4, 8, 8), dtype=torch.uint8, generator=generator)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1, 1)
    indices = torch.tensor([[6, 1]])
    for normalize in (True, False):
        from_bytes = masked_targets(raw, indices, 4, 2, normalize=normalize)
        from_floats = masked_targets((raw / 255 - mean) / std, indices, 4, 2, normalize=normalize)
        torch.testing.assert_close(from_bytes, from_floats, atol=1e-4, rtol=1e-4)
