"""Test-time views of a clip: several moments times several crops, from one decode.

Source: VideoMAE V2, official code: 5 x 3 views on Kinetics and UCF101, 2 x 3 on SSv2.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip
from hashtag2action.data.frames import FrameReader
from hashtag2action.data.loader import Sampling
from hashtag2action.data.transforms import spatial_crops
from hashtag2action.errors import VideoError
from hashtag2action.video.sampling import segment_times, view_times


class Views(Config):
    """How many views of a clip are averaged."""

    num_temporal_views: Annotated[int, Field(gt=0)] = 5
    """Moments, evenly spread. Source: VideoMAE V2."""
    num_spatial_crops: Annotated[int, Field(gt=0)] = 3
    """Squares along the longer side. Source: VideoMAE V2."""

    def times(self, span_s: tuple[float, float], sampling: Sampling) -> np.ndarray:
        """Return the times of all temporal views, (views, frames), seconds within the file."""
        num_frames, num_views = sampling.num_frames, self.num_temporal_views
        if sampling.kind == "dense":
            return view_times(*span_s, num_frames, sampling.stride_s, num_views)
        offsets = (np.arange(num_views) + 0.5) / num_views
        return np.stack([segment_times(*span_s, num_frames, float(place)) for place in offsets])


def clip_views(
    clip: Clip, reader: FrameReader, sampling: Sampling, views: Views, size_px: int
) -> UInt8[Tensor, "v 3 t h w"]:
    """Make all views of a clip; it is decoded once, and what views share is made once.

    Returns:
        Temporal views are slowest, crops run within each.

    Raises:
        VideoError: The file cannot be read.
    """
    with reader.open(clip) as opened:
        times = views.times(opened.span_s, sampling)
        num_crops, moments = views.num_spatial_crops, times.reshape(-1)
        order = np.argsort(moments, kind="stable")
        out = np.empty((num_crops, len(moments), size_px, size_px, 3), np.uint8)
        for places, picture in opened.pictures(moments[order]):
            shown = order[places.start : places.stop]
            for crop, target in zip(spatial_crops(picture, size_px, num_crops), out, strict=True):
                target[shown] = crop
    stacked = torch.from_numpy(out).unflatten(1, times.shape)
    return stacked.transpose(0, 1).flatten(0, 1).permute(0, 4, 1, 2, 3)


def views_of(
    clips: Sequence[Clip],
    reader: FrameReader,
    sampling: Sampling,
    views: Views,
    size_px: int,
    *,
    skip_unreadable: bool,
    num_workers: int = 0,
) -> Iterator[tuple[int, Clip, UInt8[Tensor, "v 3 t h w"]]]:
    """Give the views of every clip that can be read, in order, with its number from 1 on.

    Args:
        clips: All of them.
        reader: Where frames come from.
        sampling: Which frames make a view.
        views: How many.
        size_px: Height and width of a view.
        skip_unreadable: Leave out clips that cannot be read; else they are an error.
        num_workers: Processes that decode ahead; 0 decodes here, when asked.

    Raises:
        VideoError: A clip cannot be read; the message names its file.
    """
    made = _ViewedClips(clips, reader, sampling, views, size_px)
    seen: Iterable[_Viewed] = (made[place] for place in range(len(clips)))
    if num_workers:
        seen = DataLoader(made, batch_size=None, sampler=range(len(clips)), num_workers=num_workers)
    for number, (clip, viewed) in enumerate(zip(clips, seen, strict=True), start=1):
        if viewed.views is not None:
            yield number, clip, viewed.views
        elif not skip_unreadable:
            raise VideoError(f"{clip.path}: {viewed.trouble}")


class _Viewed(NamedTuple):
    views: UInt8[Tensor, "v 3 t h w"] | None
    trouble: str = ""


class _ViewedClips(Dataset[_Viewed]):
    def __init__(
        self,
        clips: Sequence[Clip],
        reader: FrameReader,
        sampling: Sampling,
        views: Views,
        size_px: int,
    ) -> None:
        self._clips = clips
        self._reader = reader
        self._how = (sampling, views, size_px)

    def __getitem__(self, place: int) -> _Viewed:
        try:
            return _Viewed(clip_views(self._clips[place], self._reader, *self._how))
        except VideoError as error:
            return _Viewed(None, str(error))
