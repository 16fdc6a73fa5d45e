"""Footage for choosing what the person detector does: none of it is in what it is tested with.

Real clips of `data/ucf101_3` (one of each group) and `data/samples`, and rendered worlds of seeds
that no benchmark uses. `data/shorts` is kept out, for it is the test. To fit weights, the clips are
also made hard: dark, small on other pictures, half covered; and pictures without persons are made
of photographs and of animals and things cut out, from packages of Debian. These come a second time
as coarse as UCF101's pictures, lest coarseness tell persons from things:

    apt-get download gnome-backgrounds mate-backgrounds tuxpaint-stamps-default
    for package in *.deb; do dpkg-deb -x $package pictures; done
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from hashtag2action.errors import VideoError
from hashtag2action.sources.studio.film import post_frames
from hashtag2action.sources.studio.platform import Studio, plan_studio
from hashtag2action.video.decode import decode_at

WORLD_SEEDS = (301, *range(401, 409))


def world(seed: int) -> Studio:
    """Return a hard rendered world."""
    return Studio(
        num_posts=50, seed=seed, width_px=216, height_px=384, is_hard=True, bad_fraction=0,
        long_fraction=0,
    )  # fmt: skip


def real_clips(shared: Path) -> Iterator[tuple[str, Path]]:
    """Yield a name for the people or place, and the file, of real clips of persons."""
    groups: dict[str, Path] = {}
    for path in sorted((shared / "data" / "ucf101_3").rglob("*.mp4")):
        groups.setdefault(path.stem.rpartition("_")[0], path)
    yield from groups.items()
    for path in sorted((shared / "data" / "samples").iterdir()):
        if path.suffix in {".mp4", ".avi"}:
            yield path.stem, path


def calibration_pictures(shared: Path) -> list[np.ndarray]:
    """Return one picture of each clip and of each post of a rendered world."""
    pictures: list[np.ndarray] = []
    for _, path in real_clips(shared):
        try:
            pictures.append(decode_at(path, [0.5])[0])
        except VideoError as error:
            print(f"{path}: {error}")
    studio = world(WORLD_SEEDS[0])
    size = studio.width_px, studio.height_px
    return pictures + [next(post_frames(plan, size)) for plan in plan_studio(studio)]


@dataclass(frozen=True)
class Scene:
    """A few pictures of one scene, RGB, uint8 (H, W, 3), and whether they show a person.

    Scenes of one `group` show the same people or the same thing; `weight` is what one counts.
    """

    kind: str
    group: str
    has_person: bool
    pictures: list[np.ndarray]
    weight: float = 1.0


_SIZE = (234, 416)
_NUM_PICTURES = 4
_MAMMALS = ("animals/mammals", "animals/marsupials")
_OTHER_KINDS = ("animals/birds", "animals/fish", "vehicles", "plants", "food")
_DRAWN = ("cartoon", "dinosaur", "toys", "statue")  # folders that hold no photographs


def composed_scenes(shared: Path, pictures: Path) -> Iterator[Scene]:
    """Yield real persons, plain and made hard to see, and hard pictures without persons.

    Args:
        shared: Folder with `data`.
        pictures: Folder with the unpacked packages.
    """
    rng = np.random.default_rng(7)
    walls = [_fit(one) for one in _photographs(pictures)]
    if not walls:
        raise SystemExit(f"{pictures} holds no photographs; see benchmarks/persons_footage.py")

    def wall() -> np.ndarray:
        return walls[rng.integers(len(walls))]

    for name, path in real_clips(shared):
        try:
            clip = list(decode_at(path, 0.1 + 0.5 * np.arange(_NUM_PICTURES)))
        except VideoError:
            continue
        clip = [_fit(one) if max(one.shape) > max(_SIZE) else one for one in clip]
        yield Scene("plain", name, True, clip)
        yield Scene("dark", name, True, _darkened(rng, clip))
        small = _pasted(rng, clip, wall())
        yield Scene("small", name, True, small)
        yield Scene("small and dark", name, True, _darkened(rng, small))
        yield Scene("covered", name, True, _covered(rng, clip, wall()))
    coarse = np.random.default_rng(11)
    for scene in _things(rng, pictures, wall):
        yield replace(scene, weight=0.5)
        pixels = _coarse(coarse, scene.pictures)
        yield replace(scene, kind=f"{scene.kind}, coarse", pictures=pixels, weight=0.5)


def _things(
    rng: np.random.Generator, pictures: Path, wall: Callable[[], np.ndarray]
) -> Iterator[Scene]:
    for number, (kind, stamp) in enumerate(_stamps(pictures)):
        # A tenth of the things, and every mammal: mammals are what is taken for persons.
        if kind not in _MAMMALS and rng.uniform() > 0.1:
            continue
        scene = _stamped(rng, stamp, wall())
        yield Scene(kind, f"thing {number}", False, scene)
        if kind in _MAMMALS:
            yield Scene(f"{kind}, dark", f"thing {number}", False, _darkened(rng, scene))
    for number, one in enumerate(_photographs(pictures)):
        for _ in range(3):
            part = _part_of(rng, one)
            yield Scene("picture", f"picture {number}", False, part)
            yield Scene("picture, dark", f"picture {number}", False, _darkened(rng, part))


def _photographs(pictures: Path) -> Iterator[np.ndarray]:
    for path in sorted(pictures.rglob("backgrounds/**/*")):
        if path.suffix in {".jpg", ".webp", ".png"}:
            found = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
            # Plain colors are no pictures.
            if found is not None and found.std() > 12:
                scale = 720 / min(found.shape[:2])
                yield np.asarray(cv2.resize(found, None, fx=scale, fy=scale))


def _stamps(pictures: Path) -> Iterator[tuple[str, np.ndarray]]:
    for kind in (*_MAMMALS, *_OTHER_KINDS):
        for path in sorted(pictures.rglob(f"stamps/{kind}/**/*.png")):
            found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            if found is None or found.ndim != 3 or found.shape[2] != 4 or max(found.shape) < 120:
                continue
            if not any(word in path.as_posix() for word in _DRAWN):
                yield kind, np.asarray(cv2.cvtColor(found, cv2.COLOR_BGRA2RGBA))


def _fit(picture: np.ndarray) -> np.ndarray:
    """Cut the middle of a picture to the shape of a portrait."""
    height, width = picture.shape[:2]
    inner = min(width, round(height * _SIZE[0] / _SIZE[1]))
    left = (width - inner) // 2
    part = picture[:, left : left + inner]
    return np.asarray(cv2.resize(part, _SIZE, interpolation=cv2.INTER_AREA))


def _each(
    clip: Sequence[np.ndarray], change: Callable[[np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    return [np.clip(change(one), 0, 255).astype(np.uint8) for one in clip]


def _darkened(rng: np.random.Generator, clip: Sequence[np.ndarray]) -> list[np.ndarray]:
    curve, gain, lift = rng.uniform(1.5, 3.0), rng.uniform(0.35, 0.75), rng.uniform(0, 8)
    noise = rng.uniform(1, 4)
    table = ((np.arange(256) / 255) ** curve * gain * 255 + lift).astype(np.float32)
    return _each(clip, lambda one: table[one] + rng.normal(0, noise, one.shape))


def _coarse(rng: np.random.Generator, clip: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Take away what UCF101's 128 rows, and an encoder, take away."""
    height, width = clip[0].shape[:2]
    scale = 128 / (height if rng.uniform() < 0.5 else width) * rng.uniform(0.8, 1.6)
    quality = int(rng.integers(25, 75))
    made = []
    for one in clip:
        small = cv2.resize(one, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        _, written = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
        read = cv2.imdecode(written, cv2.IMREAD_COLOR)
        assert read is not None
        made.append(np.asarray(cv2.resize(read, (width, height))))
    return made


def _pasted(
    rng: np.random.Generator, clip: Sequence[np.ndarray], wall: np.ndarray
) -> list[np.ndarray]:
    """Put a clip, small and with soft edges, somewhere on a wall."""
    height, width = clip[0].shape[:2]
    scale = min(rng.uniform(0.35, 0.7) * _SIZE[0] / width, 0.9 * _SIZE[1] / height)
    size = max(16, round(width * scale)), max(16, round(height * scale))
    left, top = rng.integers(_SIZE[0] - size[0] + 1), rng.integers(_SIZE[1] - size[1] + 1)
    place = slice(top, top + size[1]), slice(left, left + size[0])
    across, down = (np.minimum(np.arange(1, side + 1), np.arange(side, 0, -1)) for side in size)
    soft = np.clip(np.minimum(down[:, None], across[None]) / 8, 0, 1)[..., None]
    pasted = []
    for one in clip:
        made = wall.astype(np.float32)
        inner = cv2.resize(one, size, interpolation=cv2.INTER_AREA)
        made[place] = inner * soft + made[place] * (1 - soft)
        pasted.append(made.astype(np.uint8))
    return pasted


def _covered(
    rng: np.random.Generator, clip: Sequence[np.ndarray], wall: np.ndarray
) -> list[np.ndarray]:
    height, width = clip[0].shape[:2]
    cover = np.asarray(cv2.resize(wall, (width, height)))
    rows = slice(round(height * 0.55), None) if (way := rng.integers(3)) == 0 else slice(None)
    columns = (slice(None), slice(0, round(width * 0.42)), slice(round(width * 0.58), None))[way]
    covered = [one.copy() for one in clip]
    for one in covered:
        one[rows, columns] = cover[rows, columns]
    return covered


def _stamped(rng: np.random.Generator, stamp: np.ndarray, wall: np.ndarray) -> list[np.ndarray]:
    """Put a thing that moves a little on a wall."""
    height, width = stamp.shape[:2]
    scale = rng.uniform(0.3, 0.95) * min(_SIZE[0] / width, _SIZE[1] / height)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    thing = cv2.resize(stamp, size, interpolation=cv2.INTER_AREA)[:, :: rng.choice([-1, 1])]
    alpha = thing[..., 3:] / 255
    left, top = rng.integers(_SIZE[0] - size[0] + 1), rng.integers(_SIZE[1] - size[1] + 1)
    pictures = []
    for _ in range(_NUM_PICTURES):
        made = wall.astype(np.float32)
        moved = int(np.clip(left + rng.integers(-6, 7), 0, _SIZE[0] - size[0]))
        place = slice(top, top + size[1]), slice(moved, moved + size[0])
        made[place] = thing[..., :3] * alpha + made[place] * (1 - alpha)
        pictures.append(np.asarray(cv2.GaussianBlur(made, (3, 3), 0.6)).astype(np.uint8))
    return pictures


def _part_of(rng: np.random.Generator, picture: np.ndarray) -> list[np.ndarray]:
    """Pan a little over a part of a photograph."""
    height = round(picture.shape[0] * rng.uniform(0.35, 1))
    width = round(height * _SIZE[0] / _SIZE[1])
    top = rng.integers(picture.shape[0] - height + 1)
    left = rng.integers(max(1, picture.shape[1] - width - 3 * _NUM_PICTURES))
    return [
        _fit(picture[top : top + height, left + 3 * k : left + 3 * k + width])
        for k in range(_NUM_PICTURES)
    ]
