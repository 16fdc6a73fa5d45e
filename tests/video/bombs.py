"""Files that are small and ask for much: bombs, false headers, endless stills, strobes."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from tests.video.films import film, numbered_frames


def png(path: Path, width: int, height: int, num_channels: int = 1) -> Path:
    """A valid picture of one color: some hundred kB that ask for hundreds of MB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    rows = [packer.compress(b"\0" * (1 + num_channels * width)) for _ in range(height)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, num_channels - 1, 0, 0, 0))
    body = chunk(b"IDAT", b"".join([*rows, packer.flush()]))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))
    return path


def huge_header(path: Path, width: int = 100_000, height: int = 100_000) -> Path:
    """A film whose container (.mkv, .avi or .mp4) states another size than its pictures have."""
    film(path, numbered_frames(10, 64, 96), codec="ffv1" if path.suffix == ".mkv" else "mpeg4")
    data = path.read_bytes()
    if path.suffix == ".mkv":
        # Sizes of four bytes instead of one; a void in the same track entry makes room for them.
        changes = [
            ("e08a b08160 ba8140", f"e090 b084{width:08x} ba84{height:08x}"),
            ("ec01 00000000000002 0000", "ec83 000000"),
        ]
        for old, new in changes:
            assert data.count(bytes.fromhex(old)) >= 1, "the muxer writes its header in another way"
            data = data.replace(bytes.fromhex(old), bytes.fromhex(new), 1)
        path.write_bytes(data)
        return path
    if path.suffix == ".avi":
        old, new = struct.pack("<ii", 96, 64), struct.pack("<ii", width, height)
    else:
        old, new = struct.pack(">HH", 96, 64), struct.pack(">HH", width, height)
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path


def stills(path: Path, hours: float, every_s: Fraction, codec: str = "mjpeg") -> Path:
    """One picture, shown again at even steps for hours; one encoded packet, written often."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        frame = av.VideoFrame.from_ndarray(numbered_frames(1, 64, 96)[0], format="rgb24")
        frame.pts = 0
        first = [*stream.encode(frame), *stream.encode(None)][0]
        data = bytes(first)
        for number in range(int(hours * 3600 / every_s)):
            packet = av.Packet(data)
            packet.stream = stream
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = int(number * every_s * 1000)
            packet.is_keyframe = True
            container.mux(packet)
    return path


def strobe(path: Path, num_cuts: int, frames_per_scene: int = 1) -> Path:
    """A film of many scenes of a few frames each."""
    noise = np.random.default_rng(0).integers(0, 255, (num_cuts, 4, 4, 3), np.uint8)
    pictures = np.kron(noise.repeat(frames_per_scene, 0), np.ones((1, 8, 8, 1), np.uint8))
    return film(path, list(pictures), options={"preset": "ultrafast"})
