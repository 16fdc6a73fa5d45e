"""One camera take of the rendered world: who is in it, where, and its frames."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from hashtag2action.sources.studio.body import Joints, Style
from hashtag2action.sources.studio.figure import paint_person
from hashtag2action.sources.studio.hard import (
    NO_TROUBLE,
    Trouble,
    covered,
    darkened,
    dog_frames,
    pattern_frames,
)
from hashtag2action.sources.studio.look import body_of, look_of, rng_for
from hashtag2action.sources.studio.motion import UPPER_BODY_ACTIONS, move
from hashtag2action.sources.studio.paint import Painting, View
from hashtag2action.sources.studio.places import paint_place
from hashtag2action.sources.studio.props import Size, hands_frames, still_frames, title_frames

FRAME_RATE = 25

# Repetitions per second, slowest and fastest, of each action (chosen near what people do).
_TEMPO = {
    "talking": (0.4, 0.9),
    "jumpingjacks": (0.7, 1.2),
    "squats": (0.35, 0.7),
    "waving": (0.8, 1.7),
    "walking": (0.7, 1.1),
    "clapping": (0.9, 2.0),
    "pushups": (0.4, 0.8),
    "lunges": (0.3, 0.55),
    "armcircles": (0.5, 1.1),
    "boxing": (0.8, 1.6),
    "highknees": (0.9, 1.6),
}

# Range of turns away from the camera, radians: actions along the view are seen from the side.
_YAW = {"pushups": (0.6, 1.15), "lunges": (0.4, 1.1), "walking": (0.0, 1.05), "squats": (0.0, 1.0),
        "highknees": (0.0, 0.9)}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """What a take shows; the same scene always gives the same frames.

    `kind` is `person`, `landscape`, `product`, `title`, `hands`, `dog` or `pattern`;
    `key` seeds everything that is not said here; people, outfits and places are numbers within a
    pool.
    """

    key: str
    kind: str
    num_frames: int
    pool: str = "posts"
    action: str = "talking"
    person: int = 0
    outfit: int = 0
    place: int = 0
    trouble: Trouble = NO_TROUBLE
    bars: str = ""
    """Empty, or `blurred` or `black`: the picture is smaller than the frame and has bars."""

    @property
    def who(self) -> str:
        """What a person detector should say: `person`, `hands` or `nobody`."""
        return self.kind if self.kind in {"person", "hands"} else "nobody"


def scene_frames(scene: Scene, size: Size) -> Iterator[np.ndarray]:
    """Render the frames of a scene, uint8 (height, width, 3) RGB, of the given (width, height)."""
    if not scene.bars:
        yield from _inner_frames(scene, size)
        return
    rng = rng_for(scene.key, "bars")
    width, height = size
    inner = (width, int(height * rng.uniform(0.5, 0.75)) // 2 * 2)
    if rng.uniform() < 0.3:
        inner = (int(width * rng.uniform(0.75, 0.88)) // 2 * 2, height)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    for frame in _inner_frames(scene, inner):
        if scene.bars == "blurred":
            tiny = cv2.GaussianBlur(cv2.resize(frame, (24, 42)), (0, 0), 2)
            canvas = cv2.resize(tiny, size, interpolation=cv2.INTER_LINEAR)
        else:
            canvas = np.zeros((height, width, 3), np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = frame
        yield canvas


def _inner_frames(scene: Scene, size: Size) -> Iterator[np.ndarray]:
    if scene.kind == "title":
        yield from title_frames(scene.key, size, scene.num_frames)
        return
    if scene.kind == "hands":
        frames = hands_frames(scene.key, scene.pool, scene.person, size, scene.num_frames)
    elif scene.kind == "person":
        frames = _person_frames(scene, size)
    elif scene.kind == "dog":
        frames = dog_frames(scene.key, scene.pool, scene.place, size, scene.num_frames)
    elif scene.kind == "pattern":
        frames = pattern_frames(scene.key, size, scene.num_frames)
    else:
        frames = still_frames(scene.key, scene.kind, size, scene.num_frames)
    if scene.trouble.is_covered:
        frames = covered(scene.key, frames, size)
    if scene.trouble.is_dark:
        frames = darkened(scene.key, frames)
    rng = rng_for(scene.key, "sensor")
    width, height = size
    # Sensor noise: one tile, moved about, is as good as fresh noise and costs nothing.
    tile = np.clip(rng.normal(5, rng.uniform(1.2, 2.6), (height + 32, width + 32, 1)), 0, 20)
    tile = np.repeat(tile.astype(np.uint8), 3, axis=2)
    for frame in frames:
        dy, dx = rng.integers(32, size=2)
        soft = cv2.GaussianBlur(frame, (3, 3), 0.6)
        yield cv2.add(soft, np.ascontiguousarray(tile[dy : dy + height, dx : dx + width]))


def _person_frames(scene: Scene, size: Size) -> Iterator[np.ndarray]:
    rng = rng_for(scene.key, "person")
    width, height = size
    drift = _drift(rng, scene.num_frames, width)
    margin = int(np.ceil(np.abs(drift).max())) + 2
    painting, view, travel = _perform(scene, rng, size)
    floor = view.ground_y_px - view.scale_px * rng.uniform(0.12, 0.3)
    horizon = view.ground_y_px - view.scale_px * view.eye_height
    place = paint_place(
        rng_for(scene.pool, "place", scene.place), width + 2 * margin, height + 2 * margin,
        floor + margin, horizon + margin,
    )  # fmt: skip
    still = not drift.any()
    middle = np.array([width, height]) / 2 - 0.5 + margin
    for index in range(scene.num_frames):
        if still:
            frame = place[margin : margin + height, margin : margin + width].copy()
        else:
            center = middle - drift[index]
            frame = cv2.getRectSubPix(place, size, (float(center[0]), float(center[1])))
        offset = drift[index] + travel[index]
        painting.paint_shadow(frame, index, offset)
        painting.paint(frame, index, offset)
        yield frame


def _perform(
    scene: Scene, rng: np.random.Generator, size: Size
) -> tuple[Painting, View, np.ndarray]:
    width, height = size
    time_s = np.arange(scene.num_frames) / FRAME_RATE
    tempo = rng.uniform(*_TEMPO[scene.action])
    # Nobody keeps time exactly: the tempo breathes a little.
    breath = 0.25 * np.sin(time_s * rng.uniform(0.6, 1.4) + rng.uniform(0, 6))
    phase = 2 * np.pi * (tempo * time_s + rng.uniform()) + breath
    body = body_of(scene.pool, scene.person)
    style = Style(tuple(float(v) for v in rng.uniform(size=8)))
    joints = move(scene.action, body, phase, style)
    low, high = _YAW.get(scene.action, (0.0, 0.5))
    yaw = rng.uniform(low, high) * rng.choice([-1, 1])
    near = scene.action in {*UPPER_BODY_ACTIONS, "talking"} and rng.uniform() < 0.2
    if scene.action == "pushups":
        scale, ground = width * rng.uniform(0.84, 1.0), height * rng.uniform(0.68, 0.86)
    elif near:
        scale = min(height * rng.uniform(0.86, 1.1), width * 1.9)
        ground = height * rng.uniform(0.08, 0.16) + scale
    else:
        scale = min(height * rng.uniform(0.55, 0.76), width * 1.3)
        ground = min(height * rng.uniform(0.86, 0.95), scale * 1.2 + height * 0.2)
    if scene.trouble.is_small:
        share = rng_for(scene.key, "far").uniform(0.28, 0.5)
        scale, ground = scale * share, height * (0.6 + 0.3 * share)
    view = View(
        scale, 0.0, ground, yaw, distance=rng.uniform(3.2, 6.0), eye_height=rng.uniform(0.45, 0.9),
        light=_light(rng), ambience=tuple(rng.uniform(0.82, 1.02) * rng.uniform(0.95, 1.04, 3)),
    )  # fmt: skip
    view = replace(view, center_x_px=width * rng.uniform(0.44, 0.56) - _middle(joints, view))
    travel = np.zeros((scene.num_frames, 2))
    if scene.action == "walking" and abs(yaw) > 0.6 and not near:
        path = rng.uniform(0.1, 0.22) * width * np.sign(yaw)
        travel[:, 0] = np.linspace(-path, path, scene.num_frames)
    return (
        paint_person(joints, body, look_of(scene.pool, scene.person, scene.outfit), view),
        view,
        travel,
    )


def _middle(joints: Joints, view: View) -> float:
    cos, sin = np.cos(view.yaw), np.sin(view.yaw)
    points = np.concatenate(
        [joints.ankles, joints.shoulders, joints.hips, joints.head[:, None]], axis=1
    )
    across = (points[..., 0] * cos + points[..., 2] * sin) * view.scale_px
    return float((across.min() + across.max()) / 2)


def _light(rng: np.random.Generator) -> tuple[float, float]:
    angle = rng.uniform(0.2, np.pi - 0.2)
    return float(np.cos(angle)), float(-np.sin(angle))


def _drift(rng: np.random.Generator, num_frames: int, width: int) -> np.ndarray:
    """Camera movement in pixels (frames, 2): a tripod, a hand, or a slow pan."""
    drift = np.zeros((num_frames, 2))
    way = rng.integers(3)
    if way == 0:
        return drift
    time_s = np.arange(num_frames)[:, None] / FRAME_RATE
    for strength, low, high in ((0.012, 0.2, 0.6), (0.004, 0.8, 2.0), (0.0015, 3.0, 6.0)):
        speed, start = rng.uniform(low, high, (1, 2)), rng.uniform(0, 6.3, (1, 2))
        drift += (
            width * strength * rng.uniform(0.4, 1.0) * np.sin(2 * np.pi * speed * time_s + start)
        )
    if way == 2:
        drift[:, 0] += np.linspace(-0.5, 0.5, num_frames) * width * rng.uniform(-0.12, 0.12)
    return drift
