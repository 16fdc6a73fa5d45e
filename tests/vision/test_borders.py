import cv2
import numpy as np
import pytest
from tests.vision.pictures import noisy, seen, wall, written

from hashtag2action.vision import borders
from hashtag2action.vision.borders import WHOLE, Crop, find_crop, profiles_of

SIZE = (180, 320)
WORLD = wall(1, 500, 500)


def film(inner: tuple[int, int], bars: str, caption: str = "") -> list[np.ndarray]:
    """Three pictures of (width, height) in the middle of a frame, with bars around."""
    left, top = (SIZE[0] - inner[0]) // 2, (SIZE[1] - inner[1]) // 2
    pictures = []
    for number in range(3):
        picture = noisy(seen(WORLD, inner, (4.0 * number, 0.0)), number)
        if bars == "blurred":
            canvas = cv2.resize(cv2.resize(picture, (6, 10), interpolation=cv2.INTER_AREA), SIZE)
        else:
            canvas = np.full(SIZE[::-1], int(bars), np.uint8)
        canvas[top : top + inner[1], left : left + inner[0]] = picture
        pictures.append(written(canvas, caption, (30, 285), 12) if caption else canvas)
    return pictures


def test_a_picture_without_bars_is_whole():
    assert find_crop(film(SIZE, "0")) == WHOLE


@pytest.mark.parametrize("bars", ["16", "200", "blurred"])
@pytest.mark.parametrize("caption", ["", "wait for it"])
def test_bars_above_and_below_are_found_to_the_pixel(bars: str, caption: str):
    found = find_crop(film((180, 180), bars, caption))
    assert found == pytest.approx((0, 70 / 320, 0, 70 / 320), abs=1.5 / 320)


@pytest.mark.parametrize("bars", ["16", "blurred"])
def test_bars_left_and_right_are_found(bars: str):
    found = find_crop(film((140, 320), bars))
    assert found == pytest.approx((20 / 180, 0, 20 / 180, 0), abs=1.5 / 180)


def test_bars_inside_bars_are_found():
    outer = film((180, 240), "16")
    for picture in outer:
        picture[40:280, :20] = picture[40:280, 160:] = 90
    assert find_crop(outer) == pytest.approx((20 / 180, 40 / 320, 20 / 180, 40 / 320), abs=0.01)


def test_profiles_known_before_change_nothing():
    pictures = film((180, 180), "blurred")
    assert find_crop(pictures, [profiles_of(one) for one in pictures]) == find_crop(pictures)


def test_a_horizon_is_no_bar():
    pictures = []
    for number in range(3):
        sky = cv2.resize(np.array([[180], [200]], np.uint8), SIZE)
        sky[200:] = seen(WORLD, SIZE, (4.0 * number, 0.0))[200:]
        pictures.append(noisy(sky, number))
    assert find_crop(pictures) == WHOLE


def test_a_caption_box_on_a_flat_card_is_no_bar():
    card = np.full(SIZE[::-1], 120, np.uint8)
    card[260:285, 12:168] = 20
    assert find_crop([written(card, "try this at home", (20, 278), 14)] * 3) == WHOLE


def test_a_crop_cuts_what_it_says():
    crop = Crop(0.1, 0.25, 0.2, 0.25)
    assert crop.cut(np.zeros((100, 50))).shape == (50, 35)
    assert crop.inner_fraction == pytest.approx(0.35)


def half_dark(picture: np.ndarray) -> np.ndarray:
    """A blurred frame whose picture goes over into its upper bar in all but the middle."""
    picture = picture.copy()
    picture[68:82] = np.where(
        np.abs(np.arange(SIZE[0]) - 90) < 35, picture[68:82], picture[60:61].repeat(14, 0)
    )
    return picture


def test_right_across_from_a_bar_half_a_line_is_enough():
    pictures = [half_dark(picture) for picture in film((180, 180), "blurred")]
    assert find_crop(pictures) == pytest.approx((0, 70 / 320, 0, 70 / 320), abs=2.5 / 320)


def test_without_its_like_half_a_line_is_no_bar():
    pictures = []
    for picture in film((180, 180), "blurred"):
        shown = half_dark(picture)
        shown[240:] = seen(WORLD, SIZE, (0.0, 9.0))[240:]
        pictures.append(shown)
    assert find_crop(pictures) == WHOLE


def test_of_two_lines_right_across_from_each_other_the_longest_that_end_bars_are_taken():
    rng = np.random.default_rng(1)
    num_found = 0
    for _ in range(200):
        sharp = np.where(rng.uniform(size=320) < 0.62, 0.0, 0.2)
        lines = np.round(rng.uniform(0, 1, 318) ** 20, 1)
        both = [(sharp, lines), (sharp[::-1], lines[::-1])]
        rows = [row for row in range(10, 144) if _may_be_like(lines, row)]
        strengths = [min(borders._strength(*side, row / 320) for side in both) for row in rows]  # pyright: ignore
        best = max(strengths, default=0.0)
        expected = rows[strengths.index(best)] / 320 if best else 0.0
        assert borders._likest(sharp, lines) == expected  # pyright: ignore
        num_found += best > 0
    assert 20 < num_found < 180


def _may_be_like(lines: np.ndarray, row: int) -> bool:
    one, other = (way[row - 4 : row + 2].max() for way in (lines, lines[::-1]))
    return min(one, other) >= 0.3 and max(one, other) >= 0.6
