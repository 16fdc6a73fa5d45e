"""What the rendered world shows when nobody is in the picture: titles, products, hands at work."""

from collections.abc import Iterator

import cv2
import numpy as np

from hashtag2action.sources.studio.look import Look, look_of, rng_for
from hashtag2action.sources.studio.paint import LAYERS, Painting, View
from hashtag2action.sources.studio.places import cloud_noise, finish, landscape_colors

TITLES = (
    "30 DAY CHALLENGE", "BEFORE", "AFTER", "DAY 1", "PART 2", "WAIT FOR IT", "FOLLOW FOR MORE",
    "3 TIPS", "NEW DROP", "MY ROUTINE", "POV", "LINK BELOW", "STORY TIME", "TRY THIS", "REST DAY",
)  # fmt: skip
CAPTIONS = (
    "try this at home", "wait for it", "who else", "link below", "day 12", "save this for later",
    "10 reps x 3", "follow for more", "POV", "no excuses", "my favorite", "watch till the end",
)  # fmt: skip

Size = tuple[int, int]  # width, height in pixels


def draw_text(
    picture: np.ndarray, text: str, middle: tuple[float, float], size_px: int, *,
    color: tuple[int, int, int] = (255, 255, 255), box: tuple[int, int, int] | None = None,
) -> None:  # fmt: skip
    """Write one centered line, on a box or with a dark outline, in place."""
    font = cv2.FontFace("sans")
    (_, _, width, height) = cv2.getTextSize((0, 0), text, (0, 0), font, size_px, 700)
    x, y = int(middle[0] - width / 2), int(middle[1] + height / 2)
    if box is not None:
        pad = size_px // 3
        corners = (x - pad, y - height - pad), (x + width + pad, y + pad)
        cv2.rectangle(picture, *corners, box, -1)
    else:
        for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 2)):
            cv2.putText(picture, text, (x + dx, y + dy), (12, 12, 12), font, size_px, 700)
    cv2.putText(picture, text, (x, y), color, font, size_px, 700)


def title_frames(key: str, size: Size, num_frames: int) -> Iterator[np.ndarray]:
    """A title card: a flat or graded ground, words that come in, a shape that moves."""
    rng = rng_for(key, "title")
    width, height = size
    colors = [_bright(rng), _bright(rng)]
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    ground = np.ones((height, width, 1), np.float32) * (
        colors[0] if rng.uniform() < 0.5 else colors[0] * (1 - share) + colors[1] * share
    )
    ground = np.clip(ground, 0, 255).astype(np.uint8)
    words = [str(word) for word in rng.choice(TITLES, rng.integers(1, 3), replace=False)]
    shape, tone = rng.integers(3), tuple(float(c) for c in colors[1])
    lines = [(w, int(min(38, 520 / len(w)) * width / 360)) for w in words]
    start = rng.uniform(0.3, 0.6) * height
    for index in range(num_frames):
        frame = ground.copy()
        along = index / 75
        if shape == 0:
            middle = (int(width * (0.5 + 0.4 * np.sin(along * 2))), int(height * 0.8))
            cv2.circle(frame, middle, width // 9, tone, -1, cv2.LINE_AA)
        elif shape == 1:
            cv2.rectangle(frame, (0, height - 24), (int(width * along) % width, height), tone, -1)
        rise = 30 * np.exp(-index / 6)
        for row, (word, size_px) in enumerate(lines):
            draw_text(frame, word, (width / 2, start + row * 1.6 * lines[0][1] + rise), size_px)
        yield frame


def still_frames(key: str, kind: str, size: Size, num_frames: int) -> Iterator[np.ndarray]:
    """A landscape or a product under a camera that pans and zooms slowly."""
    rng = rng_for(key, kind)
    width, height = size
    big = (int(width * 1.2), int(height * 1.2))
    if kind == "landscape":
        picture = finish(rng, landscape_colors(rng, *big))
    else:
        picture = finish(rng, _product_colors(rng, *big))
    zooms = _glide(rng.uniform(0.86, 0.98, 2), num_frames)
    turns = _glide(rng.uniform(-0.02, 0.02, 2), num_frames)
    pans = _glide(rng.uniform(-0.02, 0.02, (2, 2)) * big, num_frames)
    for zoom, turn, pan in zip(zooms, turns, pans, strict=True):
        cos, sin = np.cos(turn) * zoom, np.sin(turn) * zoom
        center = np.array(big) / 2 + pan
        matrix = np.array([[cos, -sin, 0], [sin, cos, 0]])
        matrix[:, 2] = center - matrix[:, :2] @ (np.array(size) / 2)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        yield cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)


