import numpy as np
import pytest
from tests.vision.pictures import noisy, seen, wall

from hashtag2action.vision.flow import MotionSplit, leftover, split_motion

SIZE = (90, 160)
WORLD = wall(1, 400, 400)


def pair(
    shift: tuple[float, float] = (0.0, 0.0),
    zoom: float = 1.0,
    subject_px: int | None = None,
    side_px: int = 36,
) -> tuple[np.ndarray, np.ndarray]:
    before, after = seen(WORLD, SIZE), seen(WORLD, SIZE, shift, zoom)
    if subject_px is not None:
        somebody = wall(7, side_px, side_px)
        before[60 : 60 + side_px, 20 : 20 + side_px] = somebody
        after[60 : 60 + side_px, 20 + subject_px : 20 + subject_px + side_px] = somebody
    return noisy(before, 1), noisy(after, 2)


def split(*pictures: np.ndarray) -> MotionSplit:
    return split_motion(*pictures)


def test_a_camera_at_rest_and_a_still_wall_do_not_move():
    made = split(*pair())
    assert made.camera_px < 0.1
    assert made.subject_px < 0.2


@pytest.mark.parametrize("shift", [(1.0, 0.0), (0.0, -3.0), (6.0, 2.0)])
def test_a_pan_is_the_cameras(shift: tuple[float, float]):
    made = split(*pair(shift))
    assert made.camera_px == pytest.approx(np.hypot(*shift), rel=0.1)
    assert made.subject_px < 0.2 * made.camera_px + 0.2
    assert made.camera[:, 2] + (made.camera[:, :2] - np.eye(2)) @ (45, 80) == pytest.approx(
        shift, abs=0.3
    )


def test_a_place_in_the_last_row_and_column_counts_as_those_before_it():
    before, after = (seen(WORLD, (85, 93), shift) for shift in ((0.0, 0.0), (2.0, -1.0)))
    made = split(noisy(before, 1), noisy(after, 2))
    assert made.camera_px == pytest.approx(np.hypot(2.0, 1.0), rel=0.1)
    assert made.subject_px < 0.5


def test_a_zoom_is_the_cameras():
    made = split(*pair(zoom=1.02))
    assert made.camera[0, 0] == pytest.approx(1.02, abs=0.006)
    assert made.subject_px < 0.5


def test_somebody_before_a_camera_at_rest_is_the_subject():
    made = split(*pair(subject_px=3))
    assert made.camera_px < 0.15
    assert made.subject_px == pytest.approx(3, rel=0.4)


def test_somebody_before_a_panning_camera_moves_by_the_difference():
    made = split(*pair((-3.0, 0.0), subject_px=1))
    assert made.camera_px == pytest.approx(3, rel=0.15)
    assert made.subject_px == pytest.approx(4, rel=0.4)


def test_what_was_asked_before_changes_nothing():
    pictures = pair((2.0, 1.0), subject_px=3)
    alone = split(*pictures)
    split(np.zeros((90, 300), np.uint8), np.zeros((90, 300), np.uint8))
    again = split(*pictures)
    assert (again.camera_px, again.subject_px) == (alone.camera_px, alone.subject_px)


def test_flat_pictures_do_not_move():
    made = split(np.full((160, 90), 128, np.uint8), np.full((160, 90), 128, np.uint8))
    assert (made.camera_px, made.subject_px) == (0, 0)


@pytest.mark.parametrize(("shift", "zoom"), [((0.0, 0.0), 1.0), ((4.0, 1.0), 1.0), ((1, 0), 1.02)])
def test_a_photograph_leaves_nothing_over_however_it_moves(shift: tuple[float, float], zoom: float):
    pictures = pair(shift, zoom)
    assert leftover(*pictures) < 0.12


def test_somebody_small_is_left_over():
    pictures = pair((4.0, 1.0), subject_px=3, side_px=20)
    assert leftover(*pictures) > 0.3
