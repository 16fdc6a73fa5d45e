import pytest
import torch
from tests.models.references import relative_error
from torch.nn import functional as F

from hashtag2action.errors import ConfigError
from hashtag2action.models.patch_embed import Grid
from hashtag2action.models.pixels import normalized_pixels
from hashtag2action.models.vit import VisionTransformer


def test_logits_loss_and_gradients_are_the_official_ones(officials):
    for official in officials:
        model, tensors = official.finetuning, official.tensors
        logits = model(tensors["pretrain.video"])
        loss = F.cross_entropy(logits, tensors["finetune.labels"])
        loss.backward()
        assert relative_error(logits, tensors["finetune.logits"]) < 1e-5
        assert relative_error(loss, tensors["finetune.loss"]) < 1e-5
        gradients = official.part("finetune.grad.")
        assert set(gradients) == {name for name, _ in model.named_parameters()}
        for name, parameter in model.named_parameters():
            assert relative_error(parameter.grad, gradients[name]) < 1e-5, name


def test_features_are_the_normalized_mean_of_the_tokens(finetuning, clips):
    tokens = finetuning.forward_tokens(clips)
    assert tokens.shape == (3, 6 * 4 * 4, 44)
    features = finetuning.forward_features(clips)
    mean = tokens.mean(1)
    by_hand = (mean - mean.mean(1, keepdim=True)) / mean.var(1, correction=0, keepdim=True).sqrt()
    torch.testing.assert_close(features, by_hand, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(finetuning(clips), finetuning.head(features))


def test_bytes_and_normalized_floats_give_the_same_logits(finetuning, clips):
    floats = normalized_pixels(clips.transpose(0, 1).flatten(1, 2)[None])[0]
    floats = floats.unflatten(1, (3, 12)).transpose(0, 1)
    torch.testing.assert_close(finetuning(clips), finetuning(floats), atol=1e-5, rtol=1e-5)


def test_without_classes_the_features_come_out(clips):
    model = VisionTransformer(
        num_classes=0,
        embed_dim=8,
        depth=1,
        num_heads=2,
        patch_size=14,
        num_frames=12,
        image_size=56,
    )
    assert torch.equal(model(clips), model.forward_features(clips))


def test_initial_weights_are_small_and_the_classifier_almost_silent(generator):
    model = VisionTransformer.from_variant("vit_tiny", num_classes=10, num_frames=4, image_size=32)
    for name, parameter in model.named_parameters():
        if name.endswith(("bias",)) and "patch_embed" not in name:
            assert not parameter.any(), name
    assert model.blocks[3].mlp.fc1.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert model.head.weight.std().item() == pytest.approx(0.02 * 0.001, rel=0.1)
    assert [block.drop_path.rate for block in model.blocks] == [0] * 8


def test_a_model_built_without_memory_can_be_given_some(generator):
    with torch.device("meta"):
        model = VisionTransformer.from_variant("vit_tiny", num_classes=3, image_size=64)
    assert all(parameter.is_meta for parameter in model.parameters())
    model.to_empty(device="cpu")
    model.init_weights()
    torch.manual_seed(0)
    model.init_weights()
    torch.manual_seed(0)
    reference = VisionTransformer.from_variant("vit_tiny", num_classes=3, image_size=64)
    reference.init_weights()
    clip = torch.zeros(1, 3, 16, 64, 64, dtype=torch.uint8)
    assert torch.isfinite(model(clip)).all()
    assert torch.equal(model.positions.table, reference.positions.table)


def test_other_frame_counts_stretch_the_table_the_weights_were_trained_with():
    trained = Grid(8, 14, 14)
    model = VisionTransformer.from_variant(
        "vit_tiny", num_classes=3, num_frames=24, image_size=256, trained_grid=trained
    )
    assert model.grid == (12, 16, 16)
    assert model.positions.table.shape == (12 * 16 * 16, 192)
    fresh = VisionTransformer.from_variant("vit_tiny", num_classes=3, num_frames=24, image_size=256)
    assert not torch.allclose(model.positions.table, fresh.positions.table, atol=0.1)
    same = VisionTransformer.from_variant("vit_tiny", num_classes=3, trained_grid=trained)
    fresh = VisionTransformer.from_variant("vit_tiny", num_classes=3)
    assert torch.equal(same.positions.table, fresh.positions.table)


def test_clips_of_another_shape_are_refused(finetuning):
    with pytest.raises(ConfigError, match="takes clips of 12 frames, 56x56 px, not 14 frames"):
        finetuning(torch.zeros(1, 3, 14, 56, 56))


def test_it_trains_in_bfloat16_on_a_cpu(finetuning, clips):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = finetuning(clips)
    expected = finetuning(clips)
    logits.float().square().sum().backward()
    assert all(parameter.grad is not None for parameter in finetuning.parameters())
    torch.testing.assert_close(logits.float(), expected, atol=0.05, rtol=0.05)
