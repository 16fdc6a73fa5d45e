"""A span of a video as a file of its own, without a new encode: packets from key frame to end."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from hashtag2action.errors import VideoError
from hashtag2action.video.container import Clock, open_video

_IN_MP4 = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_MATROSKA_CLOCK = Fraction(1, 1000)
# As in `decode`: how much before the wanted time to seek, at last from the start.
_STEPS_BACK_S = (0.0, 1.0, 5.0, None)


@dataclass(frozen=True)
class CopiedClip:
    """Where a copied file is, and where in it the wanted span lies."""

    path: Path
    start_s: float
    """First moment of the span, seconds in the file; 0 where it begins at a key frame."""
    end_s: float


def copy_clip(source: Path, target: Path, start_s: float, end_s: float) -> CopiedClip:
    """Copy the packets that show a span, without sound, beside the target first.

    The file begins at the last key frame at or before the span and ends with the last picture that
    the span needs, so it holds more than the span.

    Args:
        source: Video to copy from.
        target: File to write; its suffix becomes .mp4, or .mkv for a codec that mp4 does not hold.
        start_s: First moment, seconds in the source.
        end_s: End, half open.

    Raises:
        VideoError: The source cannot be read, or its packets cannot stand in a file of their own.
    """
    assert end_s > start_s, f"expected a span, found {start_s} to {end_s} s"
    with open_video(source) as container:
        stream = container.streams.video[0]
        if container.format.name == "avi" and stream.codec_context.has_b_frames:
            # One packet may hold several pictures there, and the marks of key frames lie.
            raise VideoError("its packets cannot be told apart, so they cannot be copied")
        is_mp4 = stream.codec_context.codec.canonical_name in _IN_MP4
        path = target.with_suffix(".mp4" if is_mp4 else ".mkv")
        beside = path.with_name(f"{path.stem}.part{path.suffix}")
        try:
            first_pts, out_clock = _copy(container, beside, start_s, end_s, is_mp4=is_mp4)
            beside.replace(path)
        except (FFmpegError, ValueError) as error:
            raise VideoError(f"its packets cannot be copied ({type(error).__name__})") from error
        finally:
            beside.unlink(missing_ok=True)
        assert stream.time_base is not None, "a demuxed stream has a time base"
        shift = (first_pts - (stream.start_time or 0)) * stream.time_base
        return CopiedClip(
            path,
            _inside(start_s, shift, stream.time_base, out_clock),
            _inside(end_s, shift, stream.time_base, out_clock),
        )


def _copy(
    container: InputContainer, path: Path, start_s: float, end_s: float, *, is_mp4: bool
) -> tuple[int, Fraction]:
    """Write the packets; returns the first time stamp and the clock of the file."""
    stream = container.streams.video[0]
    assert stream.time_base is not None, "a demuxed stream has a time base"
    packets = _packets(container, start_s, end_s)
    first_pts = packets[0].pts
    assert first_pts is not None, "packets without times were refused"
    # The source's own clock, so that times in the file are exact.
    clock = Fraction(1, stream.time_base.denominator) if is_mp4 else _MATROSKA_CLOCK
    options = {"movflags": "+faststart", "video_track_timescale": str(clock.denominator)}
    kind = "mp4" if is_mp4 else "matroska"
    with av.open(
        str(path), "w", format=kind, options={"fflags": "+bitexact", **(options if is_mp4 else {})}
    ) as out:
        copy = out.add_stream_from_template(stream, opaque=True)
        copy.time_base = stream.time_base
        for packet in packets:
            assert packet.pts is not None, "packets without times were refused"
            packet.pts -= first_pts
            if packet.dts is not None:
                packet.dts -= first_pts
            packet.stream = copy
            out.mux(packet)
    return first_pts, clock


def _packets(container: InputContainer, start_s: float, end_s: float) -> list[av.Packet]:
    """Return the packets from the key frame before a span to the last one the span needs."""
    stream = container.streams.video[0]
    clock = Clock(stream)
    # Half a stamp of slack: times went through floating point.
    start, end = clock.stamp(start_s + 1e-6), clock.stamp(end_s - 1e-6)
    for back_s in _STEPS_BACK_S:
        seek_s = 0.0 if back_s is None else start_s - back_s
        if seek_s > 0:
            try:
                container.seek(clock.stamp(seek_s + 1e-6), stream=stream)
            except FFmpegError:
                continue
        elif back_s != 0.0 or start_s > 0:
            container.seek(0, backward=True)
        packets = _from_key(container.demux(stream), start, end)
        if packets and (seek_s <= 0 or (packets[0].pts or 0) <= start):
            return packets
    raise VideoError("no frames")


def _from_key(packets: Iterator[av.Packet], start: int, end: int) -> list[av.Packet]:
    kept: list[av.Packet] = []
    last_needed = 0
    for packet in packets:
        if packet.size == 0:
            continue
        if packet.pts is None:
            raise VideoError("its packets have no times, so they cannot be copied")
        if packet.is_keyframe and packet.pts <= start:
            kept, last_needed = [], 0
        elif not kept:
            if not packet.is_keyframe:
                continue
        elif packet.pts < (kept[0].pts or 0):
            # A picture that leads its key frame needs the one before, which is left out.
            continue
        if packet.dts is not None and packet.dts > end and kept:
            break
        kept.append(packet)
        if packet.pts <= end:
            last_needed = len(kept)
    return kept[:last_needed]


def _inside(time_s: float, shift: Fraction, clock: Fraction, out_clock: Fraction) -> float:
    """Return a time of the source as the file's clock tells it."""
    ticks = round(Fraction(time_s) / clock)
    exact = ticks * clock if abs(float(ticks * clock) - time_s) < 1e-6 else Fraction(time_s)
    inside = (exact - shift) / out_clock
    whole = (2 * inside.numerator + inside.denominator) // (2 * inside.denominator)
    if out_clock == _MATROSKA_CLOCK or inside == whole:
        return whole * out_clock.numerator / out_clock.denominator
    return float(inside * out_clock)
