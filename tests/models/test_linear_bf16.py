import copy

import pytest
import torch
from torch import Tensor, nn

from hashtag2action.models import linear_bf16, processor
from hashtag2action.models.layers import Block
from hashtag2action.models.linear import Linear
from hashtag2action.models.linear_bf16 import affine_bf16, bf16_gradients, leave_copy


def loss_of(network: nn.Module, tokens: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return network(tokens).float().square().sum()


def gradient(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad


def test_gradients_are_those_of_autocast_number_by_number(generator):
    plain = nn.Sequential(Block(16, 2, 4.0), Linear(16, 5))
    ours = copy.deepcopy(plain)
    tokens = torch.randn(3, 9, 16, generator=generator)
    theirs, own = (tokens.clone().requires_grad_() for _ in range(2))
    loss_of(plain, theirs).backward()
    with bf16_gradients(ours):
        loss = loss_of(ours, own)
        loss.backward()
        gradients = {name: gradient(one) for name, one in ours.named_parameters()}
    assert torch.equal(loss, loss_of(plain, tokens))
    assert torch.equal(gradient(own), gradient(theirs))
    for name, parameter in plain.named_parameters():
        assert torch.equal(gradients[name].float(), gradient(parameter)), name
    in_bf16 = {name for name, one in gradients.items() if one.dtype is torch.bfloat16}
    linear = ("0.attn.qkv", "0.attn.proj", "0.mlp.fc1", "0.mlp.fc2", "1")
    assert in_bf16 == {f"{name}.weight" for name in linear}


@pytest.mark.parametrize("num_rows", [0, 1, 70])
@pytest.mark.parametrize("has_bias", [True, False])
def test_a_bias_is_added_as_torch_does_with_and_without_instructions(
    has_bias: bool, num_rows: int, generator, monkeypatch
):
    rows = torch.randn(num_rows, 24, generator=generator).bfloat16()
    weight = torch.randn(40, 24, generator=generator).bfloat16()
    bias = torch.randn(40, generator=generator) if has_bias else None
    expected = nn.functional.linear(rows, weight, None if bias is None else bias.bfloat16())
    assert torch.equal(affine_bf16(rows, weight, bias), expected)
    monkeypatch.setattr(processor, "cpu_features", lambda: {"avx2": True})
    assert torch.equal(affine_bf16(rows, weight, bias), expected)


def test_gradients_are_in_float32_again_afterwards(generator):
    layer, tokens = Linear(6, 4), torch.randn(3, 6, generator=generator)
    with bf16_gradients(layer):
        loss_of(layer, tokens).backward()
    assert layer.weight.grad is None
    layer(tokens).sum().backward()
    assert gradient(layer.weight).dtype is torch.float32


def test_a_graph_is_gone_through_twice_with_the_same_gradients(generator):
    layer, tokens = Linear(6, 4), torch.randn(3, 6, generator=generator, requires_grad=True)
    with bf16_gradients(layer):
        loss = loss_of(layer, tokens)
        first = torch.autograd.grad(loss, (layer.weight, tokens), retain_graph=True)
        kept = [one.clone() for one in first]
        for one, other in zip(torch.autograd.grad(loss, (layer.weight, tokens)), kept, strict=True):
            assert torch.equal(one, other)


def test_two_forward_passes_do_not_share_a_copy(generator):
    layer = Linear(6, 4)
    some, others = torch.randn(2, 3, 6, generator=generator)
    expected = torch.autograd.grad(loss_of(layer, others), layer.weight)[0]
    with bf16_gradients(layer):
        first, second = loss_of(layer, some), loss_of(layer, others)
        torch.autograd.grad(first, layer.weight)
        assert torch.equal(torch.autograd.grad(second, layer.weight)[0].float(), expected)


def test_a_copy_that_was_left_is_taken_once_and_only_if_the_weight_is_the_same(generator):
    layer, tokens = Linear(6, 4, bias=False), torch.randn(3, 6, generator=generator)
    with bf16_gradients(layer):
        leave_copy(layer.weight, torch.zeros(4, 6, dtype=torch.bfloat16))
        assert loss_of(layer, tokens) == 0
        assert loss_of(layer, tokens) > 0
        leave_copy(layer.weight, torch.zeros(4, 6, dtype=torch.bfloat16))
        with torch.no_grad():
            layer.weight.mul_(2)
        assert loss_of(layer, tokens) > 0


def test_the_gradient_takes_the_memory_of_the_copy(generator):
    layer, tokens = Linear(6, 4), torch.randn(3, 6, generator=generator)
    left = torch.zeros(4, 6, dtype=torch.bfloat16)
    place = left.data_ptr()
    with bf16_gradients(layer):
        leave_copy(layer.weight, left)
        # A tensor that somebody else has is no gradient's memory.
        del left
        loss_of(layer, tokens).backward()
        assert gradient(layer.weight).data_ptr() == place


@pytest.mark.parametrize("num_read", [None, 4])
@pytest.mark.parametrize("num_tokens", [9, 420])
@pytest.mark.parametrize("num_kept", [0, linear_bf16.KEPT_NUMBERS])
def test_a_block_gives_the_numbers_of_autocast_whatever_is_read_or_kept(
    num_tokens: int, num_read: int | None, num_kept: int, generator, monkeypatch
):
    monkeypatch.setattr(linear_bf16, "KEPT_NUMBERS", num_kept)
    plain = Block(16, 2, 4.0)
    ours = copy.deepcopy(plain)
    tokens = torch.randn(2, num_tokens, 16, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = plain(tokens, num_read)
        expected.float().square().sum().backward()
        with bf16_gradients(ours):
            found = ours(tokens, num_read)
            found.float().square().sum().backward()
            gradients = {name: gradient(one) for name, one in ours.named_parameters()}
    assert torch.equal(found, expected)
    for name, parameter in plain.named_parameters():
        assert torch.equal(gradients[name].float(), gradient(parameter)), name
