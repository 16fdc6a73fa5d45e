"""The fast form against a plain one written out here, and both against the official numbers."""

import pytest
import torch
from tests.models.references import relative_error
from torch.nn import functional as F

from hashtag2action.errors import ConfigError
from hashtag2action.models.masking import mask_pair, sample_masks
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.position import sincos_table
from hashtag2action.models.target import masked_targets
from hashtag2action.models.videomae import VideoMAE


def reconstruction_loss(predictions, targets, counts):
    return (predictions - targets).square().mean(-1)[counts].mean()


def plain_block(block, tokens):
    """Attention with explicit scores over all tokens, nothing skipped."""
    attention = block.attn
    normed = block.norm1(tokens)
    query, key, value = (normed @ attention.qkv.weight.T).chunk(3, dim=-1)
    query, value = query + attention.q_bias, value + attention.v_bias
    query, key, value = (
        part.unflatten(2, (attention.num_heads, -1)).transpose(1, 2) for part in (query, key, value)
    )
    scores = (query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5).softmax(-1)
    tokens = tokens + attention.proj((scores @ value).transpose(1, 2).flatten(2))
    return tokens + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(tokens))))


def plain_forward(model, clips, encoder_mask, decoder_mask):
    """The network as it is usually written: everything is embedded, boolean masks choose."""
    projection = model.encoder.patch_embed.proj
    tokens = projection(clips).flatten(2).transpose(1, 2)
    batch, num_tokens, width = tokens.shape
    tokens = (tokens + sincos_table(num_tokens, width))[~encoder_mask].view(batch, -1, width)
    for block in model.encoder.blocks:
        tokens = plain_block(block, tokens)
    seen = model.encoder_to_decoder(model.encoder.norm(tokens))
    width = seen.shape[-1]
    codes = sincos_table(num_tokens, width).expand(batch, -1, -1)
    seen = seen + codes[~encoder_mask].view(batch, -1, width)
    asked = model.mask_token + codes[~decoder_mask].view(batch, -1, width)
    tokens = torch.cat([seen, asked], dim=1)
    for block in model.decoder.blocks:
        tokens = plain_block(block, tokens)
    tokens = tokens[:, -asked.shape[1] :]
    return model.decoder.head(model.decoder.norm(tokens))


def as_masks(masks, num_tokens):
    hidden = torch.ones(masks.visible_idx.shape[0], num_tokens, dtype=torch.bool)
    skipped = hidden.clone()
    return (
        hidden.scatter(1, masks.visible_idx, value=False),
        skipped.scatter(1, masks.decoded_idx, value=False),
    )


def test_output_loss_and_gradients_are_the_official_ones(officials):
    for official in officials:
        model, tensors = official.pretraining, official.tensors
        video = tensors["pretrain.video"]
        masks = mask_pair(tensors["pretrain.encoder_mask"], tensors["pretrain.decoder_mask"])
        predictions = model(video, masks.visible_idx, masks.decoded_idx)
        targets = masked_targets(video, masks.decoded_idx, model.patch_size, model.tubelet_size)
        loss = reconstruction_loss(predictions, targets, masks.hidden_of_decoded)
        loss.backward()
        assert relative_error(predictions, tensors["pretrain.output"]) < 1e-5
        assert relative_error(targets, tensors["pretrain.target"]) < 1e-5
        assert relative_error(loss, tensors["pretrain.loss"]) < 1e-5
        gradients = official.part("pretrain.grad.")
        assert set(gradients) == {name for name, _ in model.named_parameters()}
        for name, parameter in model.named_parameters():
            assert relative_error(parameter.grad, gradients[name]) < 1e-5, name


@pytest.mark.parametrize("decoder_mask_ratio", [0.0, 0.25, 0.5, 0.75])
def test_the_fast_form_is_the_plain_form(pretraining, generator, decoder_mask_ratio):
    for parameter in pretraining.parameters():
        torch.nn.init.normal_(parameter, std=0.2, generator=generator)
    clips = torch.randn(3, 3, 12, 56, 56, generator=generator)
    masks = sample_masks(3, pretraining.grid, 0.75, decoder_mask_ratio, generator)
    targets = masked_targets(clips, masks.decoded_idx, 14, 2)
    parameters = list(pretraining.parameters())

    fast = pretraining(clips, masks.visible_idx, masks.decoded_idx)
    plain = plain_forward(pretraining, clips, *as_masks(masks, pretraining.grid.num_tokens))
    assert fast.shape == plain.shape == (3, masks.decoded_idx.shape[1], 3 * 2 * 14 * 14)
    assert relative_error(fast, plain) < 1e-5
    fast_gradients, plain_gradients = (
        torch.autograd.grad(
            reconstruction_loss(predictions, targets, masks.hidden_of_decoded), parameters
        )
        for predictions in (fast, plain)
    )
    for ours, theirs in zip(fast_gradients, plain_gradients, strict=True):
        assert relative_error(ours, theirs) < 1e-4


