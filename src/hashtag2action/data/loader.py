"""From clips to batches: every batch is a function of (seed, step) and of nothing else.

So resuming at a step needs no state, any number of workers makes the same batches, and a batch
can be drawn again to look at it. Clips come in permutations, one after the other without a gap:
every clip is seen equally often whatever the batch size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip, ClipSet
from hashtag2action.data.frames import FrameReader, OnProgress
from hashtag2action.data.transforms import Augmentation, Edit, progress_at
from hashtag2action.errors import ConfigError, VideoError
from hashtag2action.video.sampling import dense_times, segment_times

_ORDER, _SAMPLE = 0, 1
"""Which chance: seeds of the order and of the samples must not coincide."""


class Sampling(Config):
    """Which frames of a clip make a sample."""

    kind: Literal["dense", "segments"] = "dense"
    """Dense: frames at a fixed stride from a random place. Segments: the clip is cut into equal
    parts, one random frame of each (for Something-Something V2)."""
    num_frames: Annotated[int, Field(gt=0)] = 16
    """Frames of a sample. Source: VideoMAE V2."""
    stride_s: Annotated[float, Field(gt=0)] = 4 / 30
    """Seconds from frame to frame. Source: VideoMAE V2, every fourth frame, of 30 a second."""

    def times(
        self, span_s: tuple[float, float], rng: np.random.Generator, speed: float = 1.0
    ) -> np.ndarray:
        """Draw the times of one sample, in seconds within the file.

        Args:
            span_s: Start and end of the clip.
            rng: Source of chance.
            speed: How many times as fast it is played; segments take all of a clip at any speed.
        """
        if self.kind == "segments":
            offsets = rng.random(self.num_frames)
            return segment_times(*span_s, self.num_frames, offset_fractions=offsets)
        stride_s = self.stride_s * speed
        return dense_times(*span_s, self.num_frames, stride_s, float(rng.random()))


class Playback(Config):
    """How fast, and which way, the clips of a training are played."""

    max_speed: Annotated[float, Field(ge=1)] = 1.0
    """Largest speed; its inverse is the smallest, and between them all are as likely on a
    logarithmic scale. A clip too short for its speed is played as fast as it lasts. Chosen: off,
    as in VideoMAE V2; where clips are few, it makes several motions of one."""
    reverse_probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the samples that are played backwards. Chosen: off, as in VideoMAE V2."""

    @property
    def is_on(self) -> bool:
        """Whether clips are played other than they are."""
        return self.max_speed > 1 or self.reverse_probability > 0

    def draw(self, most: float, rng: np.random.Generator) -> tuple[float, bool]:
        """Draw speed and whether to play backwards.

        Args:
            most: Speed at which the sample takes the whole clip.
            rng: Source of chance.
        """
        limit = float(np.log(self.max_speed))
        speed = min(float(np.exp(rng.uniform(-limit, limit))), max(1.0, most))
        return speed, bool(rng.random() < self.reverse_probability)


class Batch(NamedTuple):
    """Samples of one step."""

    step: int
    clips: UInt8[Tensor, "b 3 t h w"]
    labels: Int64[Tensor, " b"]
    """Class of each sample; -1 without labels."""
    clip_ids: list[str]
    num_unreadable: int
    """Clips of this step that could not be read and are missing from it."""
    numbers: list[int]
    """Number of each sample among all of its step, unreadable ones counted: what is drawn for a
    sample depends on it, and not on who draws or how many do."""


class Portion(NamedTuple):
    """Some clips of a step, by their numbers in it: what a process takes at once."""

    step: int
    first: int
    """Number of the first clip."""
    end: int
    """Number after the last clip."""


