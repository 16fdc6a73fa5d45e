import torch

from hashtag2action.models.pixels import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    normalized_pixels,
    unit_pixels,
)


def test_bytes_and_normalized_floats_say_the_same(generator):
    raw = torch.randint(0, 256, (2, 5, 3, 2, 4, 4), dtype=torch.uint8, generator=generator)
    mean = torch.tensor(IMAGENET_MEAN).view(3, 1, 1, 1)
    std = torch.tensor(IMAGENET_STD).view(3, 1, 1, 1)
    normalized = (raw / 255 - mean) / std
    torch.testing.assert_close(normalized_pixels(raw), normalized)
    assert normalized_pixels(normalized) is normalized
    torch.testing.assert_close(unit_pixels(raw), raw / 255)
    torch.testing.assert_close(unit_pixels(normalized), raw / 255, atol=1e-6, rtol=1e-5)


def test_the_clip_itself_is_left_alone(generator):
    for clip in (torch.full((3, 2, 4, 4), 7, dtype=torch.uint8), torch.ones(3, 2, 4, 4)):
        before = clip.clone()
        normalized_pixels(clip)
        unit_pixels(clip)
        assert torch.equal(clip, before)
