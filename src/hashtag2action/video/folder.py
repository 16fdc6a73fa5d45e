"""Videos kept as folders of numbered pictures."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from hashtag2action.errors import VideoError
from hashtag2action.video.decode import scaled_size


def read_pictures(
    folder: Path, template: str, numbers: Sequence[int], short_side_px: int | None = None
) -> np.ndarray:
    """Read numbered pictures of a folder.

    Args:
        folder: Where they lie.
        template: Name with a place for the number, for example img_{:05}.jpg.
        numbers: Which ones; one that comes again is read once.
        short_side_px: Scale so that the shorter side has this many pixels; None keeps the size.

    Returns:
        uint8 (T, H, W, 3), RGB, all of the size of the first.

    Raises:
        VideoError: One is missing or no picture, or their sizes differ.
    """
    read: dict[int, np.ndarray] = {}
    for number in numbers:
        if number not in read:
            read[number] = _picture(folder / template.format(number), short_side_px)
    sizes = {picture.shape for picture in read.values()}
    if len(sizes) > 1:
        raise VideoError(f"its pictures have {len(sizes)} different sizes")
    return np.stack([read[number] for number in numbers])


def _picture(file: Path, short_side_px: int | None) -> np.ndarray:
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise VideoError(f"{file.name} cannot be read ({error.strerror})") from error
    picture = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB) if len(content) else None
    if picture is None:
        raise VideoError(f"{file.name} is no picture")
    if short_side_px is not None:
        height, width = picture.shape[:2]
        size = scaled_size(width, height, short_side_px)
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(picture, np.uint8)
