"""RandAugment and random erasing: one choice per clip, the same in every picture.

Source: arXiv 1909.13719 and 1708.04896, in the form of VideoMAE V2's fine-tuning, which is
`rand-m7-n4-mstd0.5-inc1` and pixel erasing as the library timm names and defines them.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.data import picture_ops as ops
from hashtag2action.data.picture_ops import Picture

MAX_LEVEL = 10.0
"""Largest magnitude. Source: RandAugment as the library timm defines it."""

PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)
"""Of ImageNet, in shares of the range of levels: what the noise of erased boxes is drawn from."""

Change = Callable[[Picture], Picture]


class RandAugment(Config):
    """Random changes of color, light and geometry."""

    num_ops: Annotated[int, Field(gt=0)] = 4
    """Operations drawn, with replacement. Source: VideoMAE V2."""
    magnitude: Annotated[float, Field(ge=0, le=MAX_LEVEL)] = 7.0
    """Mean strength, of 10. Source: VideoMAE V2."""
    magnitude_std: Annotated[float, Field(ge=0)] = 0.5
    """Spread of the strength. Source: VideoMAE V2."""
    op_probability: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Chance of a drawn operation to happen. Source: timm's default."""

    def draw(self, rng: np.random.Generator) -> list[Change]:
        """Draw the changes of one clip, in their order."""
        changes = []
        for place in rng.integers(len(OPERATIONS), size=self.num_ops):
            if rng.random() >= self.op_probability:
                continue
            level = float(rng.normal(self.magnitude, self.magnitude_std))
            share = min(max(level, 0.0), MAX_LEVEL) / MAX_LEVEL
            sign = 1 if rng.random() < 0.5 else -1
            changes.append(OPERATIONS[place](share, sign))
        return changes


OPERATIONS: tuple[Callable[[float, int], Change], ...] = (
    lambda share, sign: ops.auto_contrast,
    lambda share, sign: ops.equalize,
    lambda share, sign: ops.invert,
    lambda share, sign: partial(ops.rotate, degrees=sign * share * 30),
    lambda share, sign: partial(ops.posterize, num_bits=4 - int(share * 4)),
    lambda share, sign: partial(ops.solarize, threshold=256 - min(256, int(share * 256))),
    lambda share, sign: partial(ops.solarize_add, amount=min(128, int(share * 110))),
    lambda share, sign: partial(ops.color, factor=1 + sign * share * 0.9),
    lambda share, sign: partial(ops.contrast, factor=1 + sign * share * 0.9),
    lambda share, sign: partial(ops.brightness, factor=1 + sign * share * 0.9),
    lambda share, sign: partial(ops.sharpness, factor=1 + sign * share * 0.9),
    lambda share, sign: partial(ops.shear_x, amount=sign * share * 0.3),
    lambda share, sign: partial(ops.shear_y, amount=sign * share * 0.3),
    lambda share, sign: partial(ops.translate_x, fraction=sign * share * 0.45),
    lambda share, sign: partial(ops.translate_y, fraction=sign * share * 0.45),
)
"""Share of the largest strength and a sign to a change; the more, the stronger. Source: timm's
increasing set."""


class ErasedBox(NamedTuple):
    """A rectangle of a sample that is noise, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def fill(self, picture: Picture, rng: np.random.Generator) -> None:
        """Put noise into the rectangle: normal, with the mean and spread of natural pixels."""
        shape = (self.height, self.width, 3)
        noise = rng.standard_normal(shape, np.float32)
        noise *= np.array(PIXEL_STD, np.float32) * 255
        noise += np.array(PIXEL_MEAN, np.float32) * 255
        rows = slice(self.top, self.top + self.height)
        columns = slice(self.left, self.left + self.width)
        picture[rows, columns] = noise.round().clip(0, 255)


class RandomErasing(Config):
    """Noise in a random rectangle of some clips."""

    probability: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of clips. Source: VideoMAE V2."""
    min_area_fraction: Annotated[float, Field(gt=0, le=1)] = 0.02
    """Smallest share of the sample's area. Source: timm's default."""
    max_area_fraction: Annotated[float, Field(gt=0, le=1)] = 1 / 3
    """Largest share of the sample's area. Source: timm's default."""
    max_aspect_ratio: Annotated[float, Field(ge=1)] = 10 / 3
    """Largest ratio of the rectangle's sides. Source: timm's default, 0.3 to 1 / 0.3."""

    def draw(self, size_px: int, rng: np.random.Generator) -> ErasedBox | None:
        """Draw the rectangle of one clip; after ten misfits there is none."""
        if rng.random() >= self.probability:
            return None
        limit = np.log(self.max_aspect_ratio)
        for _ in range(10):
            area = rng.uniform(self.min_area_fraction, self.max_area_fraction) * size_px**2
            ratio = float(np.exp(rng.uniform(-limit, limit)))
            height, width = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
            if height < size_px and width < size_px:
                top = int(rng.integers(size_px - height + 1))
                left = int(rng.integers(size_px - width + 1))
                return ErasedBox(top, left, height, width)
        return None
