"""Networks of odd proportions (patches of 14, 12 frames, an MLP of 48/11) against plain ones."""

import pytest
import torch
from benchmarks.plain_videomae import PlainClassifier, PlainPretraining
from tests.models.references import normalized, relative_error
from torch.nn import functional as F

from hashtag2action.models.masking import sample_masks
from hashtag2action.models.target import masked_targets
from hashtag2action.train.objective import hidden_errors

SHAPE = {"embed_dim": 44, "depth": 2, "num_heads": 2, "patch_size": 14, "mlp_ratio": 48 / 11}
CLIP = {"num_frames": 12, "image_size": 56}
DECODER = {"decoder_embed_dim": 24, "decoder_depth": 2, "decoder_num_heads": 3}


def same_gradients(ours, plain):
    others = dict(plain.named_parameters())
    assert set(others) == {name for name, _ in ours.named_parameters()}
    for name, parameter in ours.named_parameters():
        assert relative_error(parameter.grad, others[name].grad) < 1e-5, name


@pytest.mark.parametrize("decoder_mask_ratio", [0.0, 0.5])
def test_pre_training_is_the_plain_one(pretraining, clips, generator, decoder_mask_ratio):
    for parameter in pretraining.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    plain = PlainPretraining(**SHAPE, **CLIP, **DECODER)
    plain.load_state_dict(pretraining.state_dict())
    masks = sample_masks(3, pretraining.grid, 0.75, decoder_mask_ratio, generator)
    everything = torch.ones(3, pretraining.grid.num_tokens, dtype=torch.bool)
    hidden = everything.scatter(1, masks.visible_idx, value=False)
    not_decoded = everything.scatter(1, masks.decoded_idx, value=False)

    predicted = pretraining(clips, masks.visible_idx, masks.decoded_idx)
    targets = masked_targets(clips, masks.decoded_idx, 14, 2)
    counted = masks.hidden_of_decoded
    loss = hidden_errors(predicted, targets, counted) / counted.sum()
    expected = plain(normalized(clips), hidden, not_decoded)
    expected_loss = plain.loss(normalized(clips), hidden, not_decoded)
    assert relative_error(predicted, expected) < 1e-5
    assert relative_error(loss, expected_loss) < 1e-5
    loss.backward()
    expected_loss.backward()
    same_gradients(pretraining, plain)


def test_fine_tuning_is_the_plain_one(finetuning, clips, generator):
    for parameter in finetuning.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=generator)
    plain = PlainClassifier(num_classes=5, **SHAPE, **CLIP)
    plain.load_state_dict(finetuning.state_dict())
    labels = torch.tensor([0, 3, 4])
    logits, expected = finetuning(clips), plain(normalized(clips))
    assert relative_error(logits, expected) < 1e-5
    F.cross_entropy(logits, labels).backward()
    F.cross_entropy(expected, labels).backward()
    same_gradients(finetuning, plain)
