"""Small films for the tests of copies: a place, a figure that moves, and what is done to them."""

import cv2
import numpy as np

from hashtag2action.vision.fingerprint import SAMPLES_PER_S, Fingerprint, waves_of

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


def arm_deg(time_s: float, take: int = 0) -> float:
    """Where the arm is: it never does the same twice."""
    rng = np.random.default_rng(take)
    speeds, phases = rng.uniform(0.2, 0.8, 4), rng.uniform(0, 6, 4)
    return float(40 * np.sin(2 * np.pi * speeds * time_s + phases).sum())


def film(
    place: int, take: int = 0, start_s: float = 0.0, length_s: float = 5.0, speed: float = 1.0
) -> list[np.ndarray]:
    """Sampled pictures of a take, from a moment of it on."""
    times = start_s + speed * np.arange(int(length_s * SAMPLES_PER_S)) / SAMPLES_PER_S
    return [picture(place, arm_deg(time, take)) for time in times]


def print_of(frames: list[np.ndarray]) -> Fingerprint:
    """The fingerprint of sampled pictures, as it comes back from a table."""
    times = np.arange(len(frames)) / SAMPLES_PER_S
    made = Fingerprint(np.array([waves_of(frame) for frame in frames], np.float32), times)
    return Fingerprint.from_bytes(made.to_bytes(), times)


def cropped(frame: np.ndarray, scale: float) -> np.ndarray:
    height, width = frame.shape
    top, left = round(height * (1 - scale) / 3), round(width * (1 - scale) / 2)
    inner = frame[top : top + round(height * scale), left : left + round(width * scale)]
    return cv2.resize(inner, SIZE[::-1])


def reencoded(frame: np.ndarray) -> np.ndarray:
    data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
    return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)


def captioned(frame: np.ndarray) -> np.ndarray:
    return cv2.putText(frame.copy(), "day one", (30, 320), 0, 1.0, 255, 3)


def stickered(frame: np.ndarray) -> np.ndarray:
    covered = frame.copy()
    cv2.rectangle(covered, (0, 288), (200, 360), 230, -1)
    return covered


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
    "covered to a fifth": stickered,
    "with black bars": barred,
    "cropped, mirrored, re-encoded": lambda frame: reencoded(cropped(frame[:, ::-1], 0.88)),
}
