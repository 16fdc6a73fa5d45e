from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from hashtag2action.vision.faces import FaceBlur, FoundFaces, blur_faces, cover, covered

BOX = np.array([40, 30, 60, 54], np.float32)


def found(*boxes: np.ndarray, score: float = 0.9) -> FoundFaces:
    stacked = np.stack(boxes) if boxes else np.zeros((0, 4), np.float32)
    return FoundFaces(stacked, np.full(len(boxes), score, np.float32))


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (96, 128, 3)).astype(np.uint8)


def is_inside(box: np.ndarray, covers: np.ndarray) -> bool:
    return any((cover[:2] <= box[:2]).all() and (cover[2:] >= box[2:]).all() for cover in covers)


def test_what_is_covered_cannot_be_told_from_another() -> None:
    one, other = noise(1), noise(2)
    # Two faces of equal coarse shades, and different in everything finer.
    for picture in (one, other):
        picture[30:54, 40:60] = np.clip(picture[30:54, 40:60] // 8 + 100, 0, 255)
    a, b = (cover(picture, BOX[None])[30:54, 40:60].astype(int) for picture in (one, other))
    assert np.abs(one[30:54, 40:60].astype(int) - other[30:54, 40:60]).mean() > 8
    assert np.abs(a - b).mean() < 2
    assert np.abs(np.diff(a, axis=0)).max() <= 6


def test_what_is_outside_keeps_its_pixels_and_the_picture_given_its_own() -> None:
    picture = noise()
    before = picture.copy()
    out = cover(picture, BOX[None])
    np.testing.assert_array_equal(picture, before)
    mask = np.ones(picture.shape[:2], bool)
    mask[30:54, 40:60] = False
    np.testing.assert_array_equal(out[mask], picture[mask])


def test_boxes_at_and_over_the_edge_are_covered_as_far_as_they_show() -> None:
    boxes = np.array([[-10, -10, 8, 8], [120, 90, 140, 110], [200, 10, 220, 30], [5, 5, 5, 9]])
    out = cover(noise(), boxes.astype(np.float32))
    assert out.shape == (96, 128, 3)
    assert np.abs(np.diff(out[:8, :8].astype(int), axis=0)).max() < 60


def test_a_face_stays_covered_between_finds_and_a_while_around_them() -> None:
    settings = FaceBlur(hold_s=0.4)
    step = np.array([4, 0, 4, 0], np.float32)
    # Found at 10 and 16 of 40 pictures, missed in between; 25 pictures a second.
    looks = [(number, found()) for number in range(0, 40, 2)]
    looks[5], looks[8] = (10, found(BOX)), (16, found(BOX + step))
    covers = covered(looks, 40, 25, settings)
    for number in range(10, 17):
        assert is_inside(BOX + step * (number - 10) / 6, covers[number])
    assert all(is_inside(BOX, covers[number]) for number in range(10))
    assert all(is_inside(BOX + step, covers[number]) for number in range(17, 27))
    assert not any(len(covers[number]) for number in range(27, 40))


def test_covers_are_grown_and_never_shrink_suddenly() -> None:
    looks = [
        (number, found(BOX if number % 4 else BOX + np.float32([3, 3, -3, -3])))
        for number in range(20)
    ]
    covers = covered(looks, 20, 25, FaceBlur(margin=1.5))
    widths = [boxes[0][2] - boxes[0][0] for boxes in covers]
    assert min(widths) >= 1.5 * 20 - 1e-3
    assert np.ptp(widths) < 1e-3


def test_a_weak_find_must_be_met_twice() -> None:
    once = [(0, found(BOX, score=0.4)), (2, found()), (4, found())]
    twice = [(0, found(BOX, score=0.4)), (2, found(BOX, score=0.4)), (4, found())]
    assert not any(len(boxes) for boxes in covered(once, 5, 25, FaceBlur()))
    assert all(len(boxes) for boxes in covered(twice, 5, 25, FaceBlur()))
    assert not any(
        len(boxes) for boxes in covered([(0, found(BOX, score=0.2))] * 2, 5, 25, FaceBlur())
    )


def test_two_faces_are_two_tracks() -> None:
    far = BOX + np.float32([60, 20, 60, 20])
    covers = covered([(k, found(BOX, far)) for k in range(10)], 10, 25, FaceBlur())
    assert {len(boxes) for boxes in covers} == {2}
    assert all(is_inside(BOX, boxes) and is_inside(far, boxes) for boxes in covers)


def test_real_faces_are_found_also_small_ones_and_covered(detector_weights: None, shared) -> None:
    photograph = cv2.imread(str(shared("data/samples/person1.jpg")))
    assert photograph is not None
    whole = cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB)
    settings = FaceBlur()
    find = settings.open()
    # The same person small, at the foot of a portrait picture.
    small = np.full((640, 360, 3), 90, np.uint8)
    small[440:600, 120:240] = cv2.resize(whole, (120, 160), interpolation=cv2.INTER_AREA)
    for picture, face in ((whole, (180, 197, 215, 231)), (small, (165, 489, 174, 498))):

        def pictures(picture: np.ndarray = picture) -> Iterator[np.ndarray]:
            yield from [picture] * 6

        out = list(blur_faces(pictures, 25, settings, find))
        x0, y0, x1, y1 = face
        before, after = (
            np.abs(np.diff(shown[y0:y1, x0:x1].astype(int), axis=0)).mean()
            for shown in (picture, out[3])
        )
        assert after < before / 3
        assert len(out) == 6


@pytest.mark.parametrize("field", ["margin=0.5", "min_score=0", "looks_per_s=0"])
def test_settings_that_cover_nothing_are_refused(field: str) -> None:
    name, _, value = field.partition("=")
    with pytest.raises(ValueError, match=name):
        FaceBlur.model_validate({name: float(value)})
