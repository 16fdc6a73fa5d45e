"""A network that is not trained any more, as a maker of features: `h2a features`, and probes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip
from hashtag2action.data.frames import FrameReader, OnProgress
from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate.cards import card_for
from hashtag2action.evaluate.evaluate import EvaluationData, EvaluationRuntime
from hashtag2action.evaluate.recognizer import Card
from hashtag2action.evaluate.views import Views, views_of
from hashtag2action.files import written_whole
from hashtag2action.logs import begin_run, finished_result, removed_if_bare
from hashtag2action.manifest import write_json
from hashtag2action.models.layers import LAYER_NORM_EPS
from hashtag2action.models.layouts import misfits, open_weights, size_of
from hashtag2action.models.pooling import pool
from hashtag2action.models.vit import VisionTransformer

ROWS_AT_ONCE = 256
"""Rows of features written at a time. Chosen: a megabyte of ViT-B."""

MIDDLE = Views(num_temporal_views=1, num_spatial_crops=1)
"""One view of a clip: its middle."""


class Features(Config):
    """Write what a network makes of clips."""

    weights: Path
    """Weights of any form: official, Hugging Face, a run's; pre-trained or fine-tuned."""
    data: EvaluationData
    """Clips; labels are written where there are any."""
    views: Views = MIDDLE
    """Views averaged per clip."""
    runtime: EvaluationRuntime = EvaluationRuntime()
    """Device, precision, threads."""


@dataclass(frozen=True)
class FrozenEncoder:
    """An encoder with what one must know to use it.

    In pre-training form every token is normalized, as the decoder gets them, and then pooled;
    in fine-tuning form tokens are pooled and then normalized, as the classifier gets them.
    """

    model: VisionTransformer
    card: Card
    runtime: EvaluationRuntime
    token_norm: nn.LayerNorm | None
    """What every token passes in pre-training form; None in fine-tuning form."""

    @classmethod
    def open(cls, path: Path, runtime: EvaluationRuntime) -> "FrozenEncoder":
        """Load an encoder from weights of any form.

        Raises:
            CheckpointError: The weights do not fit any size.
        """
        weights = open_weights(path)
        size = size_of(weights)
        problems = misfits(weights, size)
        if problems:
            raise CheckpointError(f"{path}: does not fit a {size.variant}: {problems}")
        card, _ = card_for(weights, size)
        model = card.network.build_recognizer(0, card.trained_grid)
        given = {name.removeprefix("encoder."): tensor for name, tensor in weights.tensors.items()}
        is_classifier = weights.kind == "classifier"
        norm = None
        if not is_classifier:
            norm = nn.LayerNorm(card.network.embed_dim, eps=LAYER_NORM_EPS)
            # An encoder alone may lack it; then tokens are normalized and not scaled.
            norm.load_state_dict(
                {
                    name: given[f"norm.{name}"].read()
                    for name in norm.state_dict()
                    if f"norm.{name}" in given
                },
                strict=False,
            )
        wanted = model.state_dict()
        missing = [
            name
            for name in wanted
            if name not in given and (is_classifier or not name.startswith("fc_norm."))
        ]
        if missing:
            raise CheckpointError(f"{path}: lacks {', '.join(missing[:5])}")
        model.load_state_dict(
            {name: given[name].read() for name in wanted if name in given}, strict=False
        )
        runtime.start()
        model.to(runtime.device).eval()
        return cls(model, card, runtime, None if norm is None else norm.to(runtime.device))

    @torch.no_grad()
    def tokens(self, views: UInt8[Tensor, "v 3 t h w"]) -> Float[Tensor, "v n d"]:
        """Give the tokens of each view; in pre-training form normalized."""
        with self.runtime.autocast():
            tokens = self.model.forward_tokens(views.to(self.runtime.device)).float()
        return tokens if self.token_norm is None else self.token_norm(tokens)

    @torch.no_grad()
    def features(self, views: UInt8[Tensor, "v 3 t h w"]) -> Float[np.ndarray, " d"]:
        """Give one feature vector for all views of a clip."""
        grid, pooling = self.model.grid, self.model.pooling
        parts = views.split(self.runtime.views_per_step)
        found = torch.cat([pool(self.tokens(part), grid, pooling) for part in parts])
        if self.token_norm is None:
            found = self.model.fc_norm(found)
        return found.mean(dim=0).cpu().numpy()


def features(config: Features, out: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Write features.parquet: clip_id, label (its name, or null) and features of every clip.

    Returns:
        What result.json holds.

    Raises:
        ConfigError: The device is not here.
        CheckpointError: The weights do not fit.
        VideoError: A clip cannot be read.
    """
    begun = time.perf_counter()
    config.runtime.require_device()
    with removed_if_bare(out):
        begin_run(out, config, lambda: (open_weights(config.weights), config.data.clips.read()))
        finished = finished_result(out)
        if finished is not None:
            return finished
        encoder = FrozenEncoder.open(config.weights, config.runtime)
        path = out / "features.parquet"
        num_clips, num_unreadable = write_features(
            encoder, config.data, config.views, path, on_progress
        )
        result = {
            "features": path.name,
            "num_clips": num_clips,
            "num_unreadable": num_unreadable,
            "precision": encoder.runtime.settled_precision,
            "num_features": encoder.card.network.num_features,
            "seconds": time.perf_counter() - begun,
        }
        write_json(out / "result.json", result)
        return result


def write_features(
    encoder: FrozenEncoder,
    data: EvaluationData,
    views: Views,
    path: Path,
    on_progress: OnProgress | None,
) -> tuple[int, int]:
    """Write the features of clips; the file appears complete or not at all.

    Returns:
        Clips written, and clips left out as unreadable.
    """
    clips = data.clips.read()
    names = clips.class_names
    schema = pa.schema(
        [
            ("clip_id", pa.string()),
            ("label", pa.string()),
            ("features", pa.list_(pa.float32(), encoder.card.network.num_features)),
        ]
    )
    num_written = 0
    rows: list[dict[str, Any]] = []
    with written_whole(path) as beside:
        with pq.ParquetWriter(beside, schema) as writer:
            for clip, seen in readable_views(
                encoder.card, data, views, on_progress, encoder.runtime.num_workers
            ):
                label = None if clip.label is None else names[clip.label]
                found = encoder.features(seen)
                rows.append({"clip_id": clip.clip_id, "label": label, "features": found})
                num_written += 1
                if len(rows) == ROWS_AT_ONCE:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows.clear()
            writer.write_table(pa.Table.from_pylist(rows, schema))
        if not num_written:
            raise ConfigError(f"none of the {len(clips.clips)} clips can be read")
    return num_written, len(clips.clips) - num_written


def readable_views(
    card: Card,
    data: EvaluationData,
    views: Views,
    on_progress: OnProgress | None,
    num_workers: int = 0,
) -> Iterator[tuple[Clip, UInt8[Tensor, "v 3 t h w"]]]:
    """Give the views of every clip that can be read.

    Raises:
        VideoError: One cannot, and skipping was not asked for.
    """
    clips = data.clips.read()
    seen = views_of(
        clips.clips,
        FrameReader(data.decoding),
        card.sampling,
        views,
        card.network.size_px,
        skip_unreadable=data.unreadable == "skip",
        num_workers=num_workers,
    )
    for number, clip, found in seen:
        yield clip, found
        if on_progress is not None:
            on_progress("features", number, len(clips.clips))
