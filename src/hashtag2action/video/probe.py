"""What a file says about its pictures: codec, rate, size, rotation, and how many it promises."""

import re
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer

from hashtag2action.errors import VideoError
from hashtag2action.video.container import (
    VideoSource,
    frame_rate,
    frames_of,
    open_video,
    rotation_of,
)


@dataclass(frozen=True)
class VideoInfo:
    """One video stream, as its container and its first picture describe it."""

    codec: str
    """Codec name, for example 'h264'."""
    pixel_format: str
    """Name of the pixel format, for example 'yuv420p10le'."""
    width_px: int
    """Width after rotation."""
    height_px: int
    """Height after rotation."""
    rotation_deg: int
    """Turn, counterclockwise, that brings a stored picture upright: 0, 90, 180 or 270."""
    frame_rate: Fraction
    """Mean frames per second; 25 where the container does not say."""
    duration_s: float | None
    """Duration of the stream, else of the container; None: unsaid."""
    num_frames_promised: int | None
    """Frames in the container's index; None: unsaid."""
    stated_s: float | None = None
    """Duration that the stream itself states; the container's may be that of longer sound."""


def probe_video(source: VideoSource) -> VideoInfo:
    """Describe the first video stream of a file; decodes no further than its first picture.

    Raises:
        VideoError: The file is missing, empty, no video (a web page, for example), truncated before
            its index, or has sound alone, or not one picture can be decoded.
    """
    with open_video(source) as container:
        for frame in frames_of(container):
            return describe(container, frame)
    raise VideoError("no frames")


def describe(container: InputContainer, frame: av.VideoFrame) -> VideoInfo:
    """Describe a video from its header and its first decoded picture, which knows the rotation."""
    stream = container.streams.video[0]
    rotation = rotation_of(frame)
    sideways = rotation in {90, 270}
    stated_s = _stated_s(stream)
    duration_s = stated_s
    if stated_s is None and container.duration:
        duration_s = container.duration / av.time_base
    return VideoInfo(
        codec=stream.codec_context.name,
        pixel_format=frame.format.name,
        width_px=frame.height if sideways else frame.width,
        height_px=frame.width if sideways else frame.height,
        rotation_deg=rotation,
        frame_rate=frame_rate(stream),
        duration_s=duration_s,
        num_frames_promised=stream.frames or None,
        stated_s=stated_s,
    )


def _stated_s(stream: av.VideoStream) -> float | None:
    """Return the duration of a stream: its own field, or the tag that Matroska has for it."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    for name, text in stream.metadata.items():
        found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text.strip())
        if found and re.fullmatch(r"DURATION(-\w+)?", name):
            hours, minutes, seconds = (float(part) for part in found.groups())
            return 3600 * hours + 60 * minutes + seconds
    return None
