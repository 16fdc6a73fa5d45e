"""Pictures in files of their own."""

from pathlib import Path

import cv2
import numpy as np

from hashtag2action.errors import VideoError
from hashtag2action.video.decode import scaled_size


def read_picture(file: Path, short_side_px: int | None = None) -> np.ndarray:
    """Read a picture.

    Args:
        file: Any format OpenCV reads.
        short_side_px: Scale so that the shorter side has this many pixels; None keeps the size.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        VideoError: It is missing, or no picture.
    """
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
