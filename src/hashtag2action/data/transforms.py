"""Augmentation of whole clips, uint8 (T, H, W, 3): one choice per clip, the same in every frame.

An augmentation draws an edit for a clip of some size; the edit then makes each sample picture from
a frame as it comes from the decoder, so that no whole clip of full frames is ever held. Every
function of chance takes an explicit generator. What does not belong here: which frames
(`video.sampling`), mixing of several clips (`mixing`).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.data.augment import Change, ErasedBox, RandAugment, RandomErasing

Frames = UInt8[np.ndarray, "t h w 3"]

MULTI_SCALES = (1.0, 0.875, 0.75, 0.66)
"""Shares of the shorter side a pre-training crop may have. Source: VideoMAE V2, official code."""


class Box(NamedTuple):
    """A rectangle of a frame in pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass
class Edit:
    """What makes the pictures of one sample, drawn once for all of them."""

    box: Box
    """Of the first frame."""
    way: tuple[float, float] = (0.0, 0.0)
    """How far down and right of there the box of the last frame lies, pixels; those between lie
    evenly on the way."""
    is_flipped: bool = False
    changes: Sequence[Change] = ()
    """To the whole frame, before it is cut."""
    levels: UInt8[np.ndarray, " 256"] | None = None
    """New levels of the sample."""
    erased: ErasedBox | None = None
    """Filled with noise, other noise in each picture."""
    noise: np.random.Generator | None = None
    """Source of the noise."""

    def apply(
        self,
        frame: UInt8[np.ndarray, "h w 3"],
        out: UInt8[np.ndarray, "size size 3"],
        progress: float = 0.0,
    ) -> None:
        """Make the sample's picture of a frame, into an array of the sample's size.

        Args:
            frame: As it comes from the decoder.
            out: The picture.
            progress: Place of the frame in the sample, from 0, the first, to 1, the last.
        """
        for change in self.changes:
            frame = change(frame)
        _resize(self._part(frame, progress), out)
        if self.is_flipped:
            out[:] = out[:, ::-1].copy()
        if self.levels is not None:
            out[:] = cv2.LUT(out, self.levels)
        if self.erased is not None:
            assert self.noise is not None, "an erased box needs noise"
            self.erased.fill(out, self.noise)

    def _part(
        self, frame: UInt8[np.ndarray, "h w 3"], progress: float
    ) -> UInt8[np.ndarray, "a b 3"]:
        top, left, height, width = self.box
        if self.way == (0.0, 0.0):
            return frame[top : top + height, left : left + width]
        # Between pixels, as a hand that moves a camera knows none: whole ones would shake.
        middle_y = top + progress * self.way[0] + (height - 1) / 2
        middle_x = left + progress * self.way[1] + (width - 1) / 2
        return cv2.getRectSubPix(frame, (width, height), (middle_x, middle_y))


class _Augmentation(Config, ABC):
    """An augmentation of single clips."""

    @abstractmethod
    def draw(self, height: int, width: int, size_px: int, rng: np.random.Generator) -> Edit:
        """Draw the edit of one sample.

        Args:
            height: Of the frames.
            width: Of the frames.
            size_px: Height and width of the sample.
            rng: Source of chance.
        """

    def __call__(self, frames: Frames, size_px: int, rng: np.random.Generator) -> Frames:
        """Make one sample of the frames of a clip."""
        edit = self.draw(frames.shape[1], frames.shape[2], size_px, rng)
        out = np.empty((len(frames), size_px, size_px, 3), np.uint8)
        for place, (frame, target) in enumerate(zip(frames, out, strict=True)):
            edit.apply(frame, target, progress_at(place, len(frames)))
        return out


class MultiScaleCrop(_Augmentation):
    """The pre-training recipe: a crop of one of four sizes at one of thirteen places.

    Source: VideoMAE V2, official code; no flip and no change of color there.
    """

    kind: Literal["multi_scale"] = "multi_scale"
    flip: bool = False
    """Whether to mirror half of the clips. Off in the source; only where left and right do not
    matter."""

    def draw(self, height: int, width: int, size_px: int, rng: np.random.Generator) -> Edit:
        """Draw a box, and perhaps a flip."""
        box = multi_scale_box(height, width, rng)
        return Edit(box, is_flipped=self.flip and rng.random() < 0.5)


