"""k nearest neighbors over frozen features: how well classes lie apart, with nothing trained."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor

NUM_NEIGHBORS = 20
"""Neighbors that vote. Source: DINO (arXiv 2104.14294), section 4.1."""
TEMPERATURE = 0.07
"""Similarities are divided by this before they weigh votes. Source: as above."""


def neighbor_votes(
    reference: Float[Tensor, "m d"],
    labels: Int64[Tensor, " m"],
    queries: Float[Tensor, "n d"],
    num_classes: int,
    num_neighbors: int = NUM_NEIGHBORS,
) -> Float[Tensor, "n k"]:
    """Let the nearest features of known clips vote, each by exp(cosine / temperature).

    Args:
        reference: Features of clips whose class is known.
        labels: Their classes.
        queries: Features of the clips in question.
        num_classes: Number of classes.
        num_neighbors: How many vote; all if there are fewer.

    Returns:
        Shares of the votes, higher is more likely.
    """
    similarity = _unit(queries) @ _unit(reference).T
    return _votes(similarity, labels, num_classes, num_neighbors)


def leave_one_out_top1(
    features: Float[Tensor, "n d"],
    labels: Int64[Tensor, " n"],
    num_classes: int,
    num_neighbors: int = NUM_NEIGHBORS,
) -> float:
    """Return the share of clips whose class the nearest other clips tell, in [0, 1]."""
    similarity = _unit(features) @ _unit(features).T
    similarity.fill_diagonal_(-float("inf"))
    votes = _votes(similarity, labels, num_classes, min(num_neighbors, len(labels) - 1))
    return float((votes.argmax(dim=1) == labels).float().mean())


def _votes(
    similarity: Tensor, labels: Tensor, num_classes: int, num_neighbors: int
) -> Float[Tensor, "n k"]:
    near, places = similarity.topk(min(num_neighbors, similarity.shape[1]), dim=1)
    weights = ((near - 1) / TEMPERATURE).exp()
    votes = torch.zeros(len(similarity), num_classes)
    votes.scatter_add_(1, labels[places], weights)
    return votes / votes.sum(dim=1, keepdim=True)


def _unit(features: Tensor) -> Tensor:
    return features.float() / features.float().norm(dim=1, keepdim=True).clamp(min=1e-12)
