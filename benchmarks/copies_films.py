"""Originals of the rendered world, other takes of them, and what re-uploads do to a video file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np

from hashtag2action.sources.studio.look import rng_for
from hashtag2action.sources.studio.motion import ACTIONS
from hashtag2action.sources.studio.posts import NUM_OUTFITS, NUM_PEOPLE, NUM_PLACES
from hashtag2action.sources.studio.props import CAPTIONS, draw_text
from hashtag2action.sources.studio.scene import FRAME_RATE, Scene, scene_frames
from hashtag2action.video.encode import write_video

SIZE = (180, 320)
Frames = Iterator[np.ndarray]
Change = Callable[[Path, np.random.Generator], tuple[Frames, int]]
"""From a file and chance to the frames of its copy and their crf."""


@dataclass(frozen=True)
class Film:
    """One file, and the original it shows; its own name if it is one."""

    name: str
    path: Path
    original: str

    @property
    def family(self) -> str:
        """Number that films of one person at one place share."""
        return self.original[-3:]


def originals(seed: int, number: int, folder: Path) -> list[Film]:
    """Render a clip of one scene, and what is easily taken for a copy of it.

    The same person at the same place does the same in another take (`take`), or does something
    else (`other`). Takes that go on are not rendered: who moves here repeats himself exactly.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = rng_for(seed, "copies", number)
    action = ACTIONS[number % len(ACTIONS)]
    scene = Scene(
        key=f"{seed}-copies-{number}",
        kind="person",
        num_frames=int(rng.integers(110, 180)),
        action=action,
        person=int(rng.integers(NUM_PEOPLE)),
        outfit=int(rng.integers(NUM_OUTFITS)),
        place=int(rng.integers(NUM_PLACES)),
    )
    another = ACTIONS[(number + int(rng.integers(1, len(ACTIONS)))) % len(ACTIONS)]
    scenes = {
        "original": scene,
        "take": replace(scene, key=f"{scene.key}-take"),
        "other": replace(scene, key=f"{scene.key}-other", action=another),
    }
    films = [_film(kind, number, folder) for kind in scenes]
    for one, shown in zip(films, scenes.values(), strict=True):
        if not one.path.exists():
            _write(one.path, scene_frames(shown, SIZE), 24)
    return films


def _film(kind: str, number: int, folder: Path) -> Film:
    name = f"{kind}{number:03d}"
    return Film(name, folder / f"{name}.mp4", name)


def _write(path: Path, frames: Frames, crf: int) -> None:
    """Write a file beside its place and rename it."""
    beside = path.with_suffix(".part.mp4")
    write_video(beside, frames, FRAME_RATE, crf=crf, preset="ultrafast")
    beside.replace(path)


