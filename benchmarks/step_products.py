"""The matrix products of a pre-training step and nothing else: how fast a step could be."""

from collections.abc import Callable
from functools import partial

import torch

from hashtag2action.models.linear import product
from hashtag2action.models.variants import Variant

VISIBLE, DECODED, PIXELS = 160, 784, 1536
"""Tokens and numbers of a token at 16 x 224 x 224 with the published masks. Source: VideoMAE V2."""


def matrix_products(size: Variant, num_clips: int, precision: str) -> Callable[[], None]:
    """Return what does all products of a step, each as our network has it done.

    A linear layer has one product forward and two backward, attention two and four; what ours
    computes a second time to save memory is not counted.
    """
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    products: list[Callable[[], object]] = []

    def linear(rows: int, inputs: int, outputs: int, times: int = 1, backward: int = 2) -> None:
        left = torch.randn(rows, inputs).to(dtype)
        weight = torch.randn(outputs, inputs).to(dtype)
        above = torch.randn(rows, outputs).to(dtype)
        kinds = [
            partial(product, left, weight.t()),
            partial(product, above.t(), left),
            partial(product, above, weight),
        ]
        products.extend(kinds[: 1 + backward] * times)

    def attention(queries: int, keys: int, heads: int, width: int, times: int) -> None:
        query = torch.randn(queries, width).to(dtype)
        key = torch.randn(keys, width).to(dtype)
        shares = torch.randn(queries, keys).to(dtype)
        kinds = [
            partial(product, query, key.t()),
            partial(product, shares, key),
            partial(product, query, key.t()),
            partial(product, shares, key),
            partial(product, shares.t(), query),
            partial(product, shares.t(), query),
        ]
        products.extend(kinds * (times * num_clips * heads))

    def short_attention(tokens: int, heads: int, width: int, times: int) -> None:
        query = torch.randn(num_clips * heads, tokens, width).to(dtype)
        shares = torch.randn(num_clips * heads, tokens, tokens).to(dtype)
        kinds = [
            partial(torch.bmm, query, query.mT),
            partial(torch.bmm, shares, query),
            partial(torch.bmm, query, query.mT),
            partial(torch.bmm, shares, query),
            partial(torch.bmm, shares.mT, query),
            partial(torch.bmm, shares.mT, query),
        ]
        products.extend(kinds * times)

    dim, inner = size.embed_dim, int(size.embed_dim * size.mlp_ratio)
    rows = num_clips * VISIBLE
    linear(rows, PIXELS, dim, backward=1)
    for inputs, outputs in ((dim, 3 * dim), (dim, dim), (dim, inner), (inner, dim)):
        linear(rows, inputs, outputs, size.depth)
    short_attention(VISIBLE, size.num_heads, dim // size.num_heads, size.depth)
    narrow, inner = size.decoder_embed_dim, int(size.decoder_embed_dim * size.mlp_ratio)
    linear(rows, dim, narrow)
    every, read = num_clips * (VISIBLE + DECODED), num_clips * DECODED
    width, heads = narrow // size.decoder_num_heads, size.decoder_num_heads
    for tokens, times in ((every, size.decoder_depth - 1), (read, 1)):
        linear(tokens, narrow, narrow, 2 * times)
        linear(every, narrow, 2 * narrow, times)
        linear(tokens, narrow, inner, times)
        linear(tokens, inner, narrow, times)
        attention(tokens // num_clips, VISIBLE + DECODED, heads, width, times)
    linear(read, narrow, PIXELS)

    def run() -> None:
        for one in products:
            one()

    return run
