"""Pictures for the tests of measures: rough walls, somebody on them, cameras that move."""

import cv2
import numpy as np


def wall(seed: int, height: int, width: int) -> np.ndarray:
    """Something with detail of every size, uint8 (height, width)."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width), np.float32)
    for cells, strength in ((6, 1.0), (20, 0.7), (60, 0.5)):
        noise = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        picture += strength * cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 70 * picture, 20, 235).astype(np.uint8)


def noisy(picture: np.ndarray, seed: int) -> np.ndarray:
    """The picture as a sensor sees it."""
    noise = np.random.default_rng(seed).normal(0, 1.5, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def seen(
    world: np.ndarray,
    size: tuple[int, int],
    shift: tuple[float, float] = (0.0, 0.0),
    zoom: float = 1.0,
) -> np.ndarray:
    """What a camera of a size (width, height) sees of the middle of a world."""
    matrix = np.array([[1 / zoom, 0.0, 0.0], [0.0, 1 / zoom, 0.0]])
    middle = np.array(world.shape[::-1]) / 2 - shift
    matrix[:, 2] = middle - np.array(size) / (2 * zoom)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(world, matrix, size, flags=flags)


def written(picture: np.ndarray, words: str, place: tuple[int, int], size_px: int) -> np.ndarray:
    """The picture with white words, outlined in black."""
    made = picture.copy()
    font = cv2.FontFace("sans")
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(made, words, (place[0] + dx, place[1] + dy), (10,), font, size_px, 700)
    cv2.putText(made, words, place, (250,), font, size_px, 700)
    return made
