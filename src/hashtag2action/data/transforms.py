"""Augmentation of whole clips, uint8 (T, H, W, 3): one choice per clip, the same in every frame.

Every function of chance takes an explicit generator. What does not belong here: which frames
(`video.sampling`), mixing of several clips (`mixup`).
"""

from typing import Annotated, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from hashtag2action.config import Config

Frames = UInt8[np.ndarray, "t h w 3"]

MULTI_SCALES = (1.0, 0.875, 0.75, 0.66)
"""Shares of the shorter side a pre-training crop may have. Source: VideoMAE V2, official code."""


class Box(NamedTuple):
    """A rectangle of a frame in pixels."""

    top: int
    left: int
    height: int
    width: int


class MultiScaleCrop(Config):
    """The pre-training recipe: a crop of one of four sizes at one of thirteen places.

    Source: VideoMAE V2, official code; no flip and no change of color there.
    """

    kind: Literal["multi_scale"] = "multi_scale"
    flip: bool = False
    """Whether to mirror half of the clips. Off in the source; only where left and right do not
    matter."""

    def __call__(self, frames: Frames, size_px: int, rng: np.random.Generator) -> Frames:
        """Crop one clip and resize it to a square of `size_px`."""
        box = multi_scale_box(frames.shape[1], frames.shape[2], rng)
        return crop_resize(frames, box, size_px, flip=self.flip and rng.random() < 0.5)


class RandomResizedCrop(Config):
    """The fine-tuning recipe: a crop of random area and shape, mirrored half of the time."""

    kind: Literal["random_resized"] = "random_resized"
    min_area_fraction: Annotated[float, Field(gt=0, le=1)] = 0.08
    """Smallest share of the frame's area. Source: VideoMAE V2, official code."""
    max_aspect_ratio: Annotated[float, Field(ge=1)] = 4 / 3
    """Largest ratio of the crop's sides. Source: VideoMAE V2, official code."""
    flip: bool = True
    """Whether to mirror half of the clips; off where left and right matter (SSv2)."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of brightness and of contrast. Chosen: off, as in the source; small
    sets may gain from it."""

    def __call__(self, frames: Frames, size_px: int, rng: np.random.Generator) -> Frames:
        """Crop one clip, resize it to a square of `size_px`, and perhaps mirror it."""
        height, width = frames.shape[1:3]
        box = random_resized_box(height, width, self.min_area_fraction, self.max_aspect_ratio, rng)
        out = crop_resize(frames, box, size_px, flip=self.flip and rng.random() < 0.5)
        return jitter_light(out, self.brightness, rng) if self.brightness else out


class CenterCrop(Config):
    """No chance: short side to size, then the middle square."""

    kind: Literal["center"] = "center"
    flip: Literal[False] = False
    """There is no chance here."""

    def __call__(self, frames: Frames, size_px: int, rng: np.random.Generator) -> Frames:
        """Resize and crop one clip to a square of `size_px`."""
        return spatial_crops(frames, size_px, 1)[0]


Augmentation = Annotated[
    MultiScaleCrop | RandomResizedCrop | CenterCrop, Field(discriminator="kind")
]
"""What happens to the pixels of a training clip."""


def multi_scale_box(height: int, width: int, rng: np.random.Generator) -> Box:
    """Draw the pre-training crop.

    Height and width are shares of the shorter side whose places in `MULTI_SCALES` differ by at
    most one; the place is one of thirteen on a lattice of quarter steps.

    Source: VideoMAE V2, official code (first used by TSN, arXiv 1608.00859).
    """
    base = min(height, width)
    sizes = [int(base * share) for share in MULTI_SCALES]
    pairs = [(i, j) for i in range(4) for j in range(4) if abs(i - j) <= 1]
    row, column = pairs[rng.integers(len(pairs))]
    crop_height, crop_width = sizes[row], sizes[column]
    step_y, step_x = (height - crop_height) // 4, (width - crop_width) // 4
    # Corners, middles and edge middles are even quarters; the four inner places are odd ones.
    places = [(y, x) for y in (0, 2, 4) for x in (0, 2, 4)] + [(1, 1), (1, 3), (3, 1), (3, 3)]
    y, x = places[rng.integers(len(places))]
    return Box(y * step_y, x * step_x, crop_height, crop_width)


def random_resized_box(
    height: int, width: int, min_area: float, max_aspect: float, rng: np.random.Generator
) -> Box:
    """Draw a crop of random area and aspect ratio; after ten misfits take the middle.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        min_area: Smallest share of the frame's area, in (0, 1].
        max_aspect: Largest ratio of width to height; its inverse is the smallest.
        rng: Source of chance.

    Source: Inception (arXiv 1409.4842), section 6; ten trials as commonly done.
    """
    limit = float(np.log(max_aspect))
    for _ in range(10):
        area = rng.uniform(min_area, 1.0) * height * width
        ratio = float(np.exp(rng.uniform(-limit, limit)))
        crop_width, crop_height = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < crop_width <= width and 0 < crop_height <= height:
            top = int(rng.integers(height - crop_height + 1))
            left = int(rng.integers(width - crop_width + 1))
            return Box(top, left, crop_height, crop_width)
    side = min(height, width)
    return Box((height - side) // 2, (width - side) // 2, side, side)


def crop_resize(frames: Frames, box: Box, size_px: int, *, flip: bool = False) -> Frames:
    """Cut a box out of every frame and resize it to a square."""
    out = np.empty((len(frames), size_px, size_px, 3), np.uint8)
    # Averaging areas keeps small pictures free of aliasing; it is for shrinking only.
    shrinks = box.height > size_px and box.width > size_px
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    bottom, right = box.top + box.height, box.left + box.width
    for source, target in zip(frames, out, strict=True):
        part = source[box.top : bottom, box.left : right]
        cv2.resize(part, (size_px, size_px), dst=target, interpolation=method)
    return out[:, :, ::-1] if flip else out


def jitter_light(frames: Frames, strength: float, rng: np.random.Generator) -> Frames:
    """Scale brightness and contrast of a clip by factors in [1 - strength, 1 + strength]."""
    gain, contrast = rng.uniform(1 - strength, 1 + strength, size=2)
    mean = float(frames.mean())
    levels = (np.arange(256) * gain - mean * gain) * contrast + mean * gain
    return levels.round().clip(0, 255).astype(np.uint8)[frames]


def spatial_crops(frames: Frames, size_px: int, num_crops: int) -> list[Frames]:
    """Resize the short side to `size_px` and cut squares evenly along the long one.

    Args:
        frames: A clip.
        size_px: Height and width of a crop.
        num_crops: 1 takes the middle; more run from one end to the other.

    Source: VideoMAE V2, official code (three crops in its tests).
    """
    height, width = frames.shape[1:3]
    side, spare = min(height, width), max(height, width) - min(height, width)
    offsets = [spare // 2]
    if num_crops > 1:
        offsets = [int(crop * spare / (num_crops - 1)) for crop in range(num_crops)]
    boxes = [Box(at, 0, side, side) if height > width else Box(0, at, side, side) for at in offsets]
    return [crop_resize(frames, box, size_px) for box in boxes]
