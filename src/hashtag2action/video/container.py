"""Opening a video file, its pictures in order and the exact time of each: shared by all readers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.error import FFmpegError

from hashtag2action.errors import TooLargeError, VideoError

MAX_PIXELS = 2**26
"""Most pixels of a picture; larger ones are refused before memory is taken. Chosen: two of 8K."""
_LIMITS = {"max_pixels": str(MAX_PIXELS)}

_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_OTHER_CONTAINERS = (b"\x1aE\xdf\xa3", b"RIFF")  # Matroska and AVI


VideoSource = Path | bytes
"""A video file, or its bytes."""


@contextmanager
def open_video(source: VideoSource, *, is_for_signals: bool = False) -> Iterator[InputContainer]:
    """Open a file that has a video stream, or say in a few stable words why it has none.

    Metadata that is not UTF-8 is let pass: it is common in old AVI files and no reason to lose one.
    One decoder thread: frame threads cost 5 to 25 % more CPU time, and pools bring their own cores.

    Args:
        source: Any file, or its bytes.
        is_for_signals: Leave the loop filter out and take every shortcut of the decoder: a third
            less time, and pictures good enough for measures, never for pixels that are stored.

    Raises:
        VideoError: The file is missing, empty, no video (a web page, for example), truncated before
            its index, or has no pictures.
        TooLargeError: Its header states pictures of more than `MAX_PIXELS`.
    """
    try:
        # The limits hold for the pictures that are decoded to tell what the streams are, too.
        file = BytesIO(source) if isinstance(source, bytes) else os.fspath(source)
        container = av.open(file, "r", metadata_errors="ignore", options=_LIMITS)
    except FFmpegError as error:
        raise VideoError(_why_not(source)) from error
    with container:
        if not container.streams.video:
            has_sound = bool(container.streams.audio)
            raise VideoError("no video stream, only audio" if has_sound else "no video stream")
        decoder = container.streams.video[0].codec_context
        if decoder is None:
            raise VideoError("no decoder for its codec")
        if decoder.width * decoder.height > MAX_PIXELS:
            raise TooLargeError(f"pictures of {decoder.width}x{decoder.height} pixels")
        decoder.thread_type = ThreadType.NONE
        decoder.thread_count = 1
        shortcuts = {"skip_loop_filter": "all", "flags2": "+fast"} if is_for_signals else {}
        decoder.options = _LIMITS | shortcuts
        yield container


def frames_of(container: InputContainer) -> Iterator[av.VideoFrame]:
    """Decode the first video stream from where the container stands, in the order of showing.

    A packet that does not decode costs its own pictures only; a container that ends early ends
    the pictures. Whoever counts compares with what was promised.
    """
    packets = container.demux(container.streams.video[0])
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            assert isinstance(frame, av.VideoFrame), "a video stream gives pictures"
            yield frame


class Clock:
    """Gives each picture of a stream its time in seconds, from the start the stream states.

    Times are exact (time stamp times time base), so variable frame rates need no care elsewhere.
    A picture without a stamp, or with one that does not advance, follows the last at mean rate.
    """

    def __init__(self, stream: av.VideoStream) -> None:
        assert stream.time_base is not None, "a demuxed stream has a time base"
        self._time_base = stream.time_base
        # Plain integers: a Fraction per picture costs more than its scene score.
        self._numerator = stream.time_base.numerator
        self._denominator = stream.time_base.denominator
        self._start = stream.start_time or 0
        self._step_s = float(1 / frame_rate(stream))
        self._last_s: float | None = None

    def time_s(self, frame: av.VideoFrame) -> float:
        """Return the time of the next picture."""
        time_s = None
        if frame.pts is not None:
            time_s = (frame.pts - self._start) * self._numerator / self._denominator
        if self._last_s is None:
            time_s = 0.0 if time_s is None else time_s
        elif time_s is None or time_s <= self._last_s:
            time_s = self._last_s + self._step_s
        self._last_s = time_s
        return time_s

    def stamp(self, time_s: float) -> int:
        """Return the time stamp, in the stream's time base, that is shown at a time."""
        return self._start + int(Fraction(time_s) / self._time_base)


def frame_rate(stream: av.VideoStream) -> Fraction:
    """Return the mean frame rate of a stream; 25 where the container does not say one."""
    rate = stream.average_rate or stream.guessed_rate
    return Fraction(rate) if rate else Fraction(25)


def rotation_of(frame: av.VideoFrame) -> int:
    """Return the counterclockwise turn that brings a picture upright: 0, 90, 180 or 270 degrees."""
    return round(frame.rotation / 90) * 90 % 360


def _why_not(source: VideoSource) -> str:
    if isinstance(source, bytes):
        head = source[:4096]
    else:
        try:
            with source.open("rb") as file:
                head = file.read(4096)
        except OSError as fault:
            return f"cannot be read ({fault.strerror})"
    if not head:
        return "empty file"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        return "not a video, but a web page"
    if head[4:8] in _MP4_BOXES or head[:4] in _OTHER_CONTAINERS:
        return "truncated, its index is missing"
    return "not a video"
