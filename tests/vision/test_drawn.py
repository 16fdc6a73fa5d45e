import cv2
import numpy as np
from benchmarks.graphics import screen_page
from tests.vision.pictures import noisy, wall, written

from hashtag2action.vision.drawn import drawn_score


def test_a_title_card_is_drawn():
    card = written(np.full((320, 180), 120, np.uint8), "DAY 12", (40, 160), 30)
    assert drawn_score(card) > 0.9


def test_the_page_of_an_app_is_drawn():
    page = cv2.resize(screen_page(5, 360, 640), (180, 320), interpolation=cv2.INTER_LINEAR)
    assert drawn_score(cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)) > 0.6


def test_a_wall_was_filmed():
    assert drawn_score(noisy(wall(1, 320, 180), 1)) < 0.05


def test_darkness_says_nothing():
    night = np.full((320, 180), 16, np.uint8)
    night[100:200] = noisy(wall(2, 100, 180), 1)
    assert drawn_score(night) < 0.05