def _glide(ends: np.ndarray, num_frames: int) -> np.ndarray:
    return np.linspace(ends[0], ends[1], num_frames)


def _cool(rng: np.random.Generator) -> np.ndarray:
    """A wall no one could take for skin."""
    return np.array([120, 150, 160]) + rng.uniform([-40, -25, -25], [20, 50, 60])


def _bright(rng: np.random.Generator) -> np.ndarray:
    hsv = np.array([[[rng.uniform(0, 180), rng.uniform(60, 210), rng.uniform(90, 230)]]])
    return cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


# Half widths of turned things from top to bottom, as (share of height, share of width).
_PROFILES: dict[str, list[tuple[float, float]]] = {
    "bottle": [(0, 0.3), (0.08, 0.3), (0.09, 0.22), (0.25, 0.24), (0.4, 0.9),
               (0.97, 0.95), (1, 0.8)],
    "jar": [(0, 0.8), (0.16, 0.8), (0.17, 0.7), (0.24, 0.95), (0.95, 0.95), (1, 0.85)],
    "cup": [(0, 0.95), (0.03, 1.0), (1, 0.66)],
    "can": [(0, 0.8), (0.05, 0.95), (0.95, 0.95), (1, 0.8)],
    "vase": [(0, 0.5), (0.2, 0.36), (0.6, 1.0), (0.9, 0.7), (1, 0.6)],
}  # fmt: skip


