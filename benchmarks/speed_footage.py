"""Footage to measure speed on: real shorts, joined and encoded as platforms do, at two sizes."""

import json
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

SIZES = {"576x1024": (576, 1024), "1080x1920": (1080, 1920)}
"""Width and height of the two sizes that speed is stated for."""
RATE = 30
JOINED_FRAMES = 24 * RATE
NUM_SHORTS = 8
TEN_MINUTES_S = 600
_OPTIONS = {"preset": "medium", "crf": "26"}  # chosen: near what platforms serve

Size = tuple[int, int]


def joined(shared: Path, out: Path, name: str) -> Path:
    """Return 24 s of real shorts one after the other, H.264 at 30 frames/s, of a named size."""
    path = out / f"joined-{name}.mp4"
    if not path.exists():
        files = [file for file, _ in _readable(shared)]
        _encode(path, _frames(files), SIZES[name], JOINED_FRAMES)
    return path


def ten_minutes(shared: Path, out: Path, name: str) -> Path:
    """Return the joined video over and over, for ten minutes; packets are copied."""
    path = out / f"ten-minutes-{name}.mp4"
    if path.exists():
        return path
    source = joined(shared, out, name)
    beside = path.with_suffix(".part.mp4")
    with av.open(str(beside), "w") as target, av.open(str(source)) as first:
        stream = target.add_stream_from_template(first.streams.video[0])
        for number in range(TEN_MINUTES_S * RATE // JOINED_FRAMES):
            with av.open(str(source)) as copy:
                video = copy.streams.video[0]
                assert video.time_base is not None, "a demuxed stream has a time base"
                shift = round(number * JOINED_FRAMES / RATE / video.time_base)
                for packet in copy.demux(video):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = stream
                    target.mux(packet)
    beside.replace(path)
    return path


def shorts(shared: Path, out: Path) -> tuple[list[Path], dict[str, Any]]:
    """Return whole shorts encoded at 576x1024, and what is true of each."""
    truth, files = {}, []
    for source, post in _readable(shared)[:NUM_SHORTS]:
        path = out / "shorts" / source.name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            _encode(path, _frames([source]), SIZES["576x1024"], None)
        files.append(path)
        # The new files run at another rate: their truth is slower or faster by as much.
        with av.open(str(source)) as container:
            faster = float(container.streams.video[0].average_rate or RATE) / RATE
        truth[source.stem] = post | {
            "scenes": [
                scene | {"start_s": scene["start_s"] * faster, "end_s": scene["end_s"] * faster}
                for scene in post["scenes"]
            ]
        }
    return files, truth


def _readable(shared: Path) -> list[tuple[Path, dict[str, Any]]]:
    folder = shared / "data" / "shorts"
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return [
        (folder / "videos" / f"{post_id}.mp4", post)
        for post_id, post in sorted(truth.items())
        if post.get("readable", True) and not post.get("duplicate_of")
    ]


def _frames(files: Iterable[Path]) -> Iterator[np.ndarray]:
    for file in files:
        with av.open(str(file)) as container:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")


def _encode(path: Path, frames: Iterable[np.ndarray], size: Size, most: int | None) -> None:
    beside = path.with_suffix(".part.mp4")
    with av.open(str(beside), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=_OPTIONS)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number, array in enumerate(frames):
            if number == most:
                break
            picture = cv2.resize(array, size, interpolation=cv2.INTER_CUBIC)
            frame = av.VideoFrame.from_ndarray(np.asarray(picture, np.uint8), format="rgb24")
            frame.pts = number
            frame.time_base = Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    beside.replace(path)