def test_what_is_hidden_cannot_be_seen(pretraining, clips, generator):
    masks = sample_masks(3, pretraining.grid, 0.75, 0.5, generator)
    before = pretraining(clips, masks.visible_idx, masks.decoded_idx)
    visible = ~as_masks(masks, pretraining.grid.num_tokens)[0]
    seen = visible.view(3, 1, *pretraining.grid).float()
    seen = F.interpolate(seen, size=(12, 56, 56), mode="nearest").bool()
    changed = torch.where(seen, clips, 255 - clips)
    after = pretraining(changed, masks.visible_idx, masks.decoded_idx)
    assert torch.equal(before, after)
    altered = pretraining(255 - clips, masks.visible_idx, masks.decoded_idx)
    assert not torch.allclose(before, altered)


def test_bytes_and_normalized_floats_give_the_same_predictions(officials):
    model = officials[0].pretraining
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1, 1)
    generator = torch.Generator().manual_seed(1)
    shape = officials[0].tensors["pretrain.video"].shape
    raw = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    masks = sample_masks(shape[0], model.grid, 0.75, 0.5, generator)
    bytes_in = model(raw, masks.visible_idx, masks.decoded_idx)
    floats_in = model((raw / 255 - mean) / std, masks.visible_idx, masks.decoded_idx)
    torch.testing.assert_close(bytes_in, floats_in, atol=1e-5, rtol=1e-5)


def test_initial_weights_are_xaviers_and_the_mask_token_is_cut(generator):
    model = VideoMAE.from_variant("vit_tiny", num_frames=4, image_size=32)
    weight = model.encoder.blocks[0].attn.qkv.weight
    bound = (6 / sum(weight.shape)) ** 0.5
    assert bound * 0.99 < weight.abs().max().item() <= bound
    assert 0 < model.mask_token.abs().max().item() <= 0.02
    assert not model.decoder.head.bias.any()
    assert (model.decoder.norm.weight == 1).all()


def test_a_model_built_without_memory_can_be_given_some(generator):
    with torch.device("meta"):
        model = VideoMAE.from_variant("vit_tiny", num_frames=4, image_size=32)
    assert all(parameter.is_meta for parameter in model.parameters())
    model.to_empty(device="cpu")
    model.init_weights()
    masks = sample_masks(1, Grid(2, 2, 2), 0.5, 0.5, generator)
    clips = torch.zeros(1, 3, 4, 32, 32, dtype=torch.uint8)
    predictions = model(clips, masks.visible_idx, masks.decoded_idx)
    assert torch.isfinite(predictions).all()
    assert torch.equal(model.decoder.positions.table, sincos_table(8, 96))


def test_it_trains_in_bfloat16_on_a_cpu(pretraining, clips, generator):
    masks = sample_masks(3, pretraining.grid, 0.75, 0.5, generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        predictions = pretraining(clips, masks.visible_idx, masks.decoded_idx)
    expected = pretraining(clips, masks.visible_idx, masks.decoded_idx)
    predictions.float().square().mean().backward()
    assert all(parameter.grad is not None for parameter in pretraining.parameters())
    assert relative_error(predictions.float(), expected) < 0.05


def test_a_few_steps_on_one_clip_lower_the_loss(pretraining, generator):
    clip = torch.nn.functional.interpolate(
        torch.rand(1, 3, 3, 4, 4, generator=generator), size=(12, 56, 56), mode="trilinear"
    )
    clip = (clip * 255).to(torch.uint8)
    masks = sample_masks(1, pretraining.grid, 0.75, 0.5, generator)
    targets = masked_targets(clip, masks.decoded_idx, 14, 2)
    optimizer = torch.optim.AdamW(pretraining.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        predictions = pretraining(clip, masks.visible_idx, masks.decoded_idx)
        loss = reconstruction_loss(predictions, targets, masks.hidden_of_decoded)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_clips_of_another_shape_are_refused(pretraining, generator):
    masks = sample_masks(1, pretraining.grid, 0.75, 0.5, generator)
    with pytest.raises(ConfigError, match="not 12 frames, 56x70 px"):
        pretraining(torch.zeros(1, 3, 12, 56, 70), masks.visible_idx, masks.decoded_idx)
