"""Whether augmentations are what they are called: against Pillow, and against direct sampling."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from benchmarks.figures import Figure
from hashtag2action.data import picture_ops as ops
from hashtag2action.data.augment import RandomErasing
from hashtag2action.data.mixing import Mixing
from hashtag2action.data.transforms import multi_scale_box, random_resized_box
from hashtag2action.video.decode import decode_at

NUM_DRAWS = 20_000
MAX_LAW_DISTANCE = 0.02
"""Largest distance of two cumulated shares; by chance 0.014 in 99 of 100 such pairs."""
NUM_PICTURES = 8
GRAY = (128, 128, 128)

Pair = tuple[Callable[[np.ndarray], np.ndarray], Callable[[Image.Image], Image.Image]]


def measure(shared: Path, out: Path) -> list[Figure]:
    """Compare operations on real frames, and laws of what is drawn."""
    del out
    pictures = _pictures(shared)
    tables = max(_apart(pair, picture)[0] for pair in _tables() for picture in pictures)
    blends = max(_apart(pair, picture)[0] for pair in _blends() for picture in pictures)
    warps = [_apart(pair, picture)[1] for pair in _warps() for picture in pictures]
    law, bar = _laws(), f"<= {MAX_LAW_DISTANCE:g}"
    return [
        _figure("6 operations by tables against Pillow, levels", tables, 0),
        _figure("4 blends against Pillow, levels", blends, 2),
        _figure("5 warps against Pillow, levels in the mean, inside", max(warps), 2),
        *(
            Figure(f"law of {name}, distance", f"{apart:.4f}", bar, apart <= MAX_LAW_DISTANCE)
            for name, apart in law.items()
        ),
        _multi_scale(),
    ]


def _figure(name: str, value: float, most: float) -> Figure:
    return Figure(name, f"{value:.3g}", f"<= {most:g}", value <= most)


def _pictures(shared: Path) -> list[np.ndarray]:
    folder = shared / "data" / "ucf101_3"
    if not folder.exists():
        raise SystemExit(f"{folder}: not here; give the folder of real data with --shared")
    videos = sorted(folder.rglob("*.mp4"))
    return [decode_at(path, [1.0])[0] for path in videos[:: len(videos) // NUM_PICTURES]]


def _apart(pair: Pair, picture: np.ndarray) -> tuple[float, float]:
    """Return largest and mean difference; where either shows what is outside does not count."""
    own = pair[0](picture).astype(int)
    theirs = np.asarray(pair[1](Image.fromarray(picture))).astype(int)
    outside = ((own == GRAY[0]).all(axis=2) | (theirs == GRAY[0]).all(axis=2)).astype(np.uint8)
    inside = cv2.dilate(np.pad(outside, 1, constant_values=1), np.ones((7, 7)))[1:-1, 1:-1] == 0
    differences = np.abs(own - theirs)
    return float(differences.max()), float(differences[inside].mean())


def _tables() -> list[Pair]:
    lighter = [min(255, level + 70) if level < 128 else level for level in range(256)]
    return [
        (ops.auto_contrast, ImageOps.autocontrast),
        (ops.equalize, ImageOps.equalize),
        (ops.invert, ImageOps.invert),
        *(
            (partial(ops.posterize, num_bits=bits), partial(ImageOps.posterize, bits=bits))
            for bits in (1, 2, 4)
        ),
        *(
            (partial(ops.solarize, threshold=at), partial(ImageOps.solarize, threshold=at))
            for at in (77, 200)
        ),
        (partial(ops.solarize_add, amount=70), lambda image: image.point(lighter * 3)),
    ]


def _blends() -> list[Pair]:
    kinds = (
        (ops.color, ImageEnhance.Color),
        (ops.contrast, ImageEnhance.Contrast),
        (ops.brightness, ImageEnhance.Brightness),
        (ops.sharpness, ImageEnhance.Sharpness),
    )
    return [
        (partial(own, factor=factor), lambda image, kind=kind, by=factor: kind(image).enhance(by))
        for own, kind in kinds
        for factor in (0.1, 0.37, 1.63, 1.9)
    ]


def _warps() -> list[Pair]:
    def affine(image: Image.Image, matrix: Callable[[int, int], tuple[float, ...]]) -> Image.Image:
        return image.transform(
            image.size,
            Image.Transform.AFFINE,
            matrix(*image.size),
            resample=Image.Resampling.BICUBIC,
            fillcolor=GRAY,
        )

    turned = partial(
        Image.Image.rotate, angle=21, resample=Image.Resampling.BICUBIC, fillcolor=GRAY
    )
    return [
        (partial(ops.rotate, degrees=21), turned),
        (partial(ops.shear_x, amount=0.21), partial(affine, matrix=_shear_x)),
        (partial(ops.shear_y, amount=0.21), partial(affine, matrix=_shear_y)),
        (partial(ops.translate_x, fraction=0.3), partial(affine, matrix=_right)),
        (partial(ops.translate_y, fraction=0.3), partial(affine, matrix=_down)),
    ]


def _shear_x(width: int, height: int) -> tuple[float, ...]:
    return (1, 0.21, 0, 0, 1, 0)


def _shear_y(width: int, height: int) -> tuple[float, ...]:
    return (1, 0, 0, 0.21, 1, 0)


def _right(width: int, height: int) -> tuple[float, ...]:
    return (1, 0, 0.3 * width, 0, 1, 0)


def _down(width: int, height: int) -> tuple[float, ...]:
    return (1, 0, 0, 0, 1, 0.3 * height)


def _laws() -> dict[str, float]:
    """Compare what is drawn with a sample of the law itself: of all draws, those that fit."""
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    height, width, size = 4540, 2560, 2240
    boxes = [random_resized_box(height, width, 0.08, 4 / 3, rng) for _ in range(NUM_DRAWS)]
    areas = np.array([box.height * box.width / (height * width) for box in boxes])
    ratios = np.array([np.log(box.width / box.height) for box in boxes])
    area = other.uniform(0.08, 1, 4 * NUM_DRAWS)
    ratio = other.uniform(np.log(3 / 4), np.log(4 / 3), 4 * NUM_DRAWS)
    fits = (area * height * width * np.exp(ratio) <= width**2) & (
        area * height * width / np.exp(ratio) <= height**2
    )
    erasing = RandomErasing(probability=1.0)
    drawn = [box for _ in range(NUM_DRAWS) if (box := erasing.draw(size, rng)) is not None]
    erased = np.array([box.height * box.width / size**2 for box in drawn])
    shares = other.uniform(0.02, 1 / 3, 4 * NUM_DRAWS)
    limits = other.uniform(np.log(0.3), np.log(1 / 0.3), 4 * NUM_DRAWS)
    whole = (shares * np.exp(limits) < 1) & (shares / np.exp(limits) < 1)
    kept = [Mixing(cutmix_alpha=0).draw(9, 9, rng).kept for _ in range(NUM_DRAWS)]
    return {
        "random crops, area": _distance(areas, area[fits]),
        "random crops, shape": _distance(ratios, ratio[fits]),
        "erased boxes, area": _distance(erased, shares[whole]),
        "mixup shares": _distance(np.array(kept), other.beta(0.8, 0.8, 4 * NUM_DRAWS)),
    }


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Largest distance of cumulated shares (Kolmogorov and Smirnov)."""
    places = np.sort(np.concatenate([one, other]))
    shares = [
        np.searchsorted(np.sort(part), places, side="right") / len(part) for part in (one, other)
    ]
    return float(np.abs(shares[0] - shares[1]).max())


def _multi_scale() -> Figure:
    rng = np.random.default_rng(0)
    boxes = [multi_scale_box(256, 256, rng) for _ in range(NUM_DRAWS)]
    shapes = {(box.height, box.width) for box in boxes}
    places = {(box.top, box.left) for box in boxes if (box.height, box.width) == (168, 168)}
    wanted = {(h, w) for h, w in np.ndindex(4, 4) if abs(h - w) <= 1}
    is_ok = len(shapes) == len(wanted) and len(places) == 13
    name = "multi-scale crops: shapes and places"
    return Figure(name, f"{len(shapes)} and {len(places)}", "10 and 13", is_ok)
