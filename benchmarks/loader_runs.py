"""What the loader is timed at, one process each: `python -m benchmarks.loader_runs MODE ...`.

Every way of decoding sits in the same loader, below the same sampling and the same transforms, so
that nothing but the decoding differs. Prints one line of JSON.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from hashtag2action.data.clip_set import Clip
from hashtag2action.data.clips import FolderClips
from hashtag2action.data.frames import DecodeOnDemand, FrameReader, OpenClip, Picture
from hashtag2action.data.loader import BatchPlan, ClipBatches, Sampling, iterate
from hashtag2action.data.transforms import MultiScaleCrop, crop_boxes
from hashtag2action.evaluate.views import Views, clip_views

SIZE_PX = 224
NUM_WORKERS = 2
CLIPS_PER_STEP = 8
STRIDE = 4


def main() -> int:
    """Run one mode and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mode", choices=["load", "views"])
    parser.add_argument("decoder", choices=sorted(READERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    run = load if given.mode == "load" else views
    print(json.dumps(run(given.decoder, given.folder, given.clips, given.repeats)))
    return 0


@dataclass(frozen=True)
class _Decoded:
    """Frames of a clip as another library gives them, all at once."""

    span_s: tuple[float, float]
    get: Any

    def pictures(self, times_s: np.ndarray) -> Iterator[tuple[range, Picture]]:
        for place, picture in enumerate(self.get(times_s)):
            yield range(place, place + 1), picture


class DecordReader(FrameReader):
    """Frames by decord2, one thread, as the official loader uses it."""

    @contextmanager
    def open(self, clip: Clip) -> Iterator[OpenClip]:
        from decord import VideoReader, cpu  # pyright: ignore[reportMissingImports]

        video = VideoReader(str(clip.path), num_threads=1, ctx=cpu(0))
        rate, count = video.get_avg_fps(), len(video)

        def get(times_s: np.ndarray) -> np.ndarray:
            return video.get_batch(numbers_at(times_s, rate, count)).asnumpy()

        yield _Decoded((0.0, count / rate), get)


class TorchcodecReader(FrameReader):
    """Frames by torchcodec, with the settings its maintainers advise for loaders."""

    @contextmanager
    def open(self, clip: Clip) -> Iterator[OpenClip]:
        from torchcodec.decoders import VideoDecoder  # pyright: ignore

        video = VideoDecoder(
            str(clip.path),
            seek_mode="approximate",
            num_ffmpeg_threads=1,
            dimension_order="NHWC",
        )
        rate, count = video.metadata.average_fps, len(video)
        assert rate is not None, "an mp4 says its rate"

        def get(times_s: np.ndarray) -> np.ndarray:
            return video.get_frames_at(numbers_at(times_s, rate, count).tolist()).data.numpy()

        yield _Decoded((0.0, count / rate), get)


READERS: dict[str, type[FrameReader]] = {
    "ours": FrameReader,
    "decord": DecordReader,
    "torchcodec": TorchcodecReader,
}


def numbers_at(times_s: np.ndarray, rate: float, count: int) -> np.ndarray:
    """Return the numbers of the frames shown at times, at a constant rate."""
    return np.floor(times_s * rate + 1e-3).astype(int).clip(0, count - 1)


def load(decoder: str, folder: Path, num_clips: int, repeats: int) -> dict[str, float]:
    """Load samples of 16 frames x stride 4 at 224 by two workers."""
    clips = FolderClips(folder=folder, labeled=False).read()
    batches = ClipBatches(
        clips,
        BatchPlan(num_clips=len(clips.clips), clips_per_step=CLIPS_PER_STEP),
        READERS[decoder](DecodeOnDemand()),
        Sampling(),
        MultiScaleCrop(),
        SIZE_PX,
        repeated_augmentation=repeats,
    )
    begun, used = time.monotonic(), _children_s()
    shown: list[float] = []
    steps = iterate(batches, 0, num_clips // CLIPS_PER_STEP, NUM_WORKERS)
    for batch in steps:
        shown += batch.clips[:, 1].float().mean(dim=(1, 2, 3)).tolist() if not shown else []
    wall_s = time.monotonic() - begun
    # Ends the workers: what they used counts when they have ended.
    del steps
    # The first batch's mean levels show that all decoders were asked for the same moments.
    return {
        "wall_s": wall_s,
        "cpu_s": _children_s() - used,
        "level": float(np.mean(shown)),
    }


def views(decoder: str, folder: Path, num_clips: int, repeats: int) -> dict[str, float]:
    """Make the 5 x 3 views of videos: all of one decode, or each of its own as upstream does."""
    clips = FolderClips(folder=folder, labeled=False).read().clips[:num_clips]
    begun, used = time.monotonic(), time.process_time()
    levels: list[float] = []
    for clip in clips:
        if decoder == "ours":
            made = clip_views(clip, FrameReader(DecodeOnDemand()), Sampling(), Views(), SIZE_PX)
            levels.append(float(made[::7].float().mean()))
        else:
            crops = [_official_view(clip, view, crop) for view in range(5) for crop in range(3)]
            levels.append(float(np.mean([crop.mean() for crop in crops[::7]])))
    return {
        "wall_s": time.monotonic() - begun,
        "cpu_s": time.process_time() - used,
        "level": float(np.mean(levels)),
    }


def _official_view(clip: Clip, view: int, crop: int) -> np.ndarray:
    """One view as the official test makes it: the whole video at the stride, resized, then cut."""
    from decord import VideoReader, cpu  # pyright: ignore[reportMissingImports]

    video = VideoReader(str(clip.path), num_threads=1, ctx=cpu(0))
    # Its stride is one of frames; 4/30 s at this rate.
    stride_s = STRIDE / 30
    count, rate = len(video), video.get_avg_fps()
    wanted = numbers_at(np.arange(0, count / rate, stride_s), rate, count)
    frames = video.get_batch(wanted).asnumpy()
    height, width = frames.shape[1:3]
    scale = SIZE_PX / min(height, width)
    size = (round(width * scale), round(height * scale))
    small = np.stack([cv2.resize(frame, size) for frame in frames])
    first = int(view * max(len(small) - 16, 0) / 4)
    box = crop_boxes(small.shape[1], small.shape[2], 3)[crop]
    chosen = small[first : first + 16]
    return chosen[:, box.top : box.top + box.height, box.left : box.left + box.width]


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