class RandomResizedCrop(_Augmentation):
    """The fine-tuning recipe: a crop of random area and shape, mirrored half of the time."""

    kind: Literal["random_resized"] = "random_resized"
    min_area_fraction: Annotated[float, Field(gt=0, le=1)] = 0.08
    """Smallest share of the frame's area. Source: VideoMAE V2, official code."""
    max_aspect_ratio: Annotated[float, Field(ge=1)] = 4 / 3
    """Largest ratio of the crop's sides. Source: VideoMAE V2, official code."""
    flip: bool = True
    """Whether to mirror half of the clips; off where left and right matter (SSv2)."""
    max_drift: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Largest way the crop goes while the clip plays, as a share of its height down or up and of
    its width to the side, as far as the frame has room. Chosen: off, as in the source; where clips
    are few, it makes many cameras of one."""
    brightness: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Largest relative change of brightness and of contrast. Chosen: off, as in the source; small
    sets may gain from it."""
    rand_augment: RandAugment | None = None
    """Changes of color, light and geometry before the crop, as in the source; null makes none.
    Chosen: off, because it suits long training of large networks; recipes turn it on."""
    erasing: RandomErasing | None = None
    """Noise in a rectangle, as in the source; null makes none. Chosen: off, as above."""

    def draw(self, height: int, width: int, size_px: int, rng: np.random.Generator) -> Edit:
        """Draw changes, box, flip, light and rectangle."""
        changes = self.rand_augment.draw(rng) if self.rand_augment else ()
        box = random_resized_box(height, width, self.min_area_fraction, self.max_aspect_ratio, rng)
        return Edit(
            box,
            way=drawn_way(box, height, width, self.max_drift, rng)
            if self.max_drift
            else (0.0, 0.0),
            is_flipped=self.flip and rng.random() < 0.5,
            changes=changes,
            levels=jittered_levels(self.brightness, rng) if self.brightness else None,
            erased=self.erasing.draw(size_px, rng) if self.erasing else None,
            noise=np.random.default_rng(rng.integers(2**32)) if self.erasing else None,
        )

    def _way(
        self, box: Box, height: int, width: int, rng: np.random.Generator
    ) -> tuple[float, float]:
        # Nothing is drawn where nothing drifts: what a seed gave before drift was there, it gives.
        if self.max_drift == 0:
            return (0.0, 0.0)
        return drawn_way(box, height, width, self.max_drift, rng)


class CenterCrop(_Augmentation):
    """No chance: short side to size, then the middle square."""

    kind: Literal["center"] = "center"
    flip: Literal[False] = False
    """There is no chance here."""

    def draw(self, height: int, width: int, size_px: int, rng: np.random.Generator) -> Edit:
        """Take the middle."""
        return Edit(crop_boxes(height, width, 1)[0])


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


def drawn_way(
    box: Box, height: int, width: int, max_drift: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Draw how far a crop goes while a clip plays, evenly, and cut the way where the frame ends.

    Args:
        box: Where it begins.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        max_drift: Largest way, as a share of the crop's height and width.
        rng: Source of chance.

    Returns:
        Pixels down and to the right.
    """
    down, right = rng.uniform(-max_drift, max_drift, size=2)
    last_top = np.clip(box.top + down * box.height, 0, height - box.height)
    last_left = np.clip(box.left + right * box.width, 0, width - box.width)
    return float(last_top - box.top), float(last_left - box.left)


def progress_at(place: int, num_frames: int) -> float:
    """Return where a frame of a sample stands: 0 the first, 1 the last."""
    return place / max(1, num_frames - 1)


def jittered_levels(strength: float, rng: np.random.Generator) -> UInt8[np.ndarray, " 256"]:
    """Draw a change of light: factors of brightness and contrast in [1 - strength, 1 + strength].

    Contrast is about the middle level, so that the change does not depend on the clip.
    """
    gain, contrast = rng.uniform(1 - strength, 1 + strength, size=2)
    levels = (np.arange(256) * gain - 127.5 * gain) * contrast + 127.5 * gain
    return levels.round().clip(0, 255).astype(np.uint8)


def crop_boxes(height: int, width: int, num_crops: int) -> list[Box]:
    """Return squares of the shorter side, spread evenly along the longer one.

    Args:
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.
        num_crops: 1 takes the middle; more run from one end to the other.

    Source: VideoMAE V2, official code (three crops in its tests).
    """
    side, spare = min(height, width), max(height, width) - min(height, width)
    offsets = [spare // 2]
    if num_crops > 1:
        offsets = [int(crop * spare / (num_crops - 1)) for crop in range(num_crops)]
    return [Box(at, 0, side, side) if height > width else Box(0, at, side, side) for at in offsets]


def spatial_crops(
    picture: UInt8[np.ndarray, "h w 3"], size_px: int, num_crops: int
) -> list[UInt8[np.ndarray, "size size 3"]]:
    """Resize the shorter side to `size_px`, and cut squares evenly along the longer one.

    Args:
        picture: A frame.
        size_px: Height and width of a crop.
        num_crops: As `crop_boxes`.

    Returns:
        Views of one resized picture.
    """
    height, width = picture.shape[:2]
    scale = size_px / min(height, width)
    # The longer side is cut down to whole pixels, as in the official code.
    small = np.empty(
        (max(size_px, int(height * scale)), max(size_px, int(width * scale)), 3), np.uint8
    )
    _resize(picture, small)
    boxes = crop_boxes(small.shape[0], small.shape[1], num_crops)
    return [small[box.top :, box.left :][:size_px, :size_px] for box in boxes]


def _resize(part: UInt8[np.ndarray, "h w 3"], out: UInt8[np.ndarray, "a b 3"]) -> None:
    """Resize into an array: bilinear, and by the mean over areas where much is lost.

    The mean keeps small pictures free of aliasing, at five times the cost; it is for shrinking
    only. Chosen: from two thirds down; above, the plain one is a level from the filter of the
    official code in the mean (see the tests).
    """
    height, width = out.shape[:2]
    shrinks = min(part.shape[0] / height, part.shape[1] / width) >= 1.5
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    cv2.resize(part, (width, height), dst=out, interpolation=method)
