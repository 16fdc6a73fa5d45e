"""Is my loss normal? A look at the same clips, now and then, while a network learns.

The clips are not trained on if the recipe holds some out or names others; else they are some of
the training clips, without augmentation. What is found goes into the next line of metrics.jsonl.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from hashtag2action.config import Config
from hashtag2action.data.clip_set import ClipSet
from hashtag2action.data.clips import ClipSource
from hashtag2action.data.loader import Batch, BatchPlan, ClipBatches, Portion
from hashtag2action.data.transforms import CenterCrop
from hashtag2action.errors import VideoError
from hashtag2action.evaluate.compute import Compute
from hashtag2action.evaluate.neighbors import leave_one_out_top1
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.train.events import LogMetrics
from hashtag2action.train.objective import Objective
from hashtag2action.train.parallel import Spread


class Watch(Config):
    """What is looked at while a network learns."""

    num_times: Annotated[int, Field(ge=0)] = 10
    """Looks, evenly spread, the last one at the end. Chosen: a curve one can read."""
    clips: ClipSource | None = None
    """Clips to look at; with labels, pre-training also logs how well the nearest neighbors tell
    their classes. None takes the clips held out, or some of the training clips."""
    num_clips: Annotated[int, Field(gt=0)] = 64
    """Clips looked at, evenly spread over their list. Chosen: seconds on a CPU; a thousand for
    neighbors worth their name."""
    clips_per_pass: Annotated[int, Field(gt=0)] = 8
    """Clips that go through the network at once."""

    def steps(self, total_steps: int) -> frozenset[int]:
        """Return the numbers of steps after which to look."""
        times = range(1, self.num_times + 1)
        return frozenset(max(1, round(total_steps * time / self.num_times)) for time in times)


def fixed_batches(clips: ClipSet, source: ClipBatches, watch: Watch) -> list[Batch]:
    """Read the clips to look at, once: evenly spread over their list, the middle of each frame.

    Args:
        clips: What is looked at.
        source: The batches of the training, whose frames are chosen and read alike; what is done
            with clips that cannot be read is the same, too.
        watch: How many.

    Raises:
        VideoError: A clip cannot be read, or none can.
    """
    num_clips = min(watch.num_clips, len(clips.clips))
    places = [number * len(clips.clips) // num_clips for number in range(num_clips)]
    batches = ClipBatches(
        replace(clips, clips=tuple(clips.clips[place] for place in places)),
        BatchPlan(num_clips=num_clips, clips_per_step=num_clips),
        source.reader,
        source.sampling,
        CenterCrop(),
        source.size_px,
        skip_unreadable=source.skip_unreadable,
    )
    starts = range(0, num_clips, watch.clips_per_pass)
    ends = (min(start + watch.clips_per_pass, num_clips) for start in starts)
    found = [batches[Portion(0, start, end)] for start, end in zip(starts, ends, strict=True)]
    readable = [batch for batch in found if batch.numbers]
    if not readable:
        raise VideoError(f"none of the {num_clips} clips to look at can be read")
    return readable


@dataclass(frozen=True)
class Looking:
    """What a look needs."""

    objective: Objective
    """Without chance but for masks, which are the same each time."""
    batches: Sequence[Batch]
    compute: Compute
    num_classes: int
    """Classes the clips are labelled with; 0 without labels."""
    prefix: str
    """Put before the names of figures: val_ for clips that are not trained on, else fixed_."""


class Watcher:
    """Looks when it is time, and hands the figures to the log.

    Args:
        model: The network.
        looking: What a look needs.
        steps: When to look.
        log: Writes the figures.
        draw: Called with the number of steps, to draw pictures.
    """

    def __init__(
        self,
        model: Spread,
        looking: Looking,
        steps: frozenset[int],
        log: LogMetrics,
        draw: Callable[[int], None] | None = None,
    ) -> None:
        self.model = model
        self.looking = looking
        self.steps = steps
        self.log = log
        self.draw = draw

    def __call__(self, num_steps: int) -> None:
        """Look if it is time."""
        if num_steps not in self.steps:
            return
        self.model.network.eval()
        with torch.no_grad(), self.model.opened():
            figures = look(self.model, self.looking)
            if self.draw is not None:
                self.draw(num_steps)
        self.model.network.train()
        self.log.extras |= figures


def look(model: Spread, looking: Looking) -> dict[str, float]:
    """Measure loss and metrics over fixed clips, and nearest neighbors of those with labels.

    Every process does the same, so the figures do not depend on their number.
    """
    device, prefix = looking.compute.device, looking.prefix
    total, num_losses, num_samples = torch.zeros(()), 0, 0
    sums: dict[str, float] = {}
    features: list[Tensor] = []
    for batch in looking.batches:
        on_device = batch._replace(clips=batch.clips.to(device), labels=batch.labels.to(device))
        with looking.compute.autocast():
            outcome = looking.objective(model.network, on_device)
            if looking.num_classes and isinstance(model.network, VideoMAE):
                features.append(mean_tokens(model.network, on_device.clips).cpu())
        total += outcome.loss.cpu()
        num_losses += int(outcome.num_losses)
        num_samples += len(batch.numbers)
        for name, value in outcome.sums.items():
            sums[name] = sums.get(name, 0.0) + float(value)
    found = {f"{prefix}loss": float(total) / num_losses}
    for name, value in sums.items():
        found[f"{prefix}{name.removeprefix('train_')}"] = value / num_samples
    if features:
        labels = torch.cat([batch.labels for batch in looking.batches])
        labeled = labels >= 0
        if labeled.sum() > 1:
            found["knn_top1"] = leave_one_out_top1(
                torch.cat(features)[labeled], labels[labeled], looking.num_classes
            )
    return found


def mean_tokens(model: VideoMAE, clips: Tensor) -> Tensor:
    """Average the encoder's tokens of whole clips."""
    everything = torch.arange(model.grid.num_tokens, device=clips.device)
    return model.encoder(clips, everything.expand(len(clips), -1)).float().mean(dim=1)
