import pytest
import torch
from torch import nn
from torch.nn import functional as F

from hashtag2action.models import linear as linears
from hashtag2action.models import processor
from hashtag2action.models.linear import Linear, linear, product, two_layers

AVX512 = dict.fromkeys(("avx2", "avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"), True)
AVX2 = AVX512 | {"avx512_bw": False}


@pytest.fixture(params=[AVX512, AVX2], ids=["AVX-512", "AVX2"])
def features(request, monkeypatch):
    """What the package takes the CPU for; either way every CPU computes the same."""
    monkeypatch.setattr(processor, "cpu_features", lambda: request.param)
    return request.param


def test_onednn_multiplies_float32_where_there_is_avx512(features, generator, monkeypatch):
    counted, onednn = [], linears._onednn

    def count(*tensors):
        counted.append(tensors)
        return onednn(*tensors)

    monkeypatch.setattr(linears, "_onednn", count)
    weight = torch.randn(20, 12, generator=generator, requires_grad=True)
    other = torch.randn(12, 20, generator=generator, requires_grad=True)
    bias = torch.zeros(20), torch.zeros(12)
    rows = torch.randn(5, 12, generator=generator, requires_grad=True)
    linear(rows, weight, bias[0]).sum().backward()
    two_layers(rows, (weight, bias[0]), (other, bias[1])).sum().backward()
    product(rows.detach(), other.detach())
    assert len(counted) == (3 + 6 + 1 if features is AVX512 else 0)


def test_linear_layers_give_torchs_numbers_and_gradients(features, generator):
    weight = torch.randn(20, 12, generator=generator, requires_grad=True)
    bias = torch.randn(20, generator=generator, requires_grad=True)
    dense = torch.randn(3, 7, 12, generator=generator, requires_grad=True)
    for tokens in (dense, dense[:, -4:], dense.transpose(0, 1), dense[:0]):
        for leaves in ((dense, weight, bias), (dense, weight)):
            offset = bias if len(leaves) == 3 else None
            ours, theirs = linear(tokens, weight, offset), F.linear(tokens, weight, offset)
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
            above = torch.randn(ours.shape, generator=generator)
            for one, other in zip(
                torch.autograd.grad((ours * above).sum(), leaves),
                torch.autograd.grad((theirs * above).sum(), leaves),
                strict=True,
            ):
                torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_rows_of_a_weight_serve_as_one(features, generator):
    weight = torch.randn(30, 12, generator=generator)
    tokens = torch.randn(5, 12, generator=generator)
    torch.testing.assert_close(linear(tokens, weight[10:20], None), tokens @ weight[10:20].T)
    torch.testing.assert_close(linear(tokens, weight.T.contiguous().T, None), tokens @ weight.T)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_take_matrices_and_their_transposes(features, dtype, generator):
    left = torch.randn(9, 4, generator=generator).to(dtype)
    right = torch.randn(4, 6, generator=generator).to(dtype)
    expected = left @ right
    for one in (left, left.T.contiguous().T):
        for other in (right, right.T.contiguous().T):
            torch.testing.assert_close(product(one, other), expected)


def test_a_layer_runs_in_bfloat16_under_autocast(generator):
    layer = Linear(12, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(torch.randn(5, 12, generator=generator))
    assert out.dtype is torch.bfloat16
    out.float().sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.dtype is torch.float32


@pytest.mark.parametrize("norm", [None, nn.LayerNorm(12, eps=1e-6)])
def test_two_layers_give_torchs_numbers_and_gradients_and_keep_no_gelu(features, norm, generator):
    shapes = ((3, 7, 12), (20, 12), (20,), (5, 20), (5,))
    leaves = [torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes]
    tokens, *layers = leaves
    if norm is not None:
        for parameter in norm.parameters():
            nn.init.normal_(parameter, generator=generator)
            leaves.append(parameter)
    kept: list[torch.Size] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.shape)
        return tensor

    for rows in (tokens, tokens[:, -4:], tokens.transpose(0, 1), tokens[:0]):
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            kept.clear()
            ours = two_layers(rows, (layers[0], layers[1]), (layers[2], layers[3]), norm)
        if rows.numel():
            assert [shape for shape in kept if shape[-1] == 20 and shape[0] == rows.numel() // 12]
            assert len([shape for shape in kept if len(shape) == 2]) == 4
        normed = rows if norm is None else norm(rows)
        theirs = F.linear(F.gelu(F.linear(normed, *layers[:2])), *layers[2:])
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
        above = torch.randn(ours.shape, generator=generator)
        for one, other in zip(
            torch.autograd.grad((ours * above).sum(), leaves),
            torch.autograd.grad((theirs * above).sum(), leaves),
            strict=True,
        ):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)
