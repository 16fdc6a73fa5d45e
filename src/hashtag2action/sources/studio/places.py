"""Where the rendered world happens: rooms, streets and parks, with texture and clutter."""

import cv2
import numpy as np

PLACES = ("living room", "gym", "street", "park", "beach", "studio wall")


def paint_place(
    rng: np.random.Generator, width: int, height: int, floor_y: float, horizon_y: float
) -> np.ndarray:
    """Paint a place to stand in.

    Args:
        rng: Decides what the place is and looks like.
        width: Pixels, margins for camera drift included.
        height: Pixels.
        floor_y: Row where wall or distance meets the floor.
        horizon_y: Row of the camera's own height, where parallel lines of the floor meet.

    Returns:
        uint8 (height, width, 3), RGB.
    """
    kind = PLACES[rng.integers(len(PLACES))]
    floor_y = float(np.clip(floor_y, height * 0.25, height * 2.0))
    picture = _OUTDOORS[kind](rng, width, height, floor_y) if kind in _OUTDOORS else None
    if picture is None:
        picture = _room(rng, width, height, floor_y, horizon_y, kind)
    return finish(rng, picture)


def cloud_noise(
    rng: np.random.Generator, width: int, height: int, coarse: int = 4, octaves: int = 5,
    stretch: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """Noise of many scales, float32 (height, width), mean near 0 and deviation near 1."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows = max(2, int(coarse * 2**octave))
        columns = max(2, int(rows * width / height / stretch))
        grid = rng.standard_normal((rows, columns)).astype(np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * 0.62**octave
    return total / 1.2


def finish(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Give a painted picture the unevenness of a photograph: light, texture, softness, grain."""
    height, width = picture.shape[:2]
    light = 1 + 0.07 * cloud_noise(rng, width, height, 2, 3)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    light *= 1 + rng.uniform(-0.18, 0.18) * x + rng.uniform(-0.1, 0.1) * y
    light -= 0.12 * (x * x + y * y)
    shaded = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), rng.uniform(0.6, 1.6))
    grain = rng.normal(0, rng.uniform(2, 5), (height, width, 1)).astype(np.float32)
    fine = 4 * cloud_noise(rng, width, height, 40, 3)[..., None]
    return np.clip(shaded * light[..., None] + grain + fine, 0, 255).astype(np.uint8)


def _color(rng: np.random.Generator, saturation: float, low: int, high: int) -> np.ndarray:
    hsv = [[[rng.uniform(0, 180), rng.uniform(0, saturation), rng.uniform(low, high)]]]
    return cv2.cvtColor(np.array(hsv).astype(np.uint8), cv2.COLOR_HSV2RGB)[0, 0].astype(np.float32)


def _rectangle(
    picture: np.ndarray, x: float, y: float, w: float, h: float, color: np.ndarray
) -> None:
    corners = (int(x), int(y)), (int(x + w), int(y + h))
    cv2.rectangle(picture, *corners, [float(c) for c in np.clip(color, 0, 255)], -1)


def _room(
    rng: np.random.Generator, width: int, height: int, floor_y: float, horizon_y: float, kind: str
) -> np.ndarray:
    wall = _color(rng, 70, 130, 235) if kind != "gym" else _color(rng, 40, 60, 150)
    picture = np.empty((height, width, 3), np.float32)
    picture[:] = wall * (1 + 0.03 * cloud_noise(rng, width, height, 6, 4)[..., None])
    unit = height / 640
    if kind == "studio wall":
        pattern = rng.integers(3)
        if pattern == 0:
            _bricks(rng, picture, floor_y, unit)
        elif pattern == 1:
            step = rng.uniform(14, 40) * unit
            for x in np.arange(0, width, step):
                _rectangle(picture, x, 0, step * 0.5, floor_y, wall * 0.93)
    _floor(rng, picture, floor_y, horizon_y, unit)
    if kind == "gym":
        _gym(rng, picture, floor_y, unit)
    elif kind == "living room":
        _furniture(rng, picture, floor_y, unit)
    elif rng.uniform() < 0.6:
        _frame(rng, picture, rng.uniform(0, width * 0.8), floor_y * rng.uniform(0.1, 0.4), unit)
    _rectangle(picture, 0, floor_y - 7 * unit, width, 7 * unit, wall * rng.choice([0.6, 1.15]))
    return picture


