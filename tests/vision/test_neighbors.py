import cv2
import numpy as np
import pytest
from tests.vision.copied_films import COPIES, film, picture, print_of

from hashtag2action.vision.fingerprint import SAMPLES_PER_S, Fingerprint
from hashtag2action.vision.neighbors import FingerprintMatcher

MATCHER = FingerprintMatcher()


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_known(how: str):
    match = MATCHER.match(print_of(film(1)), print_of([COPIES[how](frame) for frame in film(1)]))
    assert match is not None
    assert match.is_mirrored == ("mirrored" in how)
    assert match.timing.speed == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_a_slower_or_faster_copy_is_known(speed: float):
    match = MATCHER.match(print_of(film(1)), print_of(film(1, length_s=5 / speed, speed=speed)))
    assert match is not None
    assert match.timing.speed == pytest.approx(1 / speed, abs=0.03)


def test_a_part_from_another_moment_on_is_known():
    match = MATCHER.match(print_of(film(1)), print_of(film(1, start_s=1.3, length_s=3)))
    assert match is not None
    assert match.timing.offset_s == pytest.approx(-1.3, abs=0.05)


def test_another_place_is_no_copy():
    assert MATCHER.match(print_of(film(1)), print_of(film(2))) is None


@pytest.mark.parametrize("take", range(1, 7))
def test_another_take_of_the_same_person_at_the_same_place_is_no_copy(take: int):
    assert MATCHER.match(print_of(film(1)), print_of(film(1, take))) is None


def test_the_same_still_picture_is_a_copy_and_another_is_not():
    still = print_of([picture(1, 0)] * 24)
    smaller = cv2.resize(picture(1, 0), (100, 180), interpolation=cv2.INTER_AREA)
    assert MATCHER.match(still, print_of([smaller] * 24)) is not None
    assert MATCHER.match(still, print_of([picture(1, 80)] * 24)) is None


def test_no_pictures_match_nothing():
    nothing = Fingerprint.from_bytes(b"", np.zeros(0))
    assert MATCHER.match(nothing, nothing) is None
    assert MATCHER.match(nothing, print_of(film(1))) is None


def titled(text: str, top: int, bottom: int) -> list[np.ndarray]:
    """A card of two seconds: words that rise over light that runs from one gray to another."""
    frames = []
    for step in range(13):
        card = np.repeat(np.linspace(top, bottom, 360)[:, None], 200, axis=1).astype(np.uint8)
        frames.append(cv2.putText(card, text, (20, 170 - 3 * min(step, 5)), 0, 1.0, 255, 3))
    return frames


def test_cards_of_one_make_with_other_words_are_no_copies():
    day, rest = print_of(titled("day one", 60, 160)), print_of(titled("rest now", 50, 170))
    assert MATCHER.match(day, day) is not None
    assert MATCHER.match(day, rest) is None


def waving(start_s: float, length_s: float, tilt_deg: float = 0.0) -> Fingerprint:
    """An arm that waves nearly three times a second: pictures hardly follow."""
    times = start_s + np.arange(int(length_s * SAMPLES_PER_S)) / SAMPLES_PER_S
    angles = 40 + tilt_deg + 12 * np.sin(2 * np.pi * 2.7 * times) + 25 * np.sin(1.7 * times)
    return print_of([picture(1, angle) for angle in angles])


def test_a_part_that_moves_too_fast_to_be_followed_is_known():
    assert MATCHER.match(waving(0, 5), waving(1.31, 3)) is not None


@pytest.mark.parametrize("tilt_deg", [-20, -10, 10, 20])
def test_another_take_that_moves_as_fast_is_no_copy(tilt_deg: float):
    assert MATCHER.match(waving(0, 5), waving(1.31, 3, tilt_deg)) is None


def swung(speed: float, is_covered: bool, length_s: float = 4.0) -> Fingerprint:
    """A ball that swings in a corner of a still picture, and perhaps what covers most of it."""
    frames = []
    for time in np.arange(int(length_s * SAMPLES_PER_S)) / SAMPLES_PER_S:
        middle = int(60 + 25 * np.cos(speed * time)), int(60 + 25 * np.sin(1.7 * speed * time))
        frame = cv2.circle(picture(1, 40), middle, 20, 250, -1)
        frames.append(cv2.rectangle(frame, (26, 26), (120, 120), 90, -1) if is_covered else frame)
    return print_of(frames)


def test_a_copy_is_known_where_a_sticker_hides_most_of_what_moves():
    assert MATCHER.match(swung(3, is_covered=False), swung(3, is_covered=True)) is not None


@pytest.mark.parametrize("speed", [1.5, 2.2, 4, 5])
def test_another_movement_beneath_a_sticker_is_no_copy(speed: float):
    assert MATCHER.match(swung(3, is_covered=False), swung(speed, is_covered=True)) is None
