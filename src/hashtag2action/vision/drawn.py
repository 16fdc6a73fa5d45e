"""Whether a picture was drawn by a program and not filmed: screens, title cards, graphics.

Programs paint surfaces of one color and hard edges between them. A camera paints shades: light
falls off, sensors are noisy, and lenses soften what is not in focus.
"""

import cv2
import numpy as np

_FIELD_PX = 7  # chosen: finer than the gaps between lines of text on a screen
_FLAT, _SOFT = 2, 16  # gray levels within a field; chosen: one color, and a shade
_LEAST_LUMA = 24  # chosen: what is darker than this is crushed to one color in filmed pictures too


def drawn_score(picture: np.ndarray) -> float:
    """Return the share of the fields of one color among those without edges, 0 to 1.

    Args:
        picture: Luma, uint8 (h, w), without bars, about 180 pixels on the shorter side.
    """
    kernel = np.ones((_FIELD_PX, _FIELD_PX), np.uint8)
    middle = slice(_FIELD_PX // 2, None, _FIELD_PX)
    most = cv2.dilate(picture, kernel)[middle, middle]
    least = cv2.erode(picture, kernel)[middle, middle]
    spread = most - least
    is_lit = most > _LEAST_LUMA
    num_flat = np.count_nonzero(is_lit & (spread <= _FLAT))
    num_soft = np.count_nonzero(is_lit & (spread > _FLAT) & (spread <= _SOFT))
    # A fiftieth of the picture more: a few flat fields between edges prove nothing.
    return float(num_flat / (num_flat + num_soft + spread.size / 50))
