"""Softmax attention, and the choice of how it is computed, by measurement.

On a GPU torch's fused kernels are the best there is, and so they are in float32 on a CPU without
whole units of AVX-512. On one that has them they are not: for long sequences products of one head's
tile at a time, whose scores stay in the cache, are faster, and so they are in bfloat16 on any that
multiplies it; for short ones in bfloat16, products over all heads (`attention_bf16` does both).
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from hashtag2action.models.attention_bf16 import attention_bf16
from hashtag2action.models.linear import onednn_takes, product
from hashtag2action.models.processor import has_wide_avx512

SHORT_SEQUENCE = 400
"""Up to this many keys, attention on a CPU is computed over all heads at once, not in tiles.

Chosen between what was measured (torch 2.13, one core of an AMD Zen 5, forward and backward,
GFLOP/s of plain products, tiles, torch's fused kernel). bfloat16: 182, 75, 43 at 160 tokens;
109, 208, 99 at 944; 120, 198, 91 at 1,568. float32: 50, 63, 72 at 160; 53, 133, 83 at 944.
In float32 on a core of an AMD Zen 3, which has AVX2 alone, the fused kernel wins at every length:
31, 27, 51 at 160; 34, 50, 59 at 944; 32, 46, 55 at 1,568. On a Zen 4, which does AVX-512 in halves,
tiles take 1.66 of the fused kernel's time at 944 tokens and 1.31 at 1,568 in float32; in bfloat16
the fused kernel takes 1.61 and 1.55 of theirs.
"""

KEPT_SEQUENCE = 1_000
"""Up to this many keys, attention in bfloat16 on a CPU keeps the powers of its scores for the
backward pass. Chosen: the decoder's 944 tokens at 16 x 224 x 224 px are among them, where it saves
2.5 % of a step of ViT-B for 80 MB; fine-tuning's 1,568 are not, where it would take a gigabyte."""

TILE_SCORES = 1_250_000
"""Scores of a tile at most. Chosen by measurement: GFLOP/s forward and backward at 944 tokens
with 128, 236, 472 and 944 queries a tile: 156, 182, 199, 208; at 1,568 tokens with 196, 392 and
784: 180, 189, 198. Larger tiles leave the cache."""


def attend(
    query: Float[Tensor, "b h q d"], key: Float[Tensor, "b h k d"], value: Float[Tensor, "b h k d"]
) -> Float[Tensor, "b h q d"]:
    """Mix values by softmax(query key^T / sqrt(d)): the only place where attention is computed."""
    is_bf16 = query.dtype is torch.bfloat16
    is_tiled = onednn_takes(query) and has_wide_avx512()
    is_ours = query.device.type == "cpu" and (is_bf16 or is_tiled)
    if torch.compiler.is_compiling() or not is_ours:
        return F.scaled_dot_product_attention(query, key, value)
    num_queries, num_keys = query.shape[-2], key.shape[-2]
    if is_bf16:
        num_heads = query.shape[0] * query.shape[1]
        (heads_at_once, rows), keeps_powers = steps_of(num_heads, num_queries, num_keys)
        return attention_bf16(
            query, key, value, heads_at_once=heads_at_once, rows=rows, keeps_powers=keeps_powers
        )
    if num_keys > SHORT_SEQUENCE:
        return tiled_attention(query, key, value, tile_rows(num_queries, num_keys))
    return F.scaled_dot_product_attention(query, key, value)


def steps_of(num_heads: int, num_queries: int, num_keys: int) -> tuple[tuple[int, int], bool]:
    """Return how attention in bfloat16 is best computed on a CPU.

    Args:
        num_heads: Heads of all clips.
        num_queries: Queries of a head.
        num_keys: Keys of a head.

    Returns:
        Heads whose scores are made by one product, and queries of a tile; whether the powers of
        scores are kept for the backward pass.
    """
    if num_keys <= SHORT_SEQUENCE:
        return (num_heads, num_queries), True
    return (1, tile_rows(num_queries, num_keys)), num_keys <= KEPT_SEQUENCE


def tile_rows(num_queries: int, num_keys: int) -> int:
    """Return how many queries a tile takes: as even as possible, within `TILE_SCORES`."""
    num_tiles = -(-num_queries * num_keys // TILE_SCORES)
    return max(1, -(-num_queries // max(1, num_tiles)))


def tiled_attention(
    query: Float[Tensor, "b h q d"],
    key: Float[Tensor, "b h k d"],
    value: Float[Tensor, "b h k d"],
    rows: int,
) -> Float[Tensor, "b h q d"]:
    """Attend head by head, some queries at a time; the backward pass computes scores again.

    Args:
        query: Queries.
        key: Keys.
        value: Values.
        rows: Queries of a tile.
    """
    return _Tiled.apply(query, key, value, rows)  # pyright: ignore[reportReturnType]


class _Tiled(torch.autograd.Function):
    """Exact attention of which only queries, keys and values are kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, rows: int) -> Tensor:
        batch, heads, num_queries, width = query.shape
        # Laid out as the projection that follows reads it: tokens first, then heads.
        mixed = query.new_empty(batch, num_queries, heads, width).transpose(1, 2)
        for place in _places(batch, heads):
            queries, keys, values = _head(place, query, key, value)
            queries = queries * width**-0.5
            for start in range(0, num_queries, rows):
                shares = _shares(queries[start : start + rows], keys)
                mixed[place][start : start + rows] = product(shares, values)
        ctx.save_for_backward(query, key, value)
        ctx.rows = rows
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        query, key, value = ctx.saved_tensors
        softmax_backward = torch.ops.aten._softmax_backward_data.default
        scale = query.shape[-1] ** -0.5
        of_query, of_key, of_value = (_like(tensor) for tensor in (query, key, value))
        for place in _places(*query.shape[:2]):
            queries, keys, values, above = _head(place, query, key, value, gradient)
            queries = queries * scale
            of_keys, of_values = torch.zeros_like(keys), torch.zeros_like(values)
            for start in range(0, len(queries), ctx.rows):
                tile = slice(start, start + ctx.rows)
                shares = _shares(queries[tile], keys)
                of_shares = product(above[tile], values.t())
                of_scores = softmax_backward(of_shares, shares, -1, shares.dtype)
                of_query[place][tile] = product(of_scores, keys).mul_(scale)
                of_keys += product(of_scores.t(), queries[tile])
                of_values += product(shares.t(), above[tile])
            of_key[place] = of_keys
            of_value[place] = of_values
        return of_query, of_key, of_value, None


def _places(batch: int, heads: int) -> list[tuple[int, int]]:
    return [(clip, head) for clip in range(batch) for head in range(heads)]


def _head(place: tuple[int, int], *parts: Tensor) -> list[Tensor]:
    # A head's rows lie far apart in the joint projection; products want them side by side.
    return [part[place].contiguous() for part in parts]


def _shares(queries: Tensor, keys: Tensor) -> Tensor:
    scores = product(queries, keys.t())
    return torch.softmax(scores, -1, out=scores)


def _like(part: Tensor) -> Tensor:
    """Make room for a gradient, laid out as the joint projection: tokens first, then heads."""
    batch, heads, num_tokens, width = part.shape
    return part.new_empty(batch, num_tokens, heads, width).transpose(1, 2)
