import cv2
import numpy as np
import pytest
from tests.vision.pictures import noisy, seen, wall, written

from hashtag2action.vision.overlay import mark_mask, strokes_of, text_mask

SIZE = (180, 320)
WORLD = wall(1, 500, 500)


def film(step_px: float) -> list[np.ndarray]:
    return [noisy(seen(WORLD, SIZE, (step_px * k, step_px * k / 2)), k) for k in range(3)]


def text(pictures: list[np.ndarray]) -> np.ndarray:
    return text_mask(pictures[-1], [strokes_of(one) for one in pictures]) > 0


@pytest.mark.parametrize("size_px", [11, 16, 24])
def test_a_caption_is_covered_and_little_else(size_px: int):
    pictures = [written(one, "wait for it", (20, 260), size_px) for one in film(3)]
    covered = text(pictures)
    letters = written(np.full(SIZE[::-1], 128, np.uint8), "wait for it", (20, 260), size_px) != 128
    assert covered[letters].mean() > 0.7
    rows, columns = np.nonzero(letters)
    inside = covered[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : columns.max() + 4]
    assert inside.sum() > 0.9 * covered.sum()


def test_words_that_move_along_were_filmed():
    sign = written(WORLD, "bakery and cafe", (180, 250), 16)
    pictures = [noisy(seen(sign, SIZE, (12.0 * k, 5.0 * k)), k) for k in range(3)]
    assert text(pictures).mean() < 0.005


def test_a_wall_has_no_text():
    assert not text(film(0)).any()


def sticker(pictures: list[np.ndarray]) -> list[np.ndarray]:
    made = [one.copy() for one in pictures]
    for one in made:
        one[60:100, 110:150] = 240
        one[70:90, 120:140] = 30
    return made


def test_a_sticker_stays_while_the_camera_moves():
    covered = mark_mask(sticker(film(6))) > 0
    assert covered[60:100, 110:150].mean() > 0.9
    assert covered.sum() < 2 * 40 * 40


def test_where_the_camera_rests_everything_stays_and_nothing_is_said():
    assert not mark_mask(sticker(film(0))).any()


def test_a_moving_camera_alone_leaves_no_marks():
    assert not mark_mask(film(6)).any()


@pytest.mark.parametrize("top", [0, 1, 2, 150, 295])
def test_text_is_covered_alike_wherever_it_stands(top: int):
    picture = np.full((320, 180), 60, np.uint8)
    line = picture[:24].copy()
    cv2.putText(line, "HELLO", (20, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 250, 2)
    picture[top : top + 23] = line[1:]
    covered = text_mask(picture, [strokes_of(picture)])
    rows = np.flatnonzero(covered.any(axis=1))
    ink = np.flatnonzero((picture > 60 + 60).any(axis=1))
    assert [rows[0], rows[-1]] == [max(0, ink[0] - 2), min(319, ink[-1] + 2)]
