"""The attentive probe: one learned query looks at all tokens of a frozen network.

Source: V-JEPA (arXiv 2404.08471), attentive probing; here one cross-attention and a linear layer.
"""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float, Int64
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from hashtag2action.config import Config
from hashtag2action.evaluate.evaluate import EvaluationData
from hashtag2action.evaluate.frozen import MIDDLE, FrozenEncoder, readable_views


class AttentiveSettings(Config):
    """How the attentive probe learns."""

    num_heads: Annotated[int, Field(gt=0)] = 12
    """Heads; less if they do not divide the width. Source: V-JEPA."""
    epochs: Annotated[int, Field(gt=0)] = 20
    """Passes over the training clips. Source: V-JEPA."""
    clips_per_step: Annotated[int, Field(gt=0)] = 32
    """Clips of a step. Chosen: a hundred steps an epoch on the smallest benchmark."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate. Source: V-JEPA."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """AdamW's decay of weights. Source: V-JEPA."""
    seed: int = 0
    """Seed of weights and order."""


class AttentiveProbe(nn.Module):
    """Classify clips by what a learned query finds among their tokens.

    Args:
        dim: Width of a token.
        num_heads: Attention heads; divides `dim`.
        num_classes: Number of classes.
    """

    def __init__(self, dim: int, num_heads: int, num_classes: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Parameter(torch.zeros(dim))
        self.norm = nn.LayerNorm(dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.proj = nn.Linear(dim, dim)
        self.out_norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)
        nn.init.trunc_normal_(self.query, std=0.02)

    def forward(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b k"]:
        """Give the logits of the classes."""
        joined = self.key_value(self.norm(tokens)).unflatten(2, (2, self.num_heads, -1))
        key, value = joined.permute(2, 0, 3, 1, 4)
        query = self.query.view(1, self.num_heads, 1, -1).expand(len(tokens), -1, -1, -1)
        found = F.scaled_dot_product_attention(query, key, value).flatten(1)
        return self.head(self.out_norm(self.proj(found)))


def attentive_scores(
    encoder: FrozenEncoder,
    train: EvaluationData,
    test: EvaluationData,
    labels: Int64[Tensor, " m"],
    num_classes: int,
    settings: AttentiveSettings,
    out: Path,
) -> Float[np.ndarray, "n k"]:
    """Train the probe on the middles of clips, and ask it about others.

    Args:
        encoder: The frozen network.
        train: Clips to learn from.
        test: Clips in question.
        labels: Classes of the first.
        num_classes: Number of classes.
        settings: How it learns.
        out: Folder for the tokens, in half precision.

    Returns:
        Probabilities of the classes.
    """
    known = _tokens(encoder, train, len(labels), out / "tokens-train.npy")
    dim = encoder.card.network.embed_dim
    torch.manual_seed(settings.seed)
    model = AttentiveProbe(dim, math.gcd(settings.num_heads, dim), num_classes)
    model.to(encoder.runtime.device)
    _train(model, known, labels, settings, encoder.runtime.device)
    asked = _tokens(encoder, test, None, out / "tokens-test.npy")
    scores = []
    with torch.no_grad():
        for first in range(0, len(asked), settings.clips_per_step):
            part = torch.from_numpy(asked[first : first + settings.clips_per_step].astype("f4"))
            scores.append(model(part.to(encoder.runtime.device)).softmax(dim=1).cpu())
    return torch.cat(scores).numpy()


def _train(
    model: AttentiveProbe,
    tokens: np.ndarray,
    labels: Tensor,
    settings: AttentiveSettings,
    device: str,
) -> None:
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.lr, weight_decay=settings.weight_decay
    )
    num_clips, size = len(tokens), settings.clips_per_step
    total, step = settings.epochs * math.ceil(num_clips / size), 0
    for epoch in range(settings.epochs):
        order = np.random.default_rng([settings.seed, epoch]).permutation(num_clips)
        for first in range(0, num_clips, size):
            chosen = np.sort(order[first : first + size])
            rate = settings.lr * 0.5 * (1 + math.cos(math.pi * step / total))
            optimizer.param_groups[0]["lr"] = rate
            part = torch.from_numpy(tokens[chosen].astype("f4")).to(device)
            loss = F.cross_entropy(model(part), labels[torch.from_numpy(chosen)].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1


def _tokens(
    encoder: FrozenEncoder, data: EvaluationData, num_clips: int | None, path: Path
) -> np.ndarray:
    """Map the tokens of clips, (clip, token, width); make them first if they are not there."""
    if not path.exists():
        beside = path.with_name(f".{path.name}")
        count = num_clips or len(data.clips.read().clips)
        network, at = encoder.card.network, 0
        shape = (count, network.grid.num_tokens, network.embed_dim)
        kept = np.lib.format.open_memmap(beside, "w+", np.float16, shape)
        workers = encoder.runtime.num_workers
        for _, views in readable_views(encoder.card, data, MIDDLE, None, workers):
            kept[at] = encoder.tokens(views)[0].cpu().numpy()
            at += 1
        kept.flush()
        beside.replace(path)
        if at < count:
            return np.lib.format.open_memmap(path, "r")[:at]
    return np.lib.format.open_memmap(path, "r")