def changed(one: Film, how: str, seed: int, folder: Path) -> Film:
    """Make a changed copy of a film's file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{one.name}-{how}.mp4"
    if not path.exists():
        frames, crf = CHANGES[how](one.path, rng_for(seed, one.name, how))
        _write(path, frames, crf)
    return Film(path.stem, path, one.original)


def _frames(path: Path) -> Frames:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def _each(change: Callable[[np.ndarray], np.ndarray], crf: int = 28) -> Change:
    return lambda path, rng: ((change(frame) for frame in _frames(path)), crf)


def _scaled(frame: np.ndarray) -> np.ndarray:
    return cv2.resize(frame, (SIZE[0] // 2 // 2 * 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA)


def _cropped(path: Path, rng: np.random.Generator) -> tuple[Frames, int]:
    """Cut off down to 85 % of each side, anywhere, and bring it to the old size."""
    frames = list(_frames(path))
    size = frames[0].shape[1], frames[0].shape[0]
    width, height = round(size[0] * 0.85), round(size[1] * 0.85)
    left = int(rng.integers(size[0] - width + 1))
    top = int(rng.integers(size[1] - height + 1))
    rows, columns = slice(top, top + height), slice(left, left + width)
    return (cv2.resize(frame[rows, columns], size) for frame in frames), 28


def _captioned(path: Path, rng: np.random.Generator) -> tuple[Frames, int]:
    """Write one to three lines, boxed or not, anywhere."""
    lines = [str(line) for line in rng.choice(CAPTIONS, rng.integers(1, 4), replace=False)]
    top = rng.uniform(0.1, 0.8) * SIZE[1]
    size_px = round(rng.uniform(0.067, 0.1) * SIZE[0])
    box = (24, 24, 24) if rng.uniform() < 0.5 else None
    return (_written(frame, lines, top, size_px, box) for frame in _frames(path)), 28


def _written(
    frame: np.ndarray, lines: list[str], top: float, size_px: int, box: tuple[int, int, int] | None
) -> np.ndarray:
    for number, line in enumerate(lines):
        middle = (SIZE[0] / 2, top + number * size_px * 1.8)
        draw_text(frame, line, middle, size_px, box=box)
    return frame


def _stickered(path: Path, rng: np.random.Generator) -> tuple[Frames, int]:
    """Cover a fifth of the picture: an ellipse or a banner of one color, anywhere inside."""
    color = tuple(float(level) for level in rng.integers(0, 256, 3))
    aspect = rng.uniform(0.5, 2.0)
    is_round = rng.uniform() < 0.5
    area = 0.2 * SIZE[0] * SIZE[1] / (np.pi if is_round else 4)
    half = np.array([np.sqrt(area * aspect), np.sqrt(area / aspect)])
    half = np.minimum(half, np.array(SIZE) / 2 - 1)
    middle = rng.uniform(half, np.array(SIZE) - half)
    canvas = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    if is_round:
        cv2.ellipse(
            canvas, middle.astype(int).tolist(), half.astype(int).tolist(), 0, 0, 360, 1, -1
        )
    else:
        corners = (middle - half).astype(int).tolist(), (middle + half).astype(int).tolist()
        cv2.rectangle(canvas, *corners, 1, -1)
    mask = canvas.astype(bool)

    def cover(frame: np.ndarray) -> np.ndarray:
        frame[mask] = color
        return frame

    return (cover(frame) for frame in _frames(path)), 28


def _relit(path: Path, rng: np.random.Generator) -> tuple[Frames, int]:
    """Change gain, offset and gamma as filters of apps do."""
    is_dark = rng.uniform() < 0.5
    gain, offset = (rng.uniform(0.6, 0.8), 0) if is_dark else (rng.uniform(1.1, 1.3), 15)
    gamma = rng.uniform(0.75, 1.3)
    levels = 255 * (np.arange(256) / 255) ** gamma * gain + offset
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return (cv2.LUT(frame, table) for frame in _frames(path)), 28


def _paced(speed: float) -> Change:
    def change(path: Path, _rng: np.random.Generator) -> tuple[Frames, int]:
        return _resampled(list(_frames(path)), speed), 28

    return change


def _resampled(frames: list[np.ndarray], speed: float) -> Frames:
    for index in range(int(len(frames) / speed)):
        yield frames[min(len(frames) - 1, round(index * speed))]


def _trimmed(path: Path, rng: np.random.Generator) -> tuple[Frames, int]:
    """Begin 0.5 to 1.5 s later."""
    start = int(rng.uniform(0.5, 1.5) * FRAME_RATE)
    return (frame for index, frame in enumerate(_frames(path)) if index >= start), 28


def _compiled(path: Path, rng: np.random.Generator) -> tuple[Frames, int]:
    """Put a part of 2.5 to 3.5 s, cut anywhere, between two scenes of something else."""
    frames = list(_frames(path))
    length = int(rng.uniform(2.5, 3.5) * FRAME_RATE)
    start = int(rng.integers(len(frames) - length + 1))
    others = [_filler(rng, f"{path.stem}-{place}") for place in ("before", "after")]
    return _joined(others[0], frames[start : start + length], others[1]), 28


def _filler(rng: np.random.Generator, key: str) -> Frames:
    kind = str(rng.choice(["landscape", "product", "title"]))
    return scene_frames(Scene(key=key, kind=kind, num_frames=int(rng.integers(30, 60))), SIZE)


def _joined(*parts: Frames | list[np.ndarray]) -> Frames:
    for part in parts:
        yield from part


def _all_at_once(path: Path, rng: np.random.Generator) -> tuple[Frames, int]:
    """Crop a little, mirror, write on it, and encode badly."""
    line = str(rng.choice(CAPTIONS))
    cut = rng.uniform(0, 0.06, 2)
    top, left = int(cut[0] * SIZE[1]), int(cut[1] * SIZE[0])
    height, width = int(SIZE[1] * 0.92), int(SIZE[0] * 0.92)
    frames = (
        _written(
            np.ascontiguousarray(
                cv2.resize(frame[top : top + height, left : left + width], SIZE)[:, ::-1]
            ),
            [line],
            SIZE[1] * 0.88,
            round(0.074 * SIZE[0]),
            None,
        )
        for frame in _frames(path)
    )
    return frames, 34


CHANGES: dict[str, Change] = {
    "re-encoded": _each(lambda frame: frame, crf=38),
    "scaled": _each(_scaled),
    "cropped": _cropped,
    "mirrored": _each(lambda frame: np.ascontiguousarray(frame[:, ::-1])),
    "captioned": _captioned,
    "stickered": _stickered,
    "relit": _relit,
    "slower": _paced(0.9),
    "faster": _paced(1.1),
    "trimmed": _trimmed,
    "compiled": _compiled,
    "combined": _all_at_once,
}
"""What is done to the copies, each by name."""