def _bricks(rng: np.random.Generator, picture: np.ndarray, floor_y: float, unit: float) -> None:
    brick = np.array([150, 84, 66], np.float32) * rng.uniform(0.7, 1.2)
    w, h = 34 * unit, 13 * unit
    for row in range(int(floor_y / h) + 1):
        for column in range(-1, int(picture.shape[1] / w) + 1):
            x = (column + 0.5 * (row % 2)) * w
            _rectangle(picture, x, row * h, w - 2, h - 2, brick * rng.uniform(0.8, 1.15))


def _floor(
    rng: np.random.Generator, picture: np.ndarray, floor_y: float, horizon_y: float, unit: float
) -> None:
    height, width = picture.shape[:2]
    top = int(floor_y)
    if top >= height:
        return
    base = _color(rng, 1, 70, 190) * rng.uniform(0.82, 1.0, 3)
    noise = cloud_noise(rng, width, height - top, 8, 4, stretch=4)[..., None]
    picture[top:] = base * (1 + 0.06 * noise)
    line = [float(c) for c in base * 0.72]
    vanish = (width * rng.uniform(0.3, 0.7), min(horizon_y, floor_y - 30 * unit))
    for x in np.arange(-2 * width, 3 * width, rng.uniform(40, 110) * unit):
        slope = (floor_y - vanish[1]) / max(height - vanish[1], 1)
        start = (int(vanish[0] + (x - vanish[0]) * slope), top)
        cv2.line(picture, start, (int(x), height), line, 1, cv2.LINE_AA)
    if rng.uniform() < 0.5:
        for step in range(1, 12):
            y = int(vanish[1] + (floor_y - vanish[1]) / (1 - step / 13))
            if y < height:
                cv2.line(picture, (0, y), (width, y), line, 1, cv2.LINE_AA)
    if rng.uniform() < 0.4:
        middle = (int(width * rng.uniform(0.3, 0.7)), int(floor_y + (height - floor_y) * 0.5))
        axes = (int(width * 0.38), int((height - floor_y) * 0.32))
        rug = [float(c) for c in _color(rng, 160, 80, 200)]
        cv2.ellipse(picture, middle, axes, 0, 0, 360, rug, -1, cv2.LINE_AA)


def _frame(rng: np.random.Generator, picture: np.ndarray, x: float, y: float, unit: float) -> None:
    w, h = rng.uniform(50, 110) * unit, rng.uniform(50, 130) * unit
    _rectangle(picture, x, y, w, h, _color(rng, 60, 20, 240))
    inner = landscape_colors(rng, max(int(w - 8), 4), max(int(h - 8), 4))
    y0, x0 = max(int(y + 4), 0), max(int(x + 4), 0)
    room = picture[y0 : y0 + inner.shape[0], x0 : x0 + inner.shape[1]]
    room[:] = inner[: room.shape[0], : room.shape[1]]


