"""The parts of a vision transformer: attention, MLP, stochastic depth, and the block of them.

Pre-norm, no class token, no layer scale, no dropout inside blocks (zero in every published recipe
of VideoMAE V2). LayerNorm's epsilon is 1e-6 everywhere, as upstream.

Source: ViT (arXiv 2010.11929); BEiT's official code for the query and value biases.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from hashtag2action.models.attention import attend, steps_of
from hashtag2action.models.linear import Linear, linear, two_layers
from hashtag2action.models.linear_bf16 import has_bf16_gradient
from hashtag2action.models.self_attention_bf16 import self_attention_bf16

LAYER_NORM_EPS = 1e-6
"""Added to the variance by every LayerNorm. Source: VideoMAE V2, official code."""


class Attention(nn.Module):
    """Multi-head self-attention with learned query and value biases and no key bias.

    Args:
        dim: Width of a token.
        num_heads: Number of heads; divides `dim`.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        assert dim % num_heads == 0, f"{num_heads} heads do not divide a width of {dim}"
        self.num_heads = num_heads
        self.qkv = Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.proj = Linear(dim, dim)

    def forward(
        self,
        tokens: Float[Tensor, "b n d"],
        num_read: int | None = None,
        norm: nn.LayerNorm | None = None,
    ) -> Float[Tensor, "b q d"]:
        """Let tokens look at all tokens.

        Args:
            tokens: All tokens.
            num_read: Compute only the last `num_read` outputs; None computes all.
            norm: Normalizes the tokens first; None takes them as they are.
        """
        weights = self.qkv.weight, self.proj.weight
        if norm is not None and num_read is None and all(map(has_bf16_gradient, weights)):
            steps, keeps_powers = steps_of(len(tokens) * self.num_heads, *[tokens.shape[1]] * 2)
            joint = self.qkv.weight, self.q_bias, self.v_bias
            last = self.proj.weight, self.proj.bias
            return self_attention_bf16(
                tokens,
                norm,
                joint,
                last,
                num_heads=self.num_heads,
                steps=steps,
                keeps_powers=keeps_powers,
            )
        tokens = tokens if norm is None else norm(tokens)
        if num_read is None or num_read == tokens.shape[1]:
            bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
            query, key, value = self._heads(linear(tokens, self.qkv.weight, bias), 3)
        else:
            dim = tokens.shape[-1]
            query_weight, rest = self.qkv.weight.split([dim, 2 * dim])
            bias = torch.cat([torch.zeros_like(self.v_bias), self.v_bias])
            (query,) = self._heads(linear(tokens[:, -num_read:], query_weight, self.q_bias), 1)
            key, value = self._heads(linear(tokens, rest, bias), 2)
        return self.proj(attend(query, key, value).transpose(1, 2).flatten(2))

    def _heads(self, joined: Float[Tensor, "b n kd"], num_parts: int) -> tuple[Tensor, ...]:
        """Split a joint projection into its parts, each (b, heads, n, head width)."""
        parts = joined.unflatten(2, (num_parts, self.num_heads, -1))
        return parts.permute(2, 0, 3, 1, 4).unbind(0)


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them.

    Args:
        dim: Width of a token.
        hidden_dim: Width between the layers.
    """

    def __init__(self, dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.fc1 = Linear(dim, hidden_dim)
        self.fc2 = Linear(hidden_dim, dim)

    def forward(
        self, tokens: Float[Tensor, "b n d"], norm: nn.LayerNorm | None = None
    ) -> Float[Tensor, "b n d"]:
        """Transform every token by itself, normalized first if a norm is given."""
        first, second = self.fc1, self.fc2
        layers = (first.weight, first.bias), (second.weight, second.bias)
        return two_layers(tokens, *layers, norm)


class DropPath(nn.Module):
    """Skip the residual branches of a block at random, per clip, while training.

    What is kept is scaled up, so the expected value stays the same.

    Args:
        rate: Share of clips whose branch is skipped, in [0, 1).

    Source: Deep Networks with Stochastic Depth (arXiv 1603.09382), per sample.
    """

    factors: Tensor | None = None
    """Factors of the branches of the clips to come, (branch, clip); None draws them here. Given
    from outside they need not depend on how clips are shared out."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        assert 0 <= rate < 1, f"the rate must be in [0, 1), not {rate}"
        self.rate = rate

    def forward(self, branch: Float[Tensor, "b n d"], number: int = 0) -> Float[Tensor, "b n d"]:
        """Zero the branch of some clips, scale that of the others.

        Args:
            branch: Output of a branch.
            number: Which branch of the block it is.
        """
        if not self.training or self.rate == 0:
            return branch
        if self.factors is not None:
            return branch * self.factors[number].view(-1, 1, 1).to(branch.dtype)
        kept = 1 - self.rate
        scale = branch.new_empty(branch.shape[0], 1, 1).bernoulli_(kept).div_(kept)
        return branch * scale

    def extra_repr(self) -> str:
        """Show the rate when the model is printed."""
        return f"rate={self.rate:.3g}"


class FeatureDrop(nn.Module):
    """Zero features at random while training, and scale up the others: dropout.

    Args:
        rate: Share of features that are zeroed, in [0, 1).
        num_features: Features of a clip.
    """

    factors: Tensor | None = None
    """Factors of the features of the clips to come, (clip, feature); None draws them here."""

    def __init__(self, rate: float, num_features: int) -> None:
        super().__init__()
        assert 0 <= rate < 1, f"the rate must be in [0, 1), not {rate}"
        self.rate = rate
        self.num_features = num_features

    def forward(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b d"]:
        """Zero some features of each clip."""
        if not self.training or self.rate == 0:
            return features
        if self.factors is not None:
            return features * self.factors.to(features.dtype)
        return F.dropout(features, self.rate)

    def extra_repr(self) -> str:
        """Show the rate when the model is printed."""
        return f"rate={self.rate:.3g}"


class Block(nn.Module):
    """A transformer block: x + attention(norm x), then x + mlp(norm x).

    Args:
        dim: Width of a token.
        num_heads: Number of heads; divides `dim`.
        mlp_ratio: Width inside the MLP as a multiple of `dim`, truncated to an integer.
        drop_path_rate: Share of clips whose branches are skipped while training, in [0, 1).
    """

    def __init__(
        self, dim: int, num_heads: int, mlp_ratio: float, drop_path_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.attn = Attention(dim, num_heads)
        self.drop_path = DropPath(drop_path_rate)
        self.norm2 = nn.LayerNorm(dim, eps=LAYER_NORM_EPS)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(
        self, tokens: Float[Tensor, "b n d"], num_read: int | None = None
    ) -> Float[Tensor, "b q d"]:
        """Transform tokens.

        Args:
            tokens: All tokens.
            num_read: Return only the last `num_read` tokens and compute nothing else but their
                keys and values; None returns all. For a last block of which only these are read.
        """
        attended = self.attn(tokens, num_read, self.norm1)
        if num_read is not None:
            tokens = tokens[:, -num_read:]
        tokens = tokens + self.drop_path(attended)
        return tokens + self.drop_path(self.mlp(tokens, self.norm2), 1)


def drop_path_rates(rate: float, depth: int) -> list[float]:
    """Let stochastic depth grow linearly from 0 in the first block to `rate` in the last.

    Source: Deep Networks with Stochastic Depth (arXiv 1603.09382), section 3.
    """
    return [rate * block / max(depth - 1, 1) for block in range(depth)]
