"""Fit a classifier to the features of a network before the network itself learns.

A classifier that knows nothing yet bends what pre-training has learned in its first steps; with few
clips that is never made good.

Source: linear probing, then fine-tuning (Kumar et al. 2022, arXiv 2202.10054).
"""

from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from hashtag2action.config import Config
from hashtag2action.data.frames import OnProgress
from hashtag2action.data.loader import ClipBatches
from hashtag2action.evaluate.compute import Compute
from hashtag2action.evaluate.probes import fit_logistic
from hashtag2action.evaluate.views import Views, views_of
from hashtag2action.models.vit import VisionTransformer


class HeadFit(Config):
    """How the classifier is fitted: logistic regression on the views of the training clips."""

    views: Views = Views()
    """Views of a clip, each an example of its own. Chosen: those of a test."""
    penalty: Annotated[float, Field(gt=0)] = 1e-5
    """Weight of half the squared norm of the classifier over standardized features. Chosen: on
    three thirds of the training groups of three classes of UCF101, each held out once, 1e-6 to
    1e-4 differ by less than one clip in a hundred, and 1e-2 costs three."""


def fit_head(
    model: VisionTransformer,
    batches: ClipBatches,
    settings: HeadFit,
    runtime: Compute,
    on_progress: OnProgress | None = None,
) -> None:
    """Replace the classifier by the one that fits the training clips best.

    Args:
        model: On the run's device, with a linear head.
        batches: The training clips and how they are read; their augmentation plays no part.
        settings: How it is fitted.
        runtime: Device and precision of the features.
        on_progress: Told the clips seen.

    Raises:
        VideoError: A clip cannot be read, and skipping was not asked for.
    """
    assert isinstance(model.head, nn.Linear), "a head to fit"
    labels = batches.source.labels()
    found: list[Float[Tensor, "v d"]] = []
    wanted: list[int] = []
    was_training = model.training
    model.eval()
    for number, _, views in views_of(
        batches.clips,
        batches.reader,
        batches.sampling,
        settings.views,
        batches.size_px,
        skip_unreadable=batches.skip_unreadable,
    ):
        with torch.no_grad(), runtime.autocast():
            features = model.forward_features(views.to(runtime.device))
        found.append(features.float().cpu())
        wanted.extend([labels[number - 1]] * len(views))
        if on_progress is not None:
            on_progress("fit head", number, len(batches.clips))
    model.train(was_training)
    examples = torch.cat(found)
    mean, deviation = examples.mean(dim=0), examples.std(dim=0).clamp(min=1e-6)
    fitted = fit_logistic(
        (examples - mean) / deviation,
        torch.tensor(wanted),
        model.head.out_features,
        settings.penalty,
    )
    # What standardizes the features becomes a part of the classifier.
    weight = fitted[:, :-1] / deviation
    with torch.no_grad():
        model.head.weight.copy_(weight)
        model.head.bias.copy_(fitted[:, -1] - weight @ mean)
