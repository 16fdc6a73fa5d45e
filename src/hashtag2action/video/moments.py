"""The pictures of one open file at a few moments, exact, with the least decoding that shows them.

From the headers of the packets it is known which pictures are wanted before one is decoded. So
decoding begins at the last key frame before a wanted picture, ends with it, and passes over
pictures that are neither wanted nor needed for another one. The pictures are to the last bit those
of `decode`: nothing is left out of their own decoding. Other codecs than H.264 and HEVC, and files
whose packets do not say when they are shown, are read as `decode` reads them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter

from hashtag2action.video.container import (
    Clock,
    VideoSource,
    frame_rate,
    open_video,
    rotation_of,
)
from hashtag2action.video.decode import scaled_size, shown_at

_PLANNED = ("h264", "hevc")
"""Codecs whose packets tell by themselves that nothing refers to them."""
_STEPS_BACK_S = (0.0, 1.0, 5.0)
"""How much before the wanted moment to seek, until a key frame not later than it is found."""
_MAX_BYTES = 64 * 2**20
"""Packets held at a time. Chosen: minutes of common footage; more is read in turns."""

Group = list[av.Packet]
"""The packets from a key frame to before the next."""


class Moments:
    """An open file that is asked for the pictures at some moments.

    Args:
        source: The file, for reading it the long way.
        container: The same, opened.
    """

    def __init__(self, source: VideoSource, container: InputContainer) -> None:
        self._source = source
        self._container = container
        self._stream = container.streams.video[0]
        self._is_fresh = True

    def end_s(self) -> float:
        """Return the end of the video by its header, seconds; 0 where it does not say."""
        stream = self._stream
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        if self._container.duration:
            return self._container.duration / av.time_base
        return stream.frames / float(frame_rate(stream))

    def pictures(self, times: np.ndarray) -> Iterator[tuple[range, av.VideoFrame]]:
        """Yield the picture shown at each of some ascending times.

        Yields:
            Places of the times at which a picture is shown, and the picture; valid until the next
            is asked for.

        Raises:
            VideoError: Not one picture could be decoded.
        """
        done = 0
        while done < len(times):
            groups, num_sure = self._gather(times[done:])
            if not num_sure:
                yield from self._the_long_way(times, done, len(times))
                return
            yield from self._decode(times, done, done + num_sure, groups)
            done += num_sure

    def _gather(self, times: np.ndarray) -> tuple[list[Group], int]:
        """Read the packets of a stretch; returns them, and for how many times they suffice."""
        if self._stream.codec_context.name not in _PLANNED:
            return [], 0
        for back_s in _STEPS_BACK_S:
            try:
                groups, is_end = self._read(float(times[0]) - back_s, float(times[-1]))
            except FFmpegError:
                continue
            if not groups:
                return [], 0
            stamps = [packet.pts for group in groups for packet in group]
            if None in stamps or len(set(stamps)) < len(stamps):
                return [], 0
            if times[0] <= back_s or _time_s(self._stream, groups[0][0].pts or 0) <= times[0]:
                last = groups[-1][-1]
                sure_s = _time_s(self._stream, last.dts or 0)
                return groups, len(times) if is_end else int(np.searchsorted(times, sure_s))
        return [], 0

    def _read(self, first_s: float, last_s: float) -> tuple[list[Group], bool]:
        stream = self._stream
        if first_s > 0:
            self._container.seek(Clock(stream).stamp(first_s), stream=stream)
        elif not self._is_fresh:
            self._container.seek(stream.start_time or 0, stream=stream)
        self._is_fresh = False
        groups: list[Group] = []
        num_bytes = 0
        for packet in self._container.demux(stream):
            if not packet.size:
                break
            if packet.is_keyframe:
                groups.append([])
            if groups:
                groups[-1].append(packet)
            num_bytes += packet.size
            # Later packets are decoded later, so they are shown later.
            if packet.dts is not None and _time_s(stream, packet.dts) > last_s:
                return groups, False
            if num_bytes > _MAX_BYTES:
                return groups, False
        return groups, True

    def _decode(
        self, times: np.ndarray, first: int, end: int, groups: list[Group]
    ) -> Iterator[tuple[range, av.VideoFrame]]:
        stamps = np.sort([packet.pts or 0 for group in groups for packet in group])
        shown = np.searchsorted(_seconds(self._stream, stamps), times[first:end], side="right") - 1
        wanted = stamps[shown.clip(0)].tolist()
        places: dict[int, range] = {}
        for place, stamp in enumerate(wanted, start=first):
            begun = places.get(stamp, range(place, place))
            places[stamp] = range(begun.start, place + 1)
        waiting = list(places)
        for frame in _pictures_of(self._stream.codec_context, groups, set(waiting)):
            if frame.pts != waiting[0]:
                # One did not decode: the long way knows what is shown instead.
                break
            yield places[waiting.pop(0)], frame
            if not waiting:
                return
        if waiting:
            yield from self._the_long_way(times, places[waiting[0]].start, end)

    def _the_long_way(
        self, times: np.ndarray, first: int, end: int
    ) -> Iterator[tuple[range, av.VideoFrame]]:
        begun, shown = first, None
        for place, frame in enumerate(shown_at(self._source, times[first:end]), start=first):
            if shown is not None and frame is not shown:
                yield range(begun, place), shown
                begun = place
            shown = frame
        if shown is not None:
            yield range(begun, end), shown


@contextmanager
def open_moments(source: VideoSource) -> Iterator[Moments]:
    """Open a video to be asked for its pictures at some moments.

    Raises:
        VideoError: As `video.container.open_video`.
    """
    with open_video(source) as container:
        yield Moments(source, container)


class RgbReader:
    """Turns pictures into upright RGB, all of the size of the first.

    Args:
        short_side_px: Scale so that the shorter side has this many pixels; None keeps the size.
    """

    def __init__(self, short_side_px: int | None) -> None:
        self._short_side_px = short_side_px
        self._size: tuple[int, int] | None = None
        self._scaler = VideoReformatter()

    def read(self, frame: av.VideoFrame) -> np.ndarray:
        """Return a picture as uint8 (H, W, 3), without a copy where it stands upright."""
        if self._size is None:
            self._size = scaled_size(frame.width, frame.height, self._short_side_px)
        width, height = self._size
        # One thread: loaders have a process for each core.
        rgb = self._scaler.reformat(frame, width, height, "rgb24", interpolation="AREA", threads=1)
        plane = rgb.planes[0]
        strides = (plane.line_size, 3, 1)
        array = np.ndarray((height, width, 3), np.uint8, buffer=plane, strides=strides)  # pyright: ignore
        turns = rotation_of(frame) // 90
        return np.ascontiguousarray(np.rot90(array, turns)) if turns else array


def _pictures_of(
    decoder: av.VideoCodecContext, groups: list[Group], wanted: set[int]
) -> Iterator[av.VideoFrame]:
    """Decode what is wanted of some groups, in the order of showing."""
    needs = [_is_needed(group, wanted) for group in groups]
    # Pictures shown before their key frame refer to the group before.
    leans = [_leans_back(group, wanted) for group in groups[1:]] + [False]
    is_passing = None
    for group, is_needed, is_leant_on in zip(groups, needs, leans, strict=True):
        if not (is_needed or is_leant_on):
            continue
        last = len(group) - 1
        if not is_leant_on:
            last = max(place for place, packet in enumerate(group) if packet.pts in wanted)
        for packet in group[: last + 1]:
            if is_passing != (packet.pts not in wanted):
                is_passing = packet.pts not in wanted
                decoder.skip_frame = "NONREF" if is_passing else "DEFAULT"
            yield from (frame for frame in _decoded(decoder, packet) if frame.pts in wanted)
        if not is_leant_on:
            yield from (frame for frame in _decoded(decoder, None) if frame.pts in wanted)
            decoder.flush_buffers()


def _decoded(decoder: av.VideoCodecContext, packet: av.Packet | None) -> list[av.VideoFrame]:
    """Decode a packet, or give out what waits; a packet that does not decode costs its own."""
    try:
        return decoder.decode(packet)
    except FFmpegError:
        return []


def _is_needed(group: Group, wanted: set[int]) -> bool:
    return any(packet.pts in wanted for packet in group)


def _leans_back(group: Group, wanted: set[int]) -> bool:
    key = group[0].pts
    assert key is not None, "packets without stamps are not planned"
    return any((packet.pts or 0) < key and packet.pts in wanted for packet in group)


def _seconds(stream: av.VideoStream, stamps: np.ndarray) -> np.ndarray:
    """Return times as `Clock` does."""
    base = stream.time_base
    assert base is not None, "a demuxed stream has a time base"
    return (stamps - (stream.start_time or 0)) * base.numerator / base.denominator


def _time_s(stream: av.VideoStream, stamp: int) -> float:
    base = stream.time_base
    assert base is not None, "a demuxed stream has a time base"
    return (stamp - (stream.start_time or 0)) * base.numerator / base.denominator
