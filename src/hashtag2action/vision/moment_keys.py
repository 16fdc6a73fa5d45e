"""What a moment of a clip is known by: the signs of the slowest waves of a part of its picture.

The lowest bits of such a hash are the moment's key. A look, the signs of differences of neighboring
cells, compares the pictures whose keys agree.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from hashtag2action.vision.fingerprint import (
    COLUMN_ORDERS,
    MIRROR_SIGNS,
    ROW_ORDERS,
    WHOLE,
    Crop,
    cosines,
    crop_map,
)

_MIN_LEVELS = 2.5  # gray levels; a picture of less contrast tells nothing
_LOOK_CELLS = 9
_LOOK_BLUR = 7.0  # orders


@dataclass(frozen=True)
class Region:
    """A part of the picture that has keys of its own."""

    part: Crop
    key_bits: int
    hash_bits: int
    max_distance: int
    """Largest distance of two hashes whose keys agree."""
    max_look_distance: int
    """Largest distance of two looks, of 144. Chosen: 98 of 100 copies lie below, and 19 of 20 pairs
    whose keys agree by chance above."""
    num_flipped: int
    """Signs nearest to zero that are asked for both ways."""
    flips_pairs: bool
    crops: tuple[Crop, ...]

    @property
    def flips(self) -> list[tuple[int, ...]]:
        """Which of the least sure signs are turned, per probe."""
        single = [(one,) for one in range(self.num_flipped)]
        pairs = list(combinations(range(self.num_flipped), 2)) if self.flips_pairs else []
        return [(), *single, *pairs]

    @property
    def mask(self) -> np.uint64:
        """The bits of a hash that are its key."""
        return np.uint64((1 << self.key_bits) - 1)


@dataclass(frozen=True)
class Form:
    """A turn of waves into the values whose signs are a hash; mirrored where bits are turned."""

    crop: int
    """Number of the region's crop."""
    turn: np.ndarray
    mirrors: tuple[tuple[bool, np.uint64], ...]
    """Whether it is the mirror image, and which bits that turns."""


@cache
def forms_of(region: Region) -> list[Form]:
    """Return all changed forms that are asked for.

    The mirror image of a part in the middle has the same waves, some of them negative.
    """
    part = region.part
    order = _order(region)
    odd = (MIRROR_SIGNS[order] < 0).astype(np.uint8)
    bits = np.packbits(np.pad(odd, (0, 64 - len(odd))), bitorder="little").view("<u8")[0]
    is_central = abs(1 - part.left - part.width - part.left) < 1e-6
    forms = []
    for number, crop in enumerate(region.crops):
        turn = form(region, crop, False)
        if is_central:
            forms.append(Form(number, turn, ((False, np.uint64(0)), (True, bits))))
        else:
            forms.append(Form(number, turn, ((False, np.uint64(0)),)))
            forms.append(Form(number, form(region, crop, True), ((True, np.uint64(0)),)))
    return forms


def _order(region: Region) -> np.ndarray:
    part = region.part
    order = np.argsort(ROW_ORDERS / part.height + COLUMN_ORDERS / part.width, kind="stable")
    return order[: region.hash_bits]


@cache
def form(region: Region, crop: Crop, is_mirrored: bool) -> np.ndarray:
    """Return what turns waves into the values whose signs are the hash, slowest first.

    They are those of the region's part of the picture after it was cropped, then mirrored.
    """
    part = region.part
    # A part at the right of the mirror image is the mirror image of a part at the left.
    left = 1 - part.left - part.width if is_mirrored else part.left
    inner = Crop(
        crop.height * part.height,
        crop.width * part.width,
        crop.top + crop.height * part.top,
        crop.left + crop.width * left,
    )
    turn = crop_map(Crop(*(round(value, 4) for value in inner)))
    if is_mirrored:
        turn = turn * MIRROR_SIGNS
    return np.ascontiguousarray(turn[:, _order(region)])


def least_sure(values: np.ndarray, region: Region) -> np.ndarray:
    """Return bits to turn, uint64 (probes, N): those of the signs nearest to zero."""
    size = np.abs(values[:, : region.key_bits]).view(np.int32)
    size &= ~np.int32(31)
    size |= np.arange(region.key_bits, dtype=np.int32)
    least = np.partition(size, region.num_flipped, axis=1)[:, : region.num_flipped] & 31
    bits = np.uint64(1) << least.T.astype(np.uint64)
    turned = np.zeros((len(region.flips), len(values)), np.uint64)
    for probe, flips in enumerate(region.flips):
        for flip in flips:
            turned[probe] ^= bits[flip]
    return turned


def signs_of_looks(waves: np.ndarray, crop: Crop = WHOLE, is_mirrored: bool = False) -> np.ndarray:
    """Compare neighboring cells of blurred pictures, uint64 (M, 3)."""
    values = waves @ _look(crop, is_mirrored)
    part = values.shape[1] // 3
    return np.stack([signs(values[:, at * part : (at + 1) * part]) for at in range(3)], axis=1)


@cache
def _look(crop: Crop, is_mirrored: bool) -> np.ndarray:
    """Return what turns waves into the differences of neighboring cells of a blurred picture.

    Their signs compare pictures place by place, so that what covers a part changes that part only.
    """
    waves = cosines((np.arange(_LOOK_CELLS) + 0.5) / _LOOK_CELLS)
    cells = waves[ROW_ORDERS][:, :, None] * waves[COLUMN_ORDERS][:, None, :]
    cells *= np.exp(-(ROW_ORDERS**2 + COLUMN_ORDERS**2) / (2 * _LOOK_BLUR**2))[:, None, None]
    across = np.diff(cells, axis=2).reshape(len(cells), -1)
    down = np.diff(cells, axis=1).reshape(len(cells), -1)
    turned = MIRROR_SIGNS if is_mirrored else np.ones_like(MIRROR_SIGNS)
    look = (crop_map(crop) * turned) @ np.concatenate([across, down], axis=1)
    return np.ascontiguousarray(look, dtype=np.float32)


def tells(waves: np.ndarray) -> np.ndarray:
    """Say which pictures have contrast enough to tell anything."""
    return np.einsum("ij,ij->i", waves, waves) >= _MIN_LEVELS**2


def is_new(keys: np.ndarray, owners: np.ndarray) -> np.ndarray:
    """Say which moments differ from the one before them in their clip."""
    found = np.ones(len(keys), bool)
    found[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
    return found


def signs(values: np.ndarray) -> np.ndarray:
    """Pack signs, the first in the lowest bit."""
    packed = np.packbits(values > 0, axis=1, bitorder="little")
    if packed.shape[1] < 8:
        padded = np.zeros((len(values), 8), np.uint8)
        padded[:, : packed.shape[1]] = packed
        packed = padded
    return packed.view("<u8").ravel()
