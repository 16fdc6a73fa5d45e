import cv2
import numpy as np
import pytest

from hashtag2action.vision.fingerprint import (
    MIRROR_MASK,
    Fingerprint,
    hash_pair,
    waves_of,
)
from hashtag2action.vision.neighbors import FingerprintMatcher, candidate_pairs

SIZE = (360, 200)


def picture(place: int, arm_deg: float) -> np.ndarray:
    """A place and a figure in it that waves one thick arm."""
    noise = np.random.default_rng(place).random((10, 6)).astype(np.float32)
    wall = cv2.resize(noise, SIZE[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
    frame = (60 + 140 * wall).astype(np.uint8)
    cv2.ellipse(frame, (100, 200), (28, 90), 0, 0, 360, 20, -1)
    tip = (
        int(100 + 90 * np.cos(np.radians(arm_deg))),
        int(150 - 90 * np.sin(np.radians(arm_deg))),
    )
    cv2.line(frame, (100, 150), tip, 15, 30)
    return frame


def film(place: int, speed: float = 90.0, phase: float = 0.0) -> list[np.ndarray]:
    return [picture(place, phase + speed * k / 4) for k in range(16)]


def print_of(frames: list[np.ndarray]) -> Fingerprint:
    waves = [waves_of(frame) for frame in frames]
    hashes = [hash_pair(now, waves[k - 2] if k >= 2 else None) for k, now in enumerate(waves)]
    return Fingerprint(np.array(hashes), np.arange(len(frames)) / 4)


def cropped(frame: np.ndarray, scale: float) -> np.ndarray:
    height, width = frame.shape
    top, left = round(height * (1 - scale) / 2), round(width * (1 - scale) / 2)
    return cv2.resize(frame[top : height - top, left : width - left], SIZE[::-1])


def reencoded(frame: np.ndarray) -> np.ndarray:
    data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def captioned(frame: np.ndarray) -> np.ndarray:
    return cv2.putText(frame.copy(), "day one", (30, 320), 0, 1.0, 255, 3)


def barred(frame: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(frame, 60, 60, 0, 0, cv2.BORDER_CONSTANT, value=16)


COPIES = {
    "the same": lambda frame: frame,
    "re-encoded": reencoded,
    "smaller": lambda frame: cv2.resize(frame, (100, 180), interpolation=cv2.INTER_AREA),
    "brighter": lambda frame: (frame * 0.8 + 50).astype(np.uint8),
    "mirrored": lambda frame: np.ascontiguousarray(frame[:, ::-1]),
    "cropped to 92 %": lambda frame: cropped(frame, 0.92),
    "cropped to 85 %": lambda frame: cropped(frame, 0.85),
    "captioned": captioned,
    "with black bars": barred,
    "cropped, mirrored, re-encoded": lambda frame: reencoded(cropped(frame[:, ::-1], 0.88)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_known(how: str):
    original = print_of(film(1))
    copy = print_of([COPIES[how](frame) for frame in film(1)])
    match = FingerprintMatcher().match(original, copy)
    assert match is not None
    assert match.is_mirrored == ("mirrored" in how)
    assert candidate_pairs([original, copy]).tolist() == [[0, 1]]


def test_another_place_is_no_copy():
    assert FingerprintMatcher().match(print_of(film(1)), print_of(film(2))) is None


@pytest.mark.parametrize(("speed", "phase"), [(90.0, 180.0), (-90.0, 0.0), (45.0, 60.0)])
def test_the_same_place_filmed_twice_is_no_copy(speed: float, phase: float):
    assert FingerprintMatcher().match(print_of(film(1)), print_of(film(1, speed, phase))) is None


def test_the_mask_turns_a_hash_into_that_of_the_mirror_image():
    frame = picture(1, 30)
    one = hash_pair(waves_of(frame), None)[0, 0]
    other = hash_pair(waves_of(np.ascontiguousarray(frame[:, ::-1])), None)[0, 0]
    assert np.bitwise_count(one ^ other ^ MIRROR_MASK) <= 2
    assert np.bitwise_count(one ^ other) > 10


def test_flat_and_still_pictures_tell_nothing():
    flat = np.full(SIZE, 90, np.uint8)
    assert not hash_pair(waves_of(flat), waves_of(flat)).any()
    still = hash_pair(waves_of(picture(1, 0)), waves_of(picture(1, 0)))
    assert still[0].all()
    assert not still[1].any()


def test_bytes_come_back():
    original = print_of(film(1))
    back = Fingerprint.from_bytes(original.to_bytes(), original.times_s)
    np.testing.assert_array_equal(back.hashes, original.hashes)


def test_no_fingerprints_have_no_neighbors():
    nothing = Fingerprint.from_bytes(b"", np.zeros(0))
    assert candidate_pairs([]).shape == (0, 2)
    assert candidate_pairs([nothing, nothing]).shape == (0, 2)
    assert FingerprintMatcher().match(nothing, nothing) is None
