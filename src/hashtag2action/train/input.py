"""What a training reads: the clips it learns from, and those it only looks at."""

import logging
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from hashtag2action.config import Config
from hashtag2action.data.clip_set import ClipSet
from hashtag2action.data.clips import ClipSource
from hashtag2action.data.frames import DecodeOnDemand, Decoding, FrameReader, OnProgress
from hashtag2action.data.loader import BatchPlan, ClipBatches, Playback, Sampling, readable_clips
from hashtag2action.data.transforms import Augmentation, MultiScaleCrop
from hashtag2action.errors import ConfigError
from hashtag2action.evaluate.recognizer import Network
from hashtag2action.train.chance import HOLD_OUT
from hashtag2action.train.optim import Optimization
from hashtag2action.train.watch import Watch

log = logging.getLogger(__name__)


class TrainingData(Config):
    """Which clips are learned from, and how they become samples."""

    clips: ClipSource
    """Where the clips are."""
    decoding: Decoding = DecodeOnDemand()
    """Decode on demand, or once into memory."""
    sampling: Literal["dense", "segments"] = "dense"
    """Dense: a fixed stride from a random place. Segments: one frame of each equal part."""
    stride_s: float = Field(4 / 30, gt=0)
    """Seconds from frame to frame. Source: VideoMAE V2, every fourth frame, of 30 a second."""
    playback: Playback = Playback()
    """How fast and which way they are played."""
    augmentation: Augmentation = MultiScaleCrop()
    """What happens to the pixels."""
    held_out_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the clips that is not trained on, drawn by the seed, to tell the best state by."""
    unreadable: Literal["fail", "skip"] = "fail"
    """A clip that cannot be read ends the run with its path, or is left out and counted."""

    @model_validator(mode="after")
    def _speed_means_something(self) -> "TrainingData":
        if self.sampling == "segments" and self.playback.max_speed > 1:
            raise ValueError(
                "playback.max_speed changes the stride of dense samples; segments take all of a "
                "clip, so leave it at 1"
            )
        return self


@dataclass(frozen=True)
class Data:
    """Clips made ready."""

    batches: ClipBatches
    """What is learned from."""
    watched: ClipSet
    """What is looked at."""
    is_new: bool
    """Whether what is looked at is not learned from."""
    num_dropped: int
    """Clips left out because they cannot be read."""


def open_data(
    data: TrainingData,
    watch: Watch,
    network: Network,
    optimization: Optimization,
    seed: int,
    on_progress: OnProgress | None,
) -> Data:
    """List the clips, decode them if they are kept in memory, and make what makes batches.

    Raises:
        ConfigError: There are no clips, or all are held out.
        VideoError: A clip cannot be read.
    """
    skip = data.unreadable == "skip"
    reader = FrameReader(data.decoding)
    clips, num_dropped = readable_clips(
        data.clips.read(), reader, skip_unreadable=skip, on_progress=on_progress
    )
    log.info(
        "%d clips, %d dropped as unreadable, %.0f MB of frames in memory",
        len(clips.clips),
        num_dropped,
        reader.size_bytes / 1e6,
    )
    learned, held_out = hold_out(clips, data.held_out_fraction, seed)
    batches = ClipBatches(
        learned,
        BatchPlan(
            num_clips=len(learned.clips), clips_per_step=optimization.clips_per_step, seed=seed
        ),
        reader,
        Sampling(kind=data.sampling, num_frames=network.num_frames, stride_s=data.stride_s),
        data.augmentation,
        network.size_px,
        playback=data.playback,
        repeated_augmentation=optimization.repeated_augmentation,
        skip_unreadable=skip,
    )
    if watch.clips is not None:
        return Data(batches, watch.clips.read(), True, num_dropped)
    is_new = len(held_out.clips) > 0
    return Data(batches, held_out if is_new else learned, is_new, num_dropped)


def hold_out(clips: ClipSet, fraction: float, seed: int) -> tuple[ClipSet, ClipSet]:
    """Part clips in those to learn from and those held out.

    Args:
        clips: All.
        fraction: Share held out, rounded to whole clips.
        seed: Seed of the draw.

    Raises:
        ConfigError: None are left.
    """
    num_held = round(fraction * len(clips.clips))
    if num_held == 0:
        return clips, replace(clips, clips=())
    if num_held == len(clips.clips):
        raise ConfigError(f"data.held_out_fraction={fraction} holds out all {num_held} clips")
    drawn = np.random.default_rng([seed, HOLD_OUT]).permutation(len(clips.clips))
    held, learned = sorted(drawn[:num_held].tolist()), sorted(drawn[num_held:].tolist())
    return clips.take(learned), clips.take(held)