def _product_colors(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = _cool(rng)
    table = int(height * rng.uniform(0.58, 0.7))
    wood = np.array([164, 124, 84], np.float32) * rng.uniform(0.5, 1.3)
    grain = cloud_noise(rng, width, height - table, 20, 4, stretch=8)[..., None]
    picture[table:] = wood * (1 + 0.08 * grain)
    num_things = int(rng.integers(2, 5))
    for number in range(num_things):
        x = width * (number + 1) / (num_things + 1) + rng.normal(0, width * 0.03)
        tall = height * rng.uniform(0.3, 0.5)
        wide = min(tall * rng.uniform(0.35, 0.7), width * 0.8 / num_things)
        bottom = table + height * rng.uniform(0.06, 0.14)
        if rng.uniform() < 0.25:
            _box(rng, picture, x, bottom, wide, tall * 0.7)
        else:
            _turned(rng, picture, x, bottom, wide, tall)
    return picture


def _turned(
    rng: np.random.Generator, picture: np.ndarray, x: float, bottom: float, wide: float, tall: float
) -> None:
    shadow = (int(x + wide * 0.15), int(bottom)), (int(wide * 0.7), int(wide * 0.16))
    cv2.ellipse(picture, *shadow, 0, 0, 360, [float(c) for c in picture[-2, 2] * 0.5], -1)
    names = sorted(_PROFILES)
    profile = np.array(_PROFILES[names[rng.integers(len(names))]])
    rows, columns = int(tall), int(wide)
    share = np.linspace(0, 1, rows)
    half = np.interp(share, profile[:, 0], profile[:, 1]) * wide / 2
    across = (np.arange(columns) - columns / 2)[None] / np.maximum(half, 1)[:, None]
    inside = np.abs(across) < 1
    light = 0.45 + 0.6 * np.sqrt(np.clip(1 - (across + 0.35) ** 2 * 0.7, 0, 1))
    light += 0.5 * np.exp(-(((across + 0.5) / 0.08) ** 2))
    color = np.ones((rows, columns, 1)) * _bright(rng)
    label = (share > 0.5) & (share < 0.8)
    color[label] = _bright(rng) * 0.5 + 120
    color[(share > 0.6) & (share < 0.65)] = _bright(rng)
    top, left = int(bottom - rows), int(x - columns / 2)
    y0, x0 = max(top, 0), max(left, 0)
    room = picture[y0 : top + rows, x0 : left + columns]
    cut = (slice(y0 - top, y0 - top + room.shape[0]), slice(x0 - left, x0 - left + room.shape[1]))
    room[inside[cut]] = (color * light[..., None])[cut][inside[cut]]


def _box(
    rng: np.random.Generator, picture: np.ndarray, x: float, bottom: float, wide: float, tall: float
) -> None:
    color = _bright(rng)
    deep = wide * 0.35
    front = np.array([[x - wide / 2, bottom], [x + wide / 2, bottom]])
    front = np.concatenate([front, front[::-1] - [0, tall]])
    side = np.array(
        [front[1], front[1] + [deep, -deep * 0.5], front[2] + [deep, -deep * 0.5], front[2]]
    )
    top = np.array(
        [front[3], front[2], front[2] + [deep, -deep * 0.5], front[3] + [deep, -deep * 0.5]]
    )
    for face, bright in ((front, 1.0), (side, 0.6), (top, 1.2)):
        tone = [float(c) for c in np.clip(color * bright, 0, 255)]
        cv2.fillPoly(picture, [face.astype(np.int32)], tone, cv2.LINE_AA)


def hands_frames(
    key: str, pool: str, person: int, size: Size, num_frames: int
) -> Iterator[np.ndarray]:
    """Two hands at work above a table, seen from over the shoulder; no face, no body."""
    rng = rng_for(key, "hands")
    width, height = size
    table = np.empty((height, width, 3), np.float32)
    table[:] = (_bright(rng) * 0.35 + 110) * rng.uniform(0.6, 1.1)
    table *= 1 + 0.08 * cloud_noise(rng, width, height, 6, 5, stretch=5)[..., None]
    _work(rng, table)
    table = finish(rng, table)
    phase = np.arange(num_frames) / 25 * rng.uniform(3, 8)
    look = look_of(pool, person, int(rng.integers(1000)))
    view = View(height, width / 2, height, distance=1e3, eye_height=0.5)
    art = Painting(view)
    half = width / height / 2
    for side in (-1.0, 1.0):
        wave = np.stack([np.sin(phase + side), np.cos(phase * 0.7 + side), 0 * phase], -1)
        wrist = np.array([side * half * rng.uniform(0.45, 0.6), rng.uniform(0.28, 0.36), 0.0])
        wrist = wrist + wave * [0.03, 0.02, 0]
        _hand(art, wrist, side, phase, look, half)
    art.finish()
    for index in range(num_frames):
        frame = table.copy()
        art.paint(frame, index, np.zeros(2))
        yield frame


def _work(rng: np.random.Generator, table: np.ndarray) -> None:
    height, width = table.shape[:2]
    middle = (int(width / 2), int(height * 0.4))
    if rng.uniform() < 0.5:  # a bowl
        for share, tone in ((1.0, 0.8), (0.92, 1.1), (0.8, 0.7)):
            color = [float(c) for c in np.clip(_bright(rng) * tone, 0, 255)]
            cv2.circle(table, middle, int(width * 0.34 * share), color, -1, cv2.LINE_AA)
        return
    x, y, w, h = int(width * 0.2), int(height * 0.2), int(width * 0.6), int(height * 0.36)
    cv2.rectangle(table, (x, y), (x + w, y + h), (236, 232, 222), -1)  # a sheet of paper
    for row in range(9):
        end = x + int(w * rng.uniform(0.4, 0.9))
        cv2.line(
            table, (x + 16, y + 16 + row * h // 10), (end, y + 16 + row * h // 10), (90,) * 3, 2
        )


def _hand(
    art: Painting, wrist: np.ndarray, side: float, phase: np.ndarray, look: Look, half: float
) -> None:
    along = np.array([-side * 0.35, 1.0, 0.0])
    along /= np.linalg.norm(along)
    across = np.array([along[1], -along[0], 0.0])
    elbow = np.array([side * half * 1.1, -0.15, 0.0]) + 0 * wrist
    arm = art.unit(0 * phase)
    art.capsule(arm, elbow, wrist, (0.075, 0.05), look.skin)
    if look.sleeve_length > 1:
        art.capsule(arm, elbow, elbow + (wrist - elbow) * 0.7, (0.09, 0.075), look.shirt, 1)
    palm = art.unit(0 * phase + 1)
    knuckles = wrist + along * 0.11
    art.capsule(palm, wrist + along * 0.015, knuckles, (0.052, 0.062), look.skin)
    for number, spread in enumerate((-0.048, -0.016, 0.016, 0.048)):
        curl = 0.75 + 0.25 * np.sin(phase * 1.7 + number * 0.9)
        base = knuckles + across * spread + along * 0.01
        middle = base + (along + across * spread * 3) * (0.055 * curl)[:, None]
        tip = middle + (along + across * spread * 2) * (0.05 * curl)[:, None]
        art.capsule(palm, base, middle, (0.0185, 0.0165), look.skin, layers=LAYERS)
        art.capsule(palm, middle, tip, (0.0165, 0.0135), look.skin, layers=LAYERS)
    thumb = wrist + along * 0.04 - across * side * 0.04
    joint = thumb + along * 0.05 - across * side * 0.045
    art.capsule(palm, thumb, joint, (0.025, 0.019), look.skin)
    art.capsule(
        palm, joint, joint + along * 0.055 - across * side * 0.01, (0.019, 0.014), look.skin
    )
