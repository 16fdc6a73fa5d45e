"""Norm, self-attention and its two projections in bfloat16 on a CPU, as one step of the graph.

The same products as by `linear_bf16` and `attention_bf16`. What is saved is what lies between them:
views and their gradients, copies from one layout to another, and the interpreter, which costs most
where a product has just filled the cache.
"""

from typing import Any

import torch
from jaxtyping import BFloat16, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from hashtag2action.models.attention_bf16 import mix, write_gradients
from hashtag2action.models.linear_bf16 import affine_bf16, copy_of, norm_gradients, normalized


def self_attention_bf16(
    tokens: Float[Tensor, "b n d"],
    norm: nn.LayerNorm,
    joint: tuple[Float[Tensor, "3d d"], Float[Tensor, " d"], Float[Tensor, " d"]],
    last: tuple[Float[Tensor, "d d"], Float[Tensor, " d"]],
    *,
    num_heads: int,
    steps: tuple[int, int],
    keeps_powers: bool,
) -> BFloat16[Tensor, "b n d"]:
    """Normalize tokens, let all look at all, and project.

    Args:
        tokens: All tokens.
        norm: Normalizes them first.
        joint: Weight of queries, keys and values; bias of queries and of values.
        last: Weight and bias of the projection that follows.
        num_heads: Number of heads.
        steps: Heads whose scores are made by one product, and queries of a tile.
        keeps_powers: Keep the powers for the backward pass, else compute them again.
    """
    settings = num_heads, norm.eps, steps, keeps_powers
    return _SelfAttention.apply(settings, tokens, norm.weight, norm.bias, *joint, *last)  # pyright: ignore[reportReturnType]


class _SelfAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, settings: tuple[int, float, tuple[int, int], bool], *given: Tensor
    ) -> Tensor:
        tokens, scale, offset, weight, q_bias, v_bias, last_weight, last_bias = given
        num_heads, eps, ctx.steps, keeps = settings
        batch, num_tokens, width = tokens.shape
        rows = tokens.reshape(-1, width)
        normed, *moments = normalized(rows, scale, offset, eps)
        normed = normed.to(torch.bfloat16)
        bias = torch.cat([q_bias, torch.zeros_like(q_bias), v_bias])
        ctx.copies = copy_of(weight), copy_of(last_weight)
        joined = affine_bf16(normed, ctx.copies[0], bias)
        joined = joined.view(batch, num_tokens, 3, num_heads, -1)
        query, key, value = joined.permute(2, 0, 3, 1, 4).unbind(0)
        found = mix((query, key, value), ctx.steps, keeps=keeps)
        ctx.dtype, ctx.is_shifted = tokens.dtype, found.is_shifted
        ctx.save_for_backward(
            rows, scale, offset, *moments, normed, weight, last_weight, *found.kept
        )
        mixed = found.mixed.transpose(1, 2).reshape(-1, width)
        out = affine_bf16(mixed, ctx.copies[1], last_bias)
        return out.view(tokens.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows, scale, offset, means, deviations, normed, weight, last_weight, *kept = (
            ctx.saved_tensors
        )
        copies, ctx.copies = ctx.copies, None
        first, last = copies or (copy_of(weight), copy_of(last_weight))
        del copies
        mixed = kept[3].transpose(1, 2)
        above = gradient.reshape(-1, gradient.shape[-1])
        of_mixed = (above @ last).view(mixed.shape).transpose(1, 2)
        of_last = torch.mm(above.t(), mixed.reshape(above.shape), out=last)
        of_last_bias = above.sum(0)
        batch, num_tokens, num_heads, width = mixed.shape
        above = normed.new_empty(batch, num_tokens, 3, num_heads, width)
        of_query, of_key, of_value = above.permute(2, 0, 3, 1, 4).unbind(0)
        into = of_query, of_key, of_value
        write_gradients(kept, ctx.steps, of_mixed, into, is_shifted=ctx.is_shifted)
        above = above.view(len(rows), -1)
        of_normed = above @ first
        of_weight = torch.mm(above.t(), normed, out=first)
        of_q_bias, _, of_v_bias = above.sum(0).chunk(3)
        of_rows, of_scale, of_offset = norm_gradients(
            of_normed.to(ctx.dtype), rows, (means, deviations), scale, offset
        )
        of_norm = of_rows.view(gradient.shape), of_scale, of_offset
        return None, *of_norm, of_weight, of_q_bias, of_v_bias, of_last, of_last_bias
