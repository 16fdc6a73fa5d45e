"""What makes persons hard to see, and what is taken for one: dark, covers, dogs, patterns."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from hashtag2action.sources.studio.look import rng_for
from hashtag2action.sources.studio.paint import Painting, View
from hashtag2action.sources.studio.places import cloud_noise, finish, paint_place
from hashtag2action.sources.studio.props import Size

_FURS = ((164, 116, 66), (226, 214, 196), (58, 50, 46), (128, 122, 118), (196, 150, 96))


@dataclass(frozen=True)
class Trouble:
    """What is between a person and the camera."""

    is_dark: bool = False
    is_small: bool = False
    is_covered: bool = False

    @property
    def label(self) -> str:
        """Words for the truth file, joined by a plus sign; empty without trouble."""
        words = {"dark": self.is_dark, "small": self.is_small, "covered": self.is_covered}
        return "+".join(word for word, holds in words.items() if holds)


NO_TROUBLE = Trouble()


def darkened(key: str, frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """A room at night: little light, little contrast, much noise."""
    rng = rng_for(key, "dark")
    shares = np.arange(256) / 255
    curve = shares ** rng.uniform(1.5, 2.4) * rng.uniform(0.35, 0.6) * 255 + rng.uniform(2, 12)
    table = np.clip(curve, 0, 255).astype(np.uint8)
    noise = rng.uniform(2, 5)
    for frame in frames:
        dim = cv2.LUT(frame, table)
        grain = rng.normal(0, noise, (*frame.shape[:2], 1))
        yield np.clip(dim + grain, 0, 255).astype(np.uint8)


def covered(key: str, frames: Iterator[np.ndarray], size: Size) -> Iterator[np.ndarray]:
    """Something in the foreground: a counter over the lower half, or a wall at one side."""
    rng = rng_for(key, "cover")
    width, height = size
    tone = rng.uniform(40, 210, 3).astype(np.float32)
    board = tone * (1 + 0.08 * cloud_noise(rng, width, height, 6, 4, stretch=5)[..., None])
    board = np.clip(board, 0, 255).astype(np.uint8)
    way, share = rng.integers(3), rng.uniform(0.36, 0.46)
    rows = slice(int(height * (1 - share)), height) if way == 0 else slice(0, height)
    columns = slice(0, width)
    if way == 1:
        columns = slice(0, int(width * share))
    elif way == 2:
        columns = slice(int(width * (1 - share)), width)
    for frame in frames:
        frame[rows, columns] = board[rows, columns]
        yield frame


def pattern_frames(key: str, size: Size, num_frames: int) -> Iterator[np.ndarray]:
    """An abstract picture that drifts: blots, stripes, rings and rods, as loops and covers have."""
    rng = rng_for(key, "pattern")
    width, height = size
    wide, tall = int(width * 1.3), int(height * 1.15)
    low, high = rng.uniform(0, 150, 3), rng.uniform(90, 255, 3)
    field = cloud_noise(rng, wide, tall, int(rng.integers(2, 8)), 5)[..., None]
    share = np.clip(0.5 + 0.35 * field, 0, 1)
    if rng.uniform() < 0.4:
        share = (np.sin(share * rng.uniform(10, 40)) + 1) / 2
    picture = (low * (1 - share) + high * share).astype(np.float32)
    for _ in range(int(rng.integers(4, 16))):
        tone = [float(c) for c in rng.uniform(0, 255, 3)]
        middle = (int(rng.uniform(0, wide)), int(rng.uniform(0, tall)))
        length = int(rng.uniform(0.04, 0.3) * height)
        way = rng.integers(3)
        if way == 0:
            cv2.circle(picture, middle, length // 2, tone, -1, cv2.LINE_AA)
        elif way == 1:
            axes = (max(length // 6, 2), length)
            cv2.ellipse(picture, middle, axes, rng.uniform(0, 180), 0, 360, tone, -1, cv2.LINE_AA)
        else:
            cv2.circle(picture, middle, length // 2, tone, max(length // 8, 2), cv2.LINE_AA)
    picture = finish(rng, picture)
    for index in range(num_frames):
        along = (1 + np.sin(index / rng_for(key, "speed").uniform(20, 60))) / 2
        left, top = int(along * (wide - width)), int(along * (tall - height))
        yield picture[top : top + height, left : left + width].copy()


def dog_frames(
    key: str, pool: str, place: int, size: Size, num_frames: int
) -> Iterator[np.ndarray]:
    """A dog that trots on the spot or stands and wags, seen from the side or half from ahead."""
    rng = rng_for(key, "dog")
    width, height = size
    scale = min(width * rng.uniform(0.3, 0.75), height * 0.6)
    ground = height * rng.uniform(0.62, 0.9)
    view = View(
        scale, width * rng.uniform(0.35, 0.65), ground, yaw=rng.uniform(-0.9, 0.9),
        distance=4.0, eye_height=0.8, ambience=tuple(rng.uniform(0.8, 1.05, 3)),
    )  # fmt: skip
    background = paint_place(
        rng_for(pool, "place", place), width, height, ground - scale * 0.2, ground - scale * 0.8
    )
    phase = np.arange(num_frames) / 25 * 2 * np.pi * rng.uniform(0.8, 2.2)
    dog = _dog(rng, view, phase)
    for index in range(num_frames):
        frame = background.copy()
        dog.paint(frame, index, np.zeros(2))
        yield frame


def _dog(rng: np.random.Generator, view: View, phase: np.ndarray) -> Painting:
    fur = np.array(_FURS[rng.integers(len(_FURS))], float) * rng.uniform(0.8, 1.15)
    facing = rng.choice([-1.0, 1.0])
    dog = Painting(view)

    def at(x: float, y: np.ndarray | float, z: float) -> np.ndarray:
        parts = np.broadcast_arrays(
            facing * x + 0 * phase, np.asarray(y) + 0 * phase, z + 0 * phase
        )
        return np.stack(parts, axis=-1)

    bob = 0.012 * np.sin(2 * phase)
    stride = rng.choice([0.0, 0.12])
    for number, (x, z) in enumerate(((-0.33, -0.08), (-0.33, 0.08), (0.3, -0.08), (0.3, 0.08))):
        swing = stride * np.sin(phase + np.pi * (number in {0, 3}))
        foot = at(x, 0.02 + 0.3 * np.abs(swing), z) + np.stack([swing, 0 * swing, 0 * swing], -1)
        leg = dog.unit(0 * phase + z)
        dog.capsule(leg, at(x, 0.42 + bob, z), foot, (0.075, 0.035), fur * (0.85 + 0.6 * z))
    trunk = dog.unit(0 * phase + 0.0)
    dog.capsule(trunk, at(-0.34, 0.5 + bob, 0), at(0.32, 0.52 + bob, 0), (0.125, 0.15), fur)
    tail = dog.unit(0 * phase - 0.02)
    tip = at(-0.62, 0.72 + 0.08 * np.sin(3 * phase), 0.0)
    dog.capsule(tail, at(-0.42, 0.56 + bob, 0), tip, (0.04, 0.02), fur)
    head = dog.unit(0 * phase + 0.1)
    nod = bob + 0.03 * np.sin(0.7 * phase)
    dog.capsule(head, at(0.36, 0.58 + bob, 0), at(0.5, 0.8 + nod, 0), (0.1, 0.085), fur)
    dog.capsule(head, at(0.5, 0.84 + nod, 0), at(0.58, 0.82 + nod, 0), (0.11, 0.09), fur, 1)
    dog.capsule(head, at(0.6, 0.8 + nod, 0), at(0.74, 0.77 + nod, 0), (0.06, 0.042), fur * 0.9, 1)
    dog.capsule(
        head, at(0.77, 0.785 + nod, 0), at(0.78, 0.785 + nod, 0), (0.024, 0.024), fur * 0, 2
    )
    for z in (-0.07, 0.07):
        dog.capsule(
            head, at(0.48, 0.92 + nod, z), at(0.45, 0.8 + nod, z * 1.6), (0.04, 0.03), fur * 0.6, 2
        )
    return dog.finish()
