"""Films no camera took: screen recordings and slideshows, drawn for the figures and the tests."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

FRAME_RATE = 25
_WORDS = (
    "settings", "share", "today", "reply", "new message", "see more", "follow", "likes", "comment",
    "updated two hours ago", "how to start", "open the menu", "search", "privacy", "account",
)  # fmt: skip


def screen_page(seed: int, width: int, height: int) -> np.ndarray:
    """Draw a page of an app, uint8 (height, width, 3) RGB: a list, a chat or an article."""
    rng = np.random.default_rng(seed)
    is_dark = bool(rng.uniform() < 0.4)
    ground = (18, 20, 24) if is_dark else (250, 250, 250)
    ink = (235, 235, 235) if is_dark else (30, 30, 30)
    page = np.full((height, width, 3), ground, np.uint8)
    kind = rng.integers(3)
    y = 8
    while y < height - 60:
        size_px = int(width * rng.uniform(0.035, 0.055))
        word = " ".join(rng.choice(_WORDS, rng.integers(1, 4)))
        if kind == 0:  # rows with a round picture
            color = tuple(int(v) for v in rng.integers(40, 220, 3))
            cv2.circle(page, (width // 10, y + 28), width // 18, color, -1, cv2.LINE_AA)
            _write(page, word, (width // 5, y + 32), size_px, ink)
            cv2.line(page, (width // 5, y + 58), (width, y + 58), (128, 128, 128), 1)
            y += 60
        elif kind == 1:  # bubbles
            left = width // 20 if rng.uniform() < 0.5 else width // 3
            color = (52, 60, 72) if is_dark else (226, 232, 240)
            cv2.rectangle(page, (left, y), (left + width * 3 // 5, y + 48), color, -1)
            _write(page, word[:24], (left + 10, y + 30), size_px, ink)
            y += 64
        else:  # paragraphs, and now and then a photograph
            for _ in range(int(rng.integers(2, 6))):
                _write(page, word, (width // 16, y + size_px), size_px, ink)
                word = " ".join(rng.choice(_WORDS, 3))
                y += int(size_px * 1.5)
            if rng.uniform() < 0.3 and y + 160 < height:
                left, right = width // 16, width - width // 16
                shown = photograph(int(rng.integers(1 << 30)), right - left, 140)
                page[y : y + 140, left:right] = shown
                y += 150
            y += 20
    return page


def photograph(seed: int, width: int, height: int) -> np.ndarray:
    """Draw something with the detail of a photograph, uint8 (height, width, 3) RGB."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.float32)
    for cells, strength in ((4, 1.0), (9, 0.6), (25, 0.35), (70, 0.2)):
        noise = rng.uniform(-1, 1, (cells, cells, 3)).astype(np.float32)
        noise = 0.4 * noise + 0.6 * noise.mean(2, keepdims=True)
        picture += strength * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        color = [float(v) for v in rng.uniform(-1.2, 1.2, 3)]
        middle = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(width * rng.uniform(0.03, 0.2)), int(height * rng.uniform(0.03, 0.2)))
        cv2.ellipse(picture, middle, axes, float(rng.uniform(0, 180)), 0, 360, color, -1)
    picture += rng.normal(0, 0.04, picture.shape)
    return np.clip(128 + 62 * picture, 0, 255).astype(np.uint8)


def screen_recording(
    seed: int, num_frames: int, width: int = 360, height: int = 640
) -> Iterator[np.ndarray]:
    """Scroll through a page under a bar that stays: a swipe, a rest, a swipe."""
    rng = np.random.default_rng((seed, 1))
    page = screen_page(seed, width, height * 4)
    bar = page[:48].copy()
    cv2.rectangle(bar, (0, 0), (width, 47), (90, 110, 200), -1)
    _write(bar, "9:41   inbox", (20, 32), 20, (255, 255, 255))
    top, speed, rest = 0.0, 0.0, int(rng.integers(10, 30))
    for _ in range(num_frames):
        if rest > 0:
            rest -= 1
            if rest == 0:
                speed = float(rng.uniform(14, 40))
        else:
            top, speed = min(top + speed, 3.0 * height), speed * 0.9
            if speed < 0.6:
                speed, rest = 0.0, int(rng.integers(10, 40))
        frame = page[int(top) : int(top) + height].copy()
        frame[:48] = bar
        yield frame


def slideshow(
    pictures: Sequence[np.ndarray], num_frames: int, size: tuple[int, int], seed: int
) -> Iterator[np.ndarray]:
    """Show pictures one after the other: still, or under a slow pan and zoom.

    Args:
        pictures: uint8 (h, w, 3) RGB, any size.
        num_frames: Frames of each.
        size: Width and height of the film.
        seed: What decides how the camera goes.
    """
    rng = np.random.default_rng(seed)
    width, height = size
    for picture in pictures:
        big_height, big_width = picture.shape[:2]
        fit = min(big_width / width, big_height / height)
        is_moving = rng.uniform() < 0.7
        zooms = rng.uniform(0.72, 0.98, 2) if is_moving else np.full(2, 0.95)
        shifts = rng.uniform(-0.02, 0.02, (2, 2)) * (big_width, big_height) * is_moving
        for share in np.linspace(0, 1, num_frames):
            zoom = fit * (zooms[0] * (1 - share) + zooms[1] * share)
            shift = shifts[0] * (1 - share) + shifts[1] * share
            matrix = np.array([[zoom, 0.0, 0.0], [0.0, zoom, 0.0]])
            middle = np.array([big_width, big_height]) / 2 + shift
            matrix[:, 2] = middle - zoom * np.array(size) / 2
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            yield cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)


def _write(
    page: np.ndarray, words: str, place: tuple[int, int], size_px: int, ink: tuple[int, ...]
) -> None:
    cv2.putText(page, words, place, ink, cv2.FontFace("sans"), size_px, 400)
