"""Linear layers in bfloat16 on a CPU whose gradients take the place of the weights' copies.

Under autocast a product's weight is a copy in bfloat16, and its gradient is made in bfloat16, then
copied to float32. On a CPU memory is what that costs: for ViT-B it is 376 MB of gradients, fresh
from the system at every step. Here the gradient stays as the product made it, which are the same
numbers, and is written over the copy, which nothing reads any more. The optimizer in turn may write
the weight's next copy over the gradient.

It is for steps of one pass: over several passes gradients would add up in bfloat16.
"""

from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import BFloat16, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.utils.weak import WeakTensorKeyDictionary

from hashtag2action.models.processor import multiplies_bf16

_next_copies: MutableMapping[Tensor, tuple[Tensor, int]] = WeakTensorKeyDictionary()
"""Copies for the next forward pass by their weights, each with the weight's version."""

KEPT_NUMBERS = 2**21
"""Up to so many outputs of a GELU are kept for the backward pass, else they are computed again.
Chosen: a core's cache takes no more. At 16 x 224 x 224 px and two clips the encoder of ViT-B keeps
them in pre-training; its decoder does not, nor does fine-tuning, where they would be 230 MB."""


@contextmanager
def bf16_gradients(network: nn.Module) -> Iterator[None]:
    """Have the weights of linear layers get their gradients in bfloat16.

    The optimizer must take them (`train.optim.FusedAdamW` does). There are no gradients before.
    """
    weights = [module.weight for module in network.modules() if isinstance(module, nn.Linear)]
    for weight in weights:
        weight.grad_dtype = torch.bfloat16
    try:
        yield
    finally:
        for weight in weights:
            _next_copies.pop(weight, None)
            weight.grad = None
            weight.grad_dtype = weight.dtype


def leave_copy(weight: Tensor, copy: Tensor) -> None:
    """Let the next forward pass take a weight's copy; whoever has it must not write to it.

    It is taken once, and only if the weight was not written to since.
    """
    _next_copies[weight] = copy, weight._version


def copy_of(weight: Tensor) -> Tensor:
    """Return a copy of a weight that nobody else has."""
    copy, version = _next_copies.pop(weight, (weight, -1))
    if version == weight._version:
        return copy
    return weight.to(torch.bfloat16, memory_format=torch.contiguous_format)


def has_bf16_gradient(weight: Tensor) -> bool:
    """Whether a weight is used under autocast and gets its gradient in bfloat16."""
    return (
        # First of all: the compiler cannot look into what follows, and a graph would break here.
        not torch.compiler.is_compiling()
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
        and torch.is_grad_enabled()
        and weight.requires_grad
        and weight.is_leaf
        and weight.grad_dtype is torch.bfloat16
    )


def affine_bf16(
    rows: BFloat16[Tensor, "n i"], weight: BFloat16[Tensor, "o i"], bias: Float[Tensor, " o"] | None
) -> BFloat16[Tensor, "n o"]:
    """Compute rows weight^T + bias, without a gradient.

    oneDNN adds the bias where it makes the product; torch's own way writes it to all rows first.
    The numbers are the same. Measured (torch 2.13, one core of an AMD Zen 4, the layers of ViT-B):
    0.95 to 0.98 of the time, what the product alone takes.
    """
    bias = None if bias is None else bias.to(torch.bfloat16)
    if not (rows.numel() and multiplies_bf16("cpu")):
        return F.linear(rows, weight, bias)
    return torch.ops.mkldnn._linear_pointwise.default(rows, weight, bias, "none", [], "")


def linear_bf16(
    tokens: Float[Tensor, "*b i"], weight: Float[Tensor, "o i"], bias: Float[Tensor, " o"] | None
) -> BFloat16[Tensor, "*b o"]:
    """Compute tokens weight^T + bias; the weight's gradient takes the memory of its copy."""
    return _Bf16Linear.apply(tokens, weight, bias)  # pyright: ignore[reportReturnType]


