import pytest
import torch

from hashtag2action.models.layers import (
    Attention,
    Block,
    DropPath,
    FeatureDrop,
    Mlp,
    drop_path_rates,
)


def plain_attention(query, key, value):
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    return scores.softmax(-1) @ value


def test_attention_has_a_query_and_a_value_bias_but_no_key_bias(generator):
    attention = Attention(8, 2)
    torch.nn.init.normal_(attention.q_bias)
    torch.nn.init.normal_(attention.v_bias)
    tokens = torch.randn(3, 5, 8, generator=generator)
    query, key, value = (tokens @ attention.qkv.weight.T).chunk(3, dim=-1)
    query, value = query + attention.q_bias, value + attention.v_bias
    heads = [part.unflatten(2, (2, 4)).transpose(1, 2) for part in (query, key, value)]
    expected = attention.proj(plain_attention(*heads).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(tokens), expected)


@pytest.mark.parametrize("num_read", [1, 4, 9])
def test_a_block_read_in_part_gives_the_same_numbers_and_gradients(num_read, generator):
    block = Block(12, 3, 2.0)
    torch.nn.init.normal_(block.attn.q_bias)
    torch.nn.init.normal_(block.attn.v_bias)
    tokens = torch.randn(2, 9, 12, generator=generator, requires_grad=True)
    leaves = [tokens, *block.parameters()]
    whole = block(tokens)[:, -num_read:]
    part = block(tokens, num_read)
    torch.testing.assert_close(part, whole)
    weight = torch.randn(part.shape, generator=generator)
    for ours, theirs in zip(
        torch.autograd.grad((part * weight).sum(), leaves),
        torch.autograd.grad((whole * weight).sum(), leaves),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_the_mlp_uses_the_exact_gelu(generator):
    mlp = Mlp(4, 6)
    tokens = torch.randn(1, 3, 4, generator=generator)
    hidden = mlp.fc1(tokens)
    hidden = hidden * 0.5 * (1 + torch.erf(hidden / 2**0.5))
    torch.testing.assert_close(mlp(tokens), mlp.fc2(hidden))


def test_drop_path_skips_whole_clips_and_keeps_the_expected_value(generator):
    branch = torch.ones(4000, 2, 3)
    dropped = DropPath(0.25)(branch)
    per_clip = dropped.flatten(1)
    assert (per_clip == per_clip[:, :1]).all()
    torch.testing.assert_close(per_clip[:, 0].unique(), torch.tensor([0, 4 / 3]))
    assert per_clip.mean().item() == pytest.approx(1, abs=0.05)


def test_drop_path_does_nothing_in_evaluation(generator):
    branch = torch.ones(4, 2, 3)
    assert DropPath(0.5).eval()(branch) is branch


def test_what_is_dropped_can_be_said_from_outside(generator):
    drop_path, features = DropPath(0.5), FeatureDrop(0.5, 3)
    drop_path.factors = torch.tensor([[0.0, 2.0], [2.0, 0.0]])
    features.factors = torch.tensor([[0.0, 2.0, 2.0]])
    branch = torch.ones(2, 1, 3)
    assert drop_path(branch, 0)[:, 0, 0].tolist() == [0, 2]
    assert drop_path(branch, 1)[:, 0, 0].tolist() == [2, 0]
    assert features(torch.ones(1, 3)).tolist() == [[0, 2, 2]]
    assert features.eval()(torch.ones(1, 3)).tolist() == [[1, 1, 1]]


def test_features_are_dropped_one_by_one(generator):
    dropped = FeatureDrop(0.25, 80)(torch.ones(50, 80))
    torch.testing.assert_close(dropped.unique(), torch.tensor([0, 4 / 3]))
    assert dropped.mean().item() == pytest.approx(1, abs=0.05)


def test_drop_path_grows_linearly_over_depth():
    assert drop_path_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 1) == [0]