class BatchPlan(Config):
    """Which clips make which step."""

    num_clips: Annotated[int, Field(gt=0)]
    """Clips of the data set."""
    clips_per_step: Annotated[int, Field(gt=0)]
    """Clips of one step."""
    seed: int = 0
    """Seed of the order."""

    def places(self, step: int) -> list[int]:
        """Return the places of a step's clips in the data set."""
        first = step * self.clips_per_step
        seen = range(first, first + self.clips_per_step)
        epochs = {at // self.num_clips for at in seen}
        orders = {epoch: _order(self.seed, epoch, self.num_clips) for epoch in epochs}
        return [int(orders[at // self.num_clips][at % self.num_clips]) for at in seen]


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, num_clips: int) -> np.ndarray:
    return np.random.default_rng([seed, _ORDER, epoch]).permutation(num_clips)


class ClipBatches(Dataset[Batch]):
    """Make the batch of any step.

    Args:
        clips: The data set.
        plan: Which clips make which step.
        reader: Where frames come from.
        sampling: Which frames make a sample.
        augmentation: What happens to their pixels.
        size_px: Height and width of a sample.
        playback: How fast and which way they are played.
        repeated_augmentation: Samples from one decoded clip, which share its frames.
        skip_unreadable: Leave clips that cannot be read out of their batch, and count them; else
            they are an error.
    """

    def __init__(
        self,
        clips: ClipSet,
        plan: BatchPlan,
        reader: FrameReader,
        sampling: Sampling,
        augmentation: Augmentation,
        size_px: int,
        *,
        playback: Playback | None = None,
        repeated_augmentation: int = 1,
        skip_unreadable: bool = False,
    ) -> None:
        self.source = clips
        self.clips = clips.clips
        self.plan = plan
        self.reader = reader
        self.sampling = sampling
        self.augmentation = augmentation
        self.size_px = size_px
        self.playback = playback or Playback()
        self.repeated_augmentation = repeated_augmentation
        self.skip_unreadable = skip_unreadable
        if not clips.may_mirror and augmentation.flip:
            raise ConfigError(
                "data.augmentation.flip: the classes of these clips tell left from right; set it "
                "to false"
            )

    def __getitem__(self, wanted: int | Portion) -> Batch:
        """Make the batch of a step, or of a portion of one.

        A portion of which no clip can be read is empty, as other portions of its step may not be.

        Raises:
            VideoError: A clip cannot be read; the message names its file.
        """
        if isinstance(wanted, int):
            batch = self[Portion(wanted, 0, self.plan.clips_per_step)]
            if not batch.numbers:
                raise VideoError(f"step {wanted}: none of its clips can be read")
            return batch
        step, first, end = wanted
        places, repeats = self.plan.places(step), self.repeated_augmentation
        samples = self._room((end - first) * repeats)
        array = samples.numpy()
        chosen: list[Clip] = []
        numbers: list[int] = []
        for number in range(first, end):
            clip = self.clips[places[number]]
            rng = np.random.default_rng([self.plan.seed, _SAMPLE, step, number])
            begun = len(numbers)
            try:
                self._make(clip, array[begun : begun + repeats], rng)
            except VideoError as error:
                if self.skip_unreadable:
                    continue
                raise VideoError(f"{clip.path}: {error}") from error
            chosen += [clip] * repeats
            numbers += [number * repeats + repeat for repeat in range(repeats)]
        labels = [-1 if clip.label is None else clip.label for clip in chosen]
        return Batch(
            step=step,
            clips=samples[: len(numbers)].permute(0, 4, 1, 2, 3),
            labels=torch.tensor(labels, dtype=torch.int64),
            clip_ids=[clip.clip_id for clip in chosen],
            num_unreadable=end - first - len(numbers) // repeats,
            numbers=numbers,
        )

    def _room(self, num_samples: int) -> UInt8[Tensor, "b t size size 3"]:
        """Make the tensor samples are written into: of a worker, where others see it already."""
        shape = (num_samples, self.sampling.num_frames, self.size_px, self.size_px, 3)
        room = torch.empty(shape, dtype=torch.uint8)
        return room if get_worker_info() is None else room.share_memory_()

    def _make(self, clip: Clip, samples: np.ndarray, rng: np.random.Generator) -> None:
        """Write the samples of one clip, frame by frame as they are decoded."""
        with self.reader.open(clip) as opened:
            times, is_reversed = self._times(opened.span_s, rng)
            last = len(times) - 1
            edits: list[Edit] = []
            for places, picture in opened.pictures(times):
                height, width = picture.shape[:2]
                while len(edits) < len(samples):
                    edits.append(self.augmentation.draw(height, width, self.size_px, rng))
                for edit, sample in zip(edits, samples, strict=True):
                    for time in places:
                        place = last - time if is_reversed else time
                        edit.apply(picture, sample[place], progress_at(place, len(times)))

    def _times(
        self, span_s: tuple[float, float], rng: np.random.Generator
    ) -> tuple[np.ndarray, bool]:
        """Draw ascending times, and whether their pictures come in reverse."""
        if not self.playback.is_on:
            return self.sampling.times(span_s, rng), False
        most = (span_s[1] - span_s[0]) / (self.sampling.num_frames * self.sampling.stride_s)
        speed, is_reversed = self.playback.draw(most, rng)
        return self.sampling.times(span_s, rng, speed), is_reversed


def readable_clips(
    clips: ClipSet,
    reader: FrameReader,
    *,
    skip_unreadable: bool,
    on_progress: OnProgress | None = None,
) -> tuple[ClipSet, int]:
    """Decode clips into memory if they are kept there, and drop those that cannot be read.

    Returns:
        The clips to train on, and how many were dropped.

    Raises:
        VideoError: A clip cannot be read, and skipping was not asked for.
        ConfigError: No clip can be read.
    """
    broken = reader.keep(clips.clips, on_progress)
    if broken and not skip_unreadable:
        bad = next(clip for clip in clips.clips if clip.clip_id in broken)
        raise VideoError(
            f"{bad.path}: {broken[bad.clip_id]} ({len(broken)} of {len(clips.clips)} clips cannot "
            "be read; data.unreadable=skip trains without them)"
        )
    if not broken:
        return clips, 0
    kept = tuple(clip for clip in clips.clips if clip.clip_id not in broken)
    if not kept:
        raise ConfigError(f"none of the {len(clips.clips)} clips can be read")
    return replace(clips, clips=kept), len(broken)


def iterate(
    batches: ClipBatches,
    first_step: int,
    num_steps: int,
    num_workers: int = 0,
    passes: Sequence[tuple[int, int]] | None = None,
) -> Iterator[Batch]:
    """Give the batches of steps `first_step` to `num_steps` - 1 in order.

    Args:
        batches: What makes them.
        first_step: Step to begin with; not 0 when resuming.
        num_steps: Step to end before.
        num_workers: Processes that make batches ahead; 0 makes them here, when asked.
        passes: First and end of the clips of each pass over a step; a step gives as many batches.
            None is one pass over all clips.
    """
    cuts = [(0, batches.plan.clips_per_step)] if passes is None else passes
    portions = (Portion(step, *cut) for step in range(first_step, num_steps) for cut in cuts)
    if num_workers == 0:
        return (batches[portion] for portion in portions)
    # Forked workers share the frames kept in memory, and end when their training is killed: they
    # watch their parent, which another way of starting them would put a server between.
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=portions,
        num_workers=num_workers,
        prefetch_factor=2,
        multiprocessing_context="fork",
    )
    return iter(loader)