def _furniture(rng: np.random.Generator, picture: np.ndarray, floor_y: float, unit: float) -> None:
    width = picture.shape[1]
    if rng.uniform() < 0.6:  # a window, brighter than the wall
        x, y = rng.uniform(0, width * 0.6), floor_y - rng.uniform(300, 380) * unit
        w, h = rng.uniform(90, 150) * unit, rng.uniform(120, 170) * unit
        _rectangle(picture, x - 5, y - 5, w + 10, h + 10, np.full(3, 235.0))
        _rectangle(picture, x, y, w, h, np.array([196.0, 216, 236]) * rng.uniform(0.8, 1.05))
        _rectangle(picture, x + w / 2 - 3, y, 6, h, np.full(3, 230.0))
        _rectangle(
            picture, x - 22 * unit, y - 10, 24 * unit, h + 60 * unit, _color(rng, 140, 80, 220)
        )
    for _ in range(rng.integers(1, 3)):
        _frame(
            rng, picture, rng.uniform(0, width * 0.8), floor_y - rng.uniform(220, 400) * unit, unit
        )
    x = rng.uniform(-40, width * 0.7)
    if rng.uniform() < 0.5:  # a shelf with books
        w, h = rng.uniform(90, 140) * unit, rng.uniform(190, 330) * unit
        wood = np.array([128.0, 92, 58]) * rng.uniform(0.6, 1.4)
        _rectangle(picture, x, floor_y - h, w, h, wood)
        for board in np.arange(floor_y - h + 6, floor_y - 20 * unit, 48 * unit):
            _rectangle(picture, x + 5, board, w - 10, 42 * unit, wood * 0.5)
            at = x + 7
            while at < x + w - 16 * unit:
                thick, tall = rng.uniform(5, 12) * unit, rng.uniform(24, 38) * unit
                _rectangle(
                    picture, at, board + 42 * unit - tall, thick, tall, _color(rng, 200, 60, 230)
                )
                at += thick + 1
    else:  # a sofa
        w, h = rng.uniform(180, 260) * unit, rng.uniform(80, 110) * unit
        cloth = _color(rng, 120, 60, 200)
        _rectangle(picture, x, floor_y - h, w, h * 0.9, cloth)
        _rectangle(picture, x + 6, floor_y - h * 0.55, w - 12, h * 0.4, cloth * 1.15)
        _rectangle(picture, x - 14 * unit, floor_y - h * 0.7, 26 * unit, h * 0.75, cloth * 0.85)
        _rectangle(picture, x + w - 12 * unit, floor_y - h * 0.7, 26 * unit, h * 0.75, cloth * 0.85)


def _gym(rng: np.random.Generator, picture: np.ndarray, floor_y: float, unit: float) -> None:
    width = picture.shape[1]
    mirror = _color(rng, 30, 110, 190)
    y = floor_y - rng.uniform(250, 380) * unit
    for x in np.arange(rng.uniform(-60, 0), width, 120 * unit):
        _rectangle(
            picture, x, y, 112 * unit, floor_y - y - 30 * unit, mirror * rng.uniform(0.9, 1.1)
        )
    rack = rng.uniform(0, width * 0.6)
    for row in range(2):
        level = floor_y - (25 + 38 * row) * unit
        _rectangle(picture, rack, level, 150 * unit, 6 * unit, np.full(3, 50.0))
        for k in range(5):
            middle = (int(rack + (15 + 30 * k) * unit), int(level - 9 * unit))
            tone = [float(c) for c in _color(rng, 200, 30, 160)]
            cv2.circle(picture, middle, int(9 * unit), tone, -1, cv2.LINE_AA)


def _sky(rng: np.random.Generator, picture: np.ndarray, horizon: int) -> None:
    width = picture.shape[1]
    top, low = np.array([96.0, 148, 210]), np.array([204.0, 220, 232])
    mood = rng.uniform(0.75, 1.08)
    share = np.linspace(0, 1, horizon, dtype=np.float32)[:, None, None]
    sky = (top * (1 - share) + low * share) * mood
    clouds = np.clip(cloud_noise(rng, width, horizon, 3, 5, 2.0) - 0.1, 0, 1.2)[..., None] / 1.2
    picture[:horizon] = sky * (1 - clouds) + 236 * mood * clouds


def _ground(rng: np.random.Generator, picture: np.ndarray, horizon: int, base: np.ndarray) -> None:
    height, width = picture.shape[:2]
    if horizon >= height:
        return
    noise = cloud_noise(rng, width, height - horizon, 10, 5, stretch=3)[..., None]
    picture[horizon:] = base * (1 + 0.14 * noise)


def _treeline(rng: np.random.Generator, picture: np.ndarray, horizon: int, unit: float) -> None:
    width = picture.shape[1]
    tone = np.array([58.0, 88, 46]) * rng.uniform(0.6, 1.3)
    for x in np.arange(-20, width + 20, 16 * unit):
        tall = rng.uniform(40, 150) * unit
        for _ in range(7):
            middle = (int(x + rng.normal(0, 12) * unit), int(horizon - tall * rng.uniform(0.2, 1)))
            leaf = [float(c) for c in tone * rng.uniform(0.6, 1.35)]
            cv2.circle(picture, middle, int(rng.uniform(8, 22) * unit), leaf, -1, cv2.LINE_AA)
    _rectangle(picture, 0, horizon - 26 * unit, width, 30 * unit, tone * 0.7)


