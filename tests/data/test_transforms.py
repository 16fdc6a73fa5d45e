import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.data.transforms import (
    Box,
    CenterCrop,
    Edit,
    MultiScaleCrop,
    RandomResizedCrop,
    drawn_way,
    jittered_levels,
    multi_scale_box,
    random_resized_box,
    spatial_crops,
)

SIDES = st.integers(16, 300)


def ramp(height: int, width: int, num_frames: int = 2) -> np.ndarray:
    """Frames whose red is the column and whose green is the row."""
    frames = np.zeros((num_frames, height, width, 3), np.uint8)
    frames[..., 0] = np.arange(width) % 256
    frames[..., 1] = np.arange(height)[:, None] % 256
    return frames


def make(edit: Edit, frames: np.ndarray, size_px: int) -> np.ndarray:
    out = np.empty((len(frames), size_px, size_px, 3), np.uint8)
    for frame, target in zip(frames, out, strict=True):
        edit.apply(frame, target)
    return out


@given(height=SIDES, width=SIDES, seed=st.integers(0, 1000))
def test_multi_scale_crops_lie_in_the_frame(height: int, width: int, seed: int) -> None:
    box = multi_scale_box(height, width, np.random.default_rng(seed))
    sizes = [int(min(height, width) * share) for share in (1, 0.875, 0.75, 0.66)]
    assert abs(sizes.index(box.height) - sizes.index(box.width)) <= 1
    assert 0 <= box.top <= height - box.height
    assert 0 <= box.left <= width - box.width


def test_multi_scale_crops_have_ten_shapes_at_thirteen_places() -> None:
    rng = np.random.default_rng(0)
    boxes = {multi_scale_box(100, 100, rng) for _ in range(5000)}
    assert len({(box.height, box.width) for box in boxes}) == 10
    small = {(box.top, box.left) for box in boxes if box.height == box.width == 66}
    assert len(small) == 13


@given(height=SIDES, width=SIDES, seed=st.integers(0, 1000))
def test_random_crops_keep_to_area_and_shape(height: int, width: int, seed: int) -> None:
    box = random_resized_box(height, width, 0.3, 4 / 3, np.random.default_rng(seed))
    assert box.top + box.height <= height
    assert box.left + box.width <= width
    fell_back = box.height == box.width == min(height, width)
    # Rounding to pixels moves area and ratio by a little.
    assert fell_back or box.height * box.width >= 0.26 * height * width
    assert fell_back or 0.65 < box.width / box.height < 1.55


def test_crop_takes_the_box_and_nothing_else() -> None:
    out = make(Edit(Box(10, 20, 8, 8)), ramp(40, 60), 8)
    assert np.array_equal(out, ramp(40, 60)[:, 10:18, 20:28])


def test_flip_mirrors_every_frame() -> None:
    box = Box(0, 0, 8, 8)
    plain, flipped = (make(Edit(box, is_flipped=flip), ramp(8, 8), 8) for flip in (False, True))
    assert np.array_equal(flipped, plain[:, :, ::-1])


def test_a_drifting_crop_goes_its_way_evenly() -> None:
    edit = Edit(Box(10, 20, 8, 8), way=(3.0, -6.0))
    out = np.empty((8, 8, 3), np.uint8)
    seen = []
    for progress in (0.0, 0.25, 1.0):
        edit.apply(ramp(40, 60)[0], out, progress)
        seen.append(out[..., :2].mean(axis=(0, 1)))
    # Red is the column, green the row, each of the middle; a quarter of the way is between pixels,
    # and a level between two is rounded.
    assert seen[0] == pytest.approx([23.5, 13.5])
    assert seen[1] == pytest.approx([22.0, 14.25], abs=0.51)
    assert seen[2] == pytest.approx([17.5, 16.5])


@given(height=SIDES, width=SIDES, seed=st.integers(0, 1000))
def test_a_drifting_crop_stays_in_the_frame(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    box = random_resized_box(height, width, 0.2, 4 / 3, rng)
    down, right = drawn_way(box, height, width, 0.5, rng)
    assert abs(down) <= 0.5 * box.height
    assert abs(right) <= 0.5 * box.width
    assert 0 <= box.top + down <= height - box.height
    assert 0 <= box.left + right <= width - box.width


def test_drift_is_off_unless_asked_for() -> None:
    frames = ramp(40, 60, num_frames=3)
    still = RandomResizedCrop()(frames, 16, np.random.default_rng(1))
    assert np.array_equal(still[0], still[2])
    moving = RandomResizedCrop(max_drift=0.5)(frames, 16, np.random.default_rng(1))
    assert not np.array_equal(moving[0], moving[2])


@pytest.mark.parametrize("kind", [MultiScaleCrop, RandomResizedCrop, CenterCrop])
def test_one_choice_for_all_frames_and_the_same_for_the_same_seed(kind: type) -> None:
    frames = ramp(40, 60, num_frames=3)
    augment = kind()
    out = augment(frames, 16, np.random.default_rng(1))
    assert out.shape == (3, 16, 16, 3)
    assert np.array_equal(out[0], out[2])
    assert np.array_equal(out, augment(frames, 16, np.random.default_rng(1)))


def test_light_keeps_the_order_of_levels() -> None:
    out = jittered_levels(0.3, np.random.default_rng(0)).astype(int)
    assert (np.diff(out) >= 0).all()
    assert (out != np.arange(256)).any()


@pytest.mark.parametrize(("height", "width"), [(40, 100), (100, 40)])
def test_three_crops_run_from_end_to_end(height: int, width: int) -> None:
    picture = ramp(height, width)[0]
    channel = 0 if width > height else 1
    crops = spatial_crops(picture, 40, 3)
    assert [int(crop[0, 0, channel]) for crop in crops] == [0, 30, 60]
    assert int(spatial_crops(picture, 40, 1)[0][0, 0, channel]) == 30
    small = spatial_crops(picture, 20, 3)
    assert [crop.shape for crop in small] == [(20, 20, 3)] * 3
    assert [float(crop[..., channel].mean()) for crop in small] == pytest.approx(
        [19.5, 49.5, 79.5], abs=0.6
    )


@given(height=SIDES, width=SIDES, size=st.integers(8, 256), num=st.integers(1, 4))
def test_crops_have_their_size_whatever_the_frame(height: int, width: int, size: int, num: int):
    for crop in spatial_crops(ramp(height, width, 1)[0], size, num):
        assert crop.shape == (size, size, 3)