class _Bf16Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        rows = tokens.reshape(-1, tokens.shape[-1]).to(torch.bfloat16)
        # Not among the saved tensors, which must not be written to.
        ctx.copy = copy_of(weight)
        ctx.save_for_backward(rows, weight)
        ctx.shape, ctx.dtype = tokens.shape, tokens.dtype
        out = affine_bf16(rows, ctx.copy, bias)
        return out.view(*tokens.shape[:-1], out.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows, weight = ctx.saved_tensors
        # A graph that is kept may be gone through again, when the copy is a gradient already.
        copy, ctx.copy = ctx.copy, None
        copy = copy_of(weight) if copy is None else copy
        above = gradient.reshape(-1, gradient.shape[-1])
        of_tokens = of_bias = None
        if ctx.needs_input_grad[0]:
            of_tokens = (above @ copy).view(ctx.shape).to(ctx.dtype)
        if ctx.needs_input_grad[2]:
            of_bias = above.sum(0)
        return of_tokens, torch.mm(above.t(), rows, out=copy), of_bias


def two_layers_bf16(
    tokens: Float[Tensor, "*b i"],
    first: tuple[Float[Tensor, "h i"], Float[Tensor, " h"]],
    second: tuple[Float[Tensor, "o h"], Float[Tensor, " o"]],
    norm: nn.LayerNorm | None,
) -> BFloat16[Tensor, "*b o"]:
    """Compute a norm, if there is one, and two linear layers with an exact GELU between them.

    As one step of the graph: between products, what is not in the cache costs most, and that is
    the interpreter too.
    """
    scale, offset, eps = (None, None, 0.0) if norm is None else (norm.weight, norm.bias, norm.eps)
    return _Bf16TwoLayers.apply(eps, tokens, scale, offset, *first, *second)  # pyright: ignore[reportReturnType]


class _Bf16TwoLayers(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        eps: float,
        tokens: Tensor,
        scale: Tensor | None,
        offset: Tensor | None,
        *layers: Tensor,
    ) -> Tensor:
        weight, bias, last_weight, last_bias = layers
        rows = tokens.reshape(-1, tokens.shape[-1])
        normed, *moments = normalized(rows, scale, offset, eps)
        normed = normed.to(torch.bfloat16)
        ctx.copies = copy_of(weight), copy_of(last_weight)
        hidden = affine_bf16(normed, ctx.copies[0], bias)
        shown = F.gelu(hidden)
        kept = shown if shown.numel() <= KEPT_NUMBERS else None
        ctx.save_for_backward(
            rows, scale, offset, normed, hidden, kept, weight, last_weight, *moments
        )
        ctx.shape, ctx.dtype = tokens.shape, tokens.dtype
        out = affine_bf16(shown, ctx.copies[1], last_bias)
        return out.view(*tokens.shape[:-1], out.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        rows, scale, offset, normed, hidden, shown, *weights = ctx.saved_tensors
        moments = weights[2:]
        copies, ctx.copies = ctx.copies, None
        first, last = copies or (copy_of(weights[0]), copy_of(weights[1]))
        del copies
        above = gradient.reshape(-1, gradient.shape[-1])
        of_shown = above @ last
        shown = F.gelu(hidden) if shown is None else shown
        of_last, of_last_bias = torch.mm(above.t(), shown, out=last), above.sum(0)
        above = torch.ops.aten.gelu_backward.default(of_shown, hidden)
        of_rows = above @ first
        of_first, of_first_bias = torch.mm(above.t(), normed, out=first), above.sum(0)
        of_scale = of_offset = None
        if moments:
            of_rows, of_scale, of_offset = norm_gradients(
                of_rows.to(ctx.dtype), rows, moments, scale, offset
            )
        of_tokens = of_rows.view(ctx.shape).to(ctx.dtype)
        return None, of_tokens, of_scale, of_offset, of_first, of_first_bias, of_last, of_last_bias


def normalized(
    rows: Tensor, scale: Tensor | None, offset: Tensor | None, eps: float
) -> tuple[Tensor, ...]:
    """Normalize rows if there is a scale; return them with their means and inverse deviations."""
    if scale is None:
        return (rows,)
    return torch.native_layer_norm(rows, rows.shape[1:], scale, offset, eps)


def norm_gradients(
    above: Tensor,
    rows: Tensor,
    moments: Sequence[Tensor],
    scale: Tensor,
    offset: Tensor,
    needs: tuple[bool, bool, bool] = (True, True, True),
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of what `normalized` was given: rows, scale and offset, where needed."""
    return torch.ops.aten.native_layer_norm_backward.default(
        above, rows, rows.shape[1:], *moments, scale, offset, needs
    )