def _buildings(rng: np.random.Generator, picture: np.ndarray, horizon: int, unit: float) -> None:
    x = rng.uniform(-60, 0)
    while x < picture.shape[1]:
        w, h = rng.uniform(70, 160) * unit, rng.uniform(180, 460) * unit
        wall = _color(rng, 40, 90, 210)
        _rectangle(picture, x, horizon - h, w, h, wall)
        glass = np.array([70.0, 84, 100]) * rng.uniform(0.6, 1.6)
        for wy in np.arange(horizon - h + 12 * unit, horizon - 40 * unit, 34 * unit):
            for wx in np.arange(x + 8 * unit, x + w - 16 * unit, 24 * unit):
                _rectangle(picture, wx, wy, 13 * unit, 20 * unit, glass * rng.uniform(0.8, 1.2))
        x += w


def _park(rng: np.random.Generator, width: int, height: int, floor_y: float) -> np.ndarray:
    picture = np.empty((height, width, 3), np.float32)
    horizon = int(min(floor_y, height - 1))
    _sky(rng, picture, horizon)
    _treeline(rng, picture, horizon, height / 640)
    _ground(rng, picture, horizon, np.array([94.0, 128, 62]) * rng.uniform(0.75, 1.2))
    return picture


def _beach(rng: np.random.Generator, width: int, height: int, floor_y: float) -> np.ndarray:
    picture = np.empty((height, width, 3), np.float32)
    horizon = int(min(floor_y, height - 1))
    sea = int(horizon * rng.uniform(0.72, 0.85))
    _sky(rng, picture, sea)
    _ground(rng, picture, sea, np.array([54.0, 116, 148]) * rng.uniform(0.8, 1.2))
    _ground(rng, picture, horizon, np.array([206.0, 186, 148]) * rng.uniform(0.8, 1.08))
    return picture


def _street(rng: np.random.Generator, width: int, height: int, floor_y: float) -> np.ndarray:
    picture = np.empty((height, width, 3), np.float32)
    horizon = int(min(floor_y, height - 1))
    _sky(rng, picture, horizon)
    _buildings(rng, picture, horizon, height / 640)
    _ground(rng, picture, horizon, np.full(3, 128.0) * rng.uniform(0.7, 1.3))
    _rectangle(picture, 0, horizon, width, 5 * height / 640, np.full(3, 176.0))
    return picture


_OUTDOORS = {"park": _park, "beach": _beach, "street": _street}


def landscape_colors(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """Paint a view without anybody: hills, sea, dunes or a skyline; float32 (height, width, 3)."""
    picture = np.empty((height, width, 3), np.float32)
    horizon = max(int(height * rng.uniform(0.4, 0.65)), 2)
    _sky(rng, picture, horizon)
    if rng.uniform() < 0.4:
        picture[:horizon] *= np.array([0.76, 0.82, 0.86], np.float32)  # evening
    ground = [(86, 118, 62), (60, 108, 140), (176, 168, 120), (118, 118, 112)][rng.integers(4)]
    _ground(rng, picture, horizon, np.array(ground, float) * rng.uniform(0.7, 1.1))
    if rng.uniform() < 0.25 and height > 200:
        _buildings(rng, picture, horizon, height / 1100)
        return picture
    x = np.arange(width)
    for layer in range(3):  # ridges, farther ones paler
        ridge = cloud_noise(rng, width, width // 2, 8, 5)[0] * height * 0.014
        tall = height * (0.09 - 0.03 * layer) * rng.uniform(0.7, 1.2)
        line = horizon - tall + ridge
        points = np.stack([np.r_[x, width, 0], np.r_[line, horizon, horizon]], -1)
        tone = (
            np.array([150.0, 160, 176]) * (1 - 0.28 * layer) * np.array([0.9, 1, 1 - 0.15 * layer])
        )
        cv2.fillPoly(picture, [points.astype(np.int32)], [float(c) for c in tone], cv2.LINE_AA)
    return picture
