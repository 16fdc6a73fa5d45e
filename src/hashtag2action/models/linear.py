"""Linear layers, in float32 on a CPU with AVX-512 by way of oneDNN.

torch hands float32 products on a CPU to MKL, which falls back to AVX2 on processors of other
makers; oneDNN, which torch carries too, does not. Measured (torch 2.13, one core, at the shapes of
ViT-B, GFLOP/s of MKL and oneDNN, forward and both backward products): 90 to 107 and 150 to 245 on
an AMD Zen 5; 66 to 93 and 38 to 82 on a Zen 3, which has AVX2 alone: forward 1.0 to 1.3 of MKL's
time, a weight's gradient 1.1 to 2.3; 73 to 103 and 76 to 108 on a Zen 4, which does AVX-512 in
halves. bfloat16 products go to oneDNN anyway.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from hashtag2action.models.linear_bf16 import (
    has_bf16_gradient,
    linear_bf16,
    norm_gradients,
    normalized,
    two_layers_bf16,
)
from hashtag2action.models.processor import has_avx512


def linear(
    tokens: Float[Tensor, "*b i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"] | None
) -> Float[Tensor, "*b o"]:
    """Compute tokens weight^T + bias: the only place where linear layers are computed."""
    if has_bf16_gradient(weight):
        return linear_bf16(tokens, weight, bias)
    if not (_are_fp32(tokens, weight) and onednn_takes(tokens)):
        return F.linear(tokens, weight, bias)
    return _OnednnLinear.apply(tokens, weight, bias)  # pyright: ignore[reportReturnType]


def two_layers(
    tokens: Float[Tensor, "*b i"],
    first: tuple[Float[Tensor, "h i"], Float[Tensor, " h"]],
    second: tuple[Float[Tensor, "o h"], Float[Tensor, " o"]],
    norm: nn.LayerNorm | None = None,
) -> Float[Tensor, "*b o"]:
    """Compute two linear layers with an exact GELU between them.

    In float32 on a CPU only what goes into the norm and into the GELU is kept for the backward
    pass, and what comes out of them is computed again: a third less is kept by a block, at a
    hundredth more time (ViT-B's pre-training step, the GELU alone: 1.01, least 1.00, largest 1.03).

    Args:
        tokens: Rows of numbers.
        first: Weight and bias of the layer before the GELU.
        second: Weight and bias of the layer after it.
        norm: Normalizes the rows first; None takes them as they are.
    """
    if has_bf16_gradient(first[0]) and has_bf16_gradient(second[0]):
        return two_layers_bf16(tokens, first, second, norm)
    if not _are_fp32(tokens, first[0], second[0]):
        rows = tokens if norm is None else norm(tokens)
        return linear(F.gelu(linear(rows, *first)), *second)
    scale, offset, eps = (None, None, 0.0) if norm is None else (norm.weight, norm.bias, norm.eps)
    return _TwoLayers.apply(eps, tokens, scale, offset, *first, *second)  # pyright: ignore[reportReturnType]


class Linear(nn.Linear):
    """torch's linear layer, computed by `linear`."""

    def forward(self, input: Float[Tensor, "*b i"]) -> Float[Tensor, "*b o"]:  # noqa: A002 - torch's name
        """Transform every token by itself."""
        return linear(input, self.weight, self.bias)


def _is_fp32_on_cpu(tensor: Tensor) -> bool:
    # Blocks that are compiled are left to the compiler.
    return (
        # First of all: the compiler cannot look into what follows, and a graph would break here.
        not torch.compiler.is_compiling()
        and tensor.dtype is torch.float32
        and tensor.device.type == "cpu"
        and tensor.numel() > 0
    )


def onednn_takes(tensor: Tensor) -> bool:
    """Whether products of this tensor are faster by oneDNN than by what torch chooses."""
    return (
        _is_fp32_on_cpu(tensor)
        and torch.backends.mkldnn.enabled
        and torch.backends.mkldnn.is_available()
        and has_avx512()
    )


def _are_fp32(*tensors: Tensor) -> bool:
    return all(map(_is_fp32_on_cpu, tensors)) and not torch.is_autocast_enabled("cpu")


def product(left: Float[Tensor, "m k"], right: Float[Tensor, "k n"]) -> Float[Tensor, "m n"]:
    """Multiply two matrices, without a gradient; each is dense, or the transpose of a dense one."""
    if not onednn_takes(left):
        return left @ right
    return _onednn(left, right.t(), None)


def _onednn(left: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise.default(left, weight, bias, "none", [], "")


class _OnednnLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # Rows that lie apart would send oneDNN to its slowest kernel.
        rows = tokens.reshape(-1, tokens.shape[-1]).contiguous()
        weight = weight.contiguous()
        ctx.save_for_backward(rows, weight)
        ctx.shape = tokens.shape
        return _onednn(rows, weight, bias).view(*tokens.shape[:-1], len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows, weight = ctx.saved_tensors
        above = gradient.reshape(-1, gradient.shape[-1]).contiguous()
        of_tokens = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            of_tokens = product(above, weight).view(ctx.shape)
        if ctx.needs_input_grad[1]:
            of_weight = product(above.t(), rows)
        if ctx.needs_input_grad[2]:
            of_bias = above.sum(0)
        return of_tokens, of_weight, of_bias


class _TwoLayers(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        eps: float,
        tokens: Tensor,
        scale: Tensor | None,
        offset: Tensor | None,
        *layers: Tensor,
    ) -> Tensor:
        weight, bias, last_weight, last_bias = (part.contiguous() for part in layers)
        rows = tokens.reshape(-1, tokens.shape[-1]).contiguous()
        multiply = _onednn if onednn_takes(rows) else F.linear
        hidden = multiply(normalized(rows, scale, offset, eps)[0], weight, bias)
        ctx.save_for_backward(rows, scale, offset, hidden, weight, last_weight)
        ctx.shape, ctx.eps = tokens.shape, eps
        out = multiply(F.gelu(hidden), last_weight, last_bias)
        return out.view(*tokens.shape[:-1], len(last_weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows, scale, offset, hidden, weight, last_weight = ctx.saved_tensors
        _, tokens, scales, offsets, first, first_bias, last, last_bias = ctx.needs_input_grad
        above = gradient.reshape(-1, gradient.shape[-1]).contiguous()
        of_last = product(above.t(), F.gelu(hidden)) if last else None
        of_last_bias = above.sum(0) if last_bias else None
        above = torch.ops.aten.gelu_backward.default(product(above, last_weight), hidden)
        normed, *moments = normalized(rows, scale, offset, ctx.eps)
        of_first = product(above.t(), normed) if first else None
        of_first_bias = above.sum(0) if first_bias else None
        needs = tokens, scales, offsets
        of_tokens = product(above, weight) if any(needs) else None
        of_scale = of_offset = None
        if moments and of_tokens is not None:
            of_tokens, of_scale, of_offset = norm_gradients(
                of_tokens, rows, moments, scale, offset, needs
            )
        of_tokens = None if of_tokens is None else of_tokens.view(ctx.shape)
        of_layers = of_first, of_first_bias, of_last, of_last_bias
        return None, of_tokens, of_scale, of_offset, *of_layers
