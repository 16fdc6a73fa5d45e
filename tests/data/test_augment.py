"""Operations against Pillow, which defines them and is written by others."""

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from hashtag2action.data import picture_ops as ops
from hashtag2action.data.augment import (
    OPERATIONS,
    ErasedBox,
    RandAugment,
    RandomErasing,
)
from hashtag2action.data.transforms import RandomResizedCrop

GRAY = (128, 128, 128)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """Smooth blobs of color, no two channels alike, the darkest and lightest levels left out."""
    noise = np.random.default_rng(3).uniform(0, 255, (60, 90, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    low, high = smooth.min(axis=(0, 1)), smooth.max(axis=(0, 1))
    levels = (smooth - low) / (high - low) * [180, 200, 220] + [30, 20, 10]
    return levels.astype(np.uint8)


def affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(
        image.size,
        Image.Transform.AFFINE,
        matrix,
        resample=Image.Resampling.BICUBIC,
        fillcolor=GRAY,
    )


EXACT: list[tuple[Callable, Callable]] = [
    (ops.auto_contrast, ImageOps.autocontrast),
    (ops.equalize, ImageOps.equalize),
    (ops.invert, ImageOps.invert),
    *(
        (lambda p, n=n: ops.posterize(p, n), lambda i, n=n: ImageOps.posterize(i, n))
        for n in (1, 2, 4)
    ),
    *(
        (lambda p, t=t: ops.solarize(p, t), lambda i, t=t: ImageOps.solarize(i, t))
        for t in (0, 77, 256)
    ),
    (
        lambda p: ops.solarize_add(p, 70),
        lambda i: i.point([min(255, v + 70) if v < 128 else v for v in range(256)] * 3),
    ),
]
BLENDS: list[tuple[Callable, Callable]] = [
    (own, lambda image, theirs=theirs: theirs(image).enhance)
    for own, theirs in (
        (ops.color, ImageEnhance.Color),
        (ops.contrast, ImageEnhance.Contrast),
        (ops.brightness, ImageEnhance.Brightness),
        (ops.sharpness, ImageEnhance.Sharpness),
    )
]
WARPS: list[tuple[Callable, Callable]] = [
    (lambda p: ops.shear_x(p, 0.21), lambda i: affine(i, (1, 0.21, 0, 0, 1, 0))),
    (lambda p: ops.shear_y(p, -0.21), lambda i: affine(i, (1, 0, 0, -0.21, 1, 0))),
    (lambda p: ops.translate_x(p, 0.31), lambda i: affine(i, (1, 0, 0.31 * 90, 0, 1, 0))),
    (lambda p: ops.translate_y(p, -0.31), lambda i: affine(i, (1, 0, 0, 0, 1, -0.31 * 60))),
    *(
        (
            lambda p, d=d: ops.rotate(p, d),
            lambda i, d=d: i.rotate(d, resample=Image.Resampling.BICUBIC, fillcolor=GRAY),
        )
        for d in (21, -30)
    ),
]


@pytest.mark.parametrize(("own", "theirs"), EXACT)
def test_tables_are_equal_to_the_last_level(own: Callable, theirs: Callable, picture) -> None:
    assert np.array_equal(own(picture), np.asarray(theirs(Image.fromarray(picture))))


@pytest.mark.parametrize(("own", "theirs"), BLENDS)
@pytest.mark.parametrize("factor", [0.1, 0.4, 1.0, 1.6, 1.9])
def test_blends_are_equal_to_rounding(own, theirs, factor: float, picture) -> None:
    wanted = np.asarray(theirs(Image.fromarray(picture))(factor)).astype(int)
    # Pillow cuts fractions off, and rounds the smoothed picture before it is blended.
    assert np.abs(own(picture, factor).astype(int) - wanted).max() <= 2
    assert np.abs(own(picture, factor).astype(int) - wanted).mean() < 0.6


@pytest.mark.parametrize(("own", "theirs"), WARPS)
def test_warps_are_equal_but_for_the_kernel_of_interpolation(own, theirs, picture) -> None:
    wanted = np.asarray(theirs(Image.fromarray(picture))).astype(int)
    found = own(picture).astype(int)
    # Two bicubic kernels (a = -0.75 and -0.5) differ at the border to gray, and little inside.
    inside = (wanted != 128).any(axis=2) & (found != 128).any(axis=2)
    framed = np.pad(inside.astype(np.uint8), 1)
    core = cv2.erode(framed, np.ones((7, 7)))[1:-1, 1:-1].astype(bool)
    assert core.sum() > 0.4 * inside.size
    assert np.abs(found - wanted)[core].max() <= 3
    assert ((wanted == 128).all(axis=2) ^ (found == 128).all(axis=2)).mean() < 0.04
    # A shift of one pixel would show: neighbors differ by more than the bound.
    assert (
        np.abs(np.roll(found, 1, axis=1) - wanted)[core].mean()
        > 3 * np.abs(found - wanted)[core].mean()
    )


def test_sharp_border_is_kept_as_pillow_keeps_it(picture) -> None:
    smooth = np.asarray(Image.fromarray(picture).filter(ImageFilter.SMOOTH))
    assert np.array_equal(smooth[0], picture[0])
    assert np.array_equal(ops.sharpness(picture, 0.0)[0], picture[0])


def test_strength_is_that_of_the_increasing_set() -> None:
    """Level 7 of 10, by the definitions of the source, in the order of the operations."""
    given = [operation(0.7, -1) for operation in OPERATIONS]
    found = [next(iter(getattr(change, "keywords", {}).values()), None) for change in given]
    wanted = [None, None, None, -21, 2, 77, 77, 0.37, 0.37, 0.37, 0.37]
    wanted += [-0.21, -0.21, -0.315, -0.315]
    assert len(found) == 15
    assert [value is None for value in found] == [value is None for value in wanted]
    pairs = [(a, b) for a, b in zip(found, wanted, strict=True) if b is not None]
    assert all(a == pytest.approx(b) for a, b in pairs)


def test_half_of_four_operations_happen_and_all_kinds_come() -> None:
    rng = np.random.default_rng(0)
    drawn = [RandAugment().draw(rng) for _ in range(3000)]
    assert np.mean([len(changes) for changes in drawn]) == pytest.approx(2, abs=0.1)
    kinds = {getattr(change, "func", change) for changes in drawn for change in changes}
    assert len(kinds) == 15
    degrees = [
        abs(change.keywords["degrees"])
        for changes in drawn
        for change in changes
        if isinstance(change, partial) and change.func is ops.rotate
    ]
    assert np.mean(degrees) == pytest.approx(21, abs=0.5)
    assert np.std(degrees) == pytest.approx(1.5, abs=0.3)


def test_all_pictures_of_a_clip_are_changed_alike(picture) -> None:
    frames = np.stack([picture] * 3)
    augment = RandomResizedCrop(rand_augment=RandAugment())
    for seed in range(12):
        out = augment(frames, 32, np.random.default_rng(seed))
        assert np.array_equal(out[0], out[1])
        assert np.array_equal(out[0], out[2])


def test_quarter_of_clips_has_a_box_of_noise_at_one_place(picture) -> None:
    frames = np.stack([np.zeros_like(picture)] * 2)
    augment = RandomResizedCrop(erasing=RandomErasing())
    outs = [augment(frames, 32, np.random.default_rng(seed)) for seed in range(400)]
    erased = [out for out in outs if out.any()]
    assert len(erased) / len(outs) == pytest.approx(0.25, abs=0.06)
    for out in erased:
        first, second = (frame.any(axis=2) for frame in out)
        rows, columns = np.flatnonzero(first.any(axis=1)), np.flatnonzero(first.any(axis=0))
        box = np.ix_(rows, columns)
        assert first.sum() == second.sum() == first[box].size
        assert (first == second).all()
        assert not np.array_equal(out[0], out[1])
        assert 0.01 <= first.mean() <= 0.37


def test_noise_has_the_mean_and_spread_of_natural_pixels() -> None:
    out = np.zeros((200, 200, 3), np.uint8)
    ErasedBox(0, 0, 200, 200).fill(out, np.random.default_rng(0))
    # Levels end at 0 and 255, two spreads away, so a little is cut.
    assert out.mean(axis=(0, 1)) == pytest.approx([123.7, 116.3, 103.5], abs=1.5)
    assert out.std(axis=(0, 1)) == pytest.approx([58.4, 57.1, 57.4], abs=3.5)


@pytest.mark.parametrize("size", [256, 288, 320])
def test_bilinear_is_near_pillows_where_little_is_lost(size: int) -> None:
    """The official code resizes with Pillow's antialiased filter: a level apart in the mean."""
    noise = np.random.default_rng(0).uniform(0, 255, (size, size, 3)).astype(np.float32)
    natural = cv2.GaussianBlur(noise, (0, 0), 1.5)
    natural = cv2.normalize(natural, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore
    theirs = np.asarray(Image.fromarray(natural).resize((224, 224), Image.Resampling.BILINEAR))
    linear = cv2.resize(natural, (224, 224), interpolation=cv2.INTER_LINEAR).astype(int)
    assert np.abs(linear - theirs).mean() < 1.5
    assert np.abs(np.roll(linear, 1, axis=1) - theirs).mean() > 10
