import pytest
import torch
from torch.nn import functional as F

from hashtag2action.models import attention, processor
from hashtag2action.models.attention import (
    SHORT_SEQUENCE,
    TILE_SCORES,
    attend,
    tile_rows,
    tiled_attention,
)


def parts(num_queries, num_keys, generator, dtype=torch.float32):
    """Queries, keys and values as they lie in a joint projection."""
    joint = torch.randn(2, num_keys, 3, 2, 8, generator=generator).to(dtype)
    query, key, value = joint.permute(2, 0, 3, 1, 4).unbind(0)
    return [part.detach().requires_grad_() for part in (query[:, :, -num_queries:], key, value)]


@pytest.mark.parametrize("num_tokens", [7, SHORT_SEQUENCE + 1])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_attention_is_the_formula_in_every_precision(num_tokens, dtype, tolerance, generator):
    query, key, value = torch.randn(3, 2, 2, num_tokens, 8, generator=generator)
    mixed = attend(query.to(dtype), key.to(dtype), value.to(dtype))
    assert mixed.dtype is dtype
    scores = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1)
    torch.testing.assert_close(mixed.float(), scores @ value, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(("num_queries", "rows"), [(30, 30), (30, 8), (17, 5), (1, 4)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 3e-2)])
def test_tiles_give_what_the_fused_kernel_gives(num_queries, rows, dtype, tolerance, generator):
    leaves = parts(num_queries, 30, generator, dtype)
    weight = torch.randn(2, 2, num_queries, 8, generator=generator)
    tiled = tiled_attention(leaves[0], leaves[1], leaves[2], rows)
    ours = torch.autograd.grad((tiled.float() * weight).sum(), leaves)
    exact = [leaf.detach().float().requires_grad_() for leaf in leaves]
    fused = F.scaled_dot_product_attention(exact[0], exact[1], exact[2])
    theirs = torch.autograd.grad((fused * weight).sum(), exact)
    for one, other in zip((tiled, *ours), (fused, *theirs), strict=True):
        assert one.dtype is dtype
        assert one.shape == other.shape
        assert ((one.float() - other).abs().max() / other.abs().max()).item() < tolerance


ZEN4 = dict.fromkeys(processor.AVX512_PRODUCTS, True)
ZEN5 = ZEN4 | {"avx_vnni": True}


@pytest.mark.parametrize(
    ("features", "num_tokens"), [(ZEN5, 401), (ZEN5, 400), (ZEN4, 401), ({"avx_vnni": True}, 401)]
)
def test_long_sequences_in_float32_take_tiles_where_avx512_is_whole(
    features, num_tokens, generator, monkeypatch
):
    monkeypatch.setattr(processor, "cpu_features", lambda: features)
    tiled: list[int] = []

    def count(*given):
        tiled.append(given[0].shape[-2])
        return tiled_attention(*given)

    monkeypatch.setattr(attention, "tiled_attention", count)
    query, key, value = torch.randn(3, 2, 2, num_tokens, 8, generator=generator)
    mixed = attend(query, key, value)
    assert tiled == ([401] if features is ZEN5 and num_tokens == 401 else [])
    scores = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1)
    torch.testing.assert_close(mixed, scores @ value, atol=1e-5, rtol=1e-5)


def test_tiles_are_even_and_stay_in_the_cache():
    assert tile_rows(944, 944) == 944
    assert tile_rows(1568, 1568) == 784
    assert tile_rows(2048, 2048) == 512
    assert tile_rows(5, 10 * TILE_SCORES) == 1
