from functools import partial

import pytest
import torch
from torch.nn import functional as F

from hashtag2action.models.attention_bf16 import attention_bf16

WAYS = [(4, 30, True), (4, 30, False), (1, 30, False), (1, 8, False), (1, 7, True)]


def parts(num_queries, generator, scale=1.0):
    joint = scale * torch.randn(2, 30, 3, 2, 8, generator=generator)
    query, key, value = joint.bfloat16().permute(2, 0, 3, 1, 4).unbind(0)
    return [part.detach().requires_grad_() for part in (query[:, :, -num_queries:], key, value)]


def compare(leaves, way, weight):
    heads_at_once, rows, keeps = way
    ours = attention_bf16(*leaves, heads_at_once=heads_at_once, rows=rows, keeps_powers=keeps)
    exact = [leaf.detach().float().requires_grad_() for leaf in leaves]
    theirs = F.scaled_dot_product_attention(*exact)
    found = torch.autograd.grad((ours.float() * weight).sum(), leaves)
    expected = torch.autograd.grad((theirs * weight).sum(), exact)
    for one, other in zip((ours, *found), (theirs, *expected), strict=True):
        assert one.dtype is torch.bfloat16
        assert one.shape == other.shape
        yield ((one.float() - other).abs().max() / other.abs().max()).item()


@pytest.mark.parametrize("num_queries", [30, 17, 1])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_formula_and_its_gradients(way, num_queries, generator):
    weight = torch.randn(2, 2, num_queries, 8, generator=generator)
    assert max(compare(parts(num_queries, generator), way, weight)) < 2e-2


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_errors_are_those_of_rounding_to_bfloat16(scale, generator):
    joint = scale * torch.randn(3, 2, 4, 160, 64, generator=generator).bfloat16()
    above = torch.randn(2, 4, 160, 64, generator=generator).bfloat16()

    def found(attend, parts):
        leaves = [part.clone().requires_grad_() for part in parts]
        mixed = attend(*leaves)
        return mixed, *torch.autograd.grad(mixed, leaves, above.to(mixed.dtype))

    def autocast(query, key, value):
        return (query @ key.mT / 8).float().softmax(-1).bfloat16() @ value

    ours = partial(attention_bf16, heads_at_once=8, rows=160, keeps_powers=True)
    exact = found(F.scaled_dot_product_attention, joint.float())
    for one, other, true in zip(found(ours, joint), found(autocast, joint), exact, strict=True):
        assert (one - true).norm() < 1.25 * (other - true).norm()


@pytest.mark.parametrize("way", [(4, 8, True), (1, 8, False), (1, 3, False)])
@pytest.mark.parametrize("common", [0.0, -2.0])
def test_scores_beyond_the_range_of_powers_are_shifted(way, common, generator):
    # Every query looks at its own key alone: scores of 565 and 0, or of -565 and -1131.
    query = (40 * torch.eye(8)).expand(2, 2, 8, 8).bfloat16()
    key = query + 40 * common
    value, weight = torch.randn(2, 2, 2, 8, 8, generator=generator).bfloat16()
    value.requires_grad_()
    heads_at_once, rows, keeps = way
    mixed = attention_bf16(
        query, key, value, heads_at_once=heads_at_once, rows=rows, keeps_powers=keeps
    )
    assert torch.equal(mixed, value)
    (of_value,) = torch.autograd.grad(mixed, value, weight)
    assert torch.equal(of_value, weight)


def test_nothing_in_gives_nothing_out():
    query = torch.empty(0, 2, 5, 8, dtype=torch.bfloat16)
    mixed = attention_bf16(query, query, query, heads_at_once=1, rows=5, keeps_powers=False)
    assert mixed.shape == query.shape
