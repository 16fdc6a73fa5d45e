"""Little films for tests: every frame carries its own number in its brightness."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from benchmarks.scheduling import scheduling_kept


def numbered_frames(count: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    """Frames whose left half says their number and whose corner tells what is up."""
    frames = []
    for number in range(count):
        frame = np.full((height, width, 3), 40 + 4 * (number % 50), np.uint8)
        frame[:, width // 2 :] = 128
        frame[: height // 4, width // 2 :] = (250, 20, 20)
        frames.append(frame)
    return frames


def number_of(frame: np.ndarray) -> float:
    height, width = frame.shape[:2]
    return (frame[height // 4 : -height // 4, 4 : width // 2 - 4].mean() - 40) / 4


def film(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rate: Fraction | int = 25,
    stamps: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    rotation_deg: int = 0,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Encode frames with any codec, pixel format, time stamps and rotation flag."""
    with scheduling_kept(), av.open(str(path), "w") as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.thread_count = 1
        if time_base is not None:
            stream.codec_context.time_base = time_base
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        for index, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(array), format="rgb24")
            frame.pts = stamps[index] if stamps else index
            frame.time_base = time_base or 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
