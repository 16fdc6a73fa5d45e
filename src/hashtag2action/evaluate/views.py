"""Test-time views of a clip: several moments times several crops, from one decode.

Source: VideoMAE V2, official code: 5 x 3 views on Kinetics and UCF101, 2 x 3 on SSv2.
"""

from typing import Annotated

import numpy as np
import torch
from jaxtyping import UInt8
from pydantic import Field
from torch import Tensor

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip
from hashtag2action.data.frames import FrameReader
from hashtag2action.data.loader import Sampling
from hashtag2action.data.transforms import spatial_crops
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
