"""The first VideoMAE of `transformers` and ours are one function, with weights going both ways."""

import pytest
import torch
from tests.models.references import normalized
from torch.nn import functional as F

from hashtag2action.errors import CheckpointError
from hashtag2action.models.huggingface import (
    configuration,
    from_huggingface,
    to_huggingface,
)
from hashtag2action.models.masking import sample_masks
from hashtag2action.models.target import masked_targets
from hashtag2action.models.tensor_files import lazy
from hashtag2action.models.variants import Variant

transformers = pytest.importorskip("transformers")

SIZE = Variant(44, 2, 2, 24, 3, decoder_depth=2, patch_size=14, mlp_ratio=48 / 11)
"""The networks of `conftest`."""


def theirs(decoder_depth, class_names=()):
    values = configuration(SIZE, decoder_depth, 12, 56, class_names)
    (name,) = values.pop("architectures")
    model = getattr(transformers, name)(transformers.VideoMAEConfig(**values)).eval()
    for module in ("fc_norm", "decoder.norm"):  # no setting reaches their epsilon
        if module.split(".")[0] in dict(model.named_children()):
            model.get_submodule(module).eps = 1e-6
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    return model


def read(tensors):
    return {name: tensor.read() for name, tensor in tensors.items()}


def lazily(model):
    return {name: lazy(tensor) for name, tensor in model.state_dict().items()}


def give(source, target, way):
    """Load a model's weights into the one of the other side, and take them back."""
    state = read(way(lazily(source)))
    assert set(state) == set(target.state_dict())
    target.load_state_dict(state)
    back = from_huggingface if way is to_huggingface else to_huggingface
    for name, tensor in read(back(lazily(target))).items():
        assert torch.equal(tensor, source.state_dict()[name])


@pytest.mark.parametrize("to_us", [True, False], ids=["theirs-to-ours", "ours-to-theirs"])
def test_classifiers_agree(finetuning, clips, to_us):
    other = theirs(None, [f"class {place}" for place in range(5)])
    with torch.no_grad():
        for parameter in finetuning.parameters():
            parameter.normal_(std=0.2)
    if to_us:
        give(other, finetuning, from_huggingface)
    else:
        give(finetuning, other, to_huggingface)
    labels = torch.tensor([0, 3, 4])
    pixels = normalized(clips)
    logits = finetuning.eval()(pixels)
    expected = other(pixel_values=pixels.transpose(1, 2)).logits
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    F.cross_entropy(logits, labels).backward()
    F.cross_entropy(expected, labels).backward()
    same_gradients(finetuning, other)


@pytest.mark.parametrize("to_us", [True, False], ids=["theirs-to-ours", "ours-to-theirs"])
def test_pre_training_without_a_decoder_mask_agrees(pretraining, clips, generator, to_us):
    other = theirs(2)
    with torch.no_grad():
        for parameter in pretraining.parameters():
            parameter.normal_(std=0.2)
    if to_us:
        give(other, pretraining, from_huggingface)
    else:
        give(pretraining, other, to_huggingface)
    masks = sample_masks(len(clips), pretraining.grid, 0.75, 0.0, generator)
    hidden = torch.ones(len(clips), pretraining.grid.num_tokens, dtype=torch.bool)
    hidden.scatter_(1, masks.visible_idx, value=False)
    pixels = normalized(clips)
    predicted = pretraining(pixels, masks.visible_idx, masks.decoded_idx)
    expected = other(pixel_values=pixels.transpose(1, 2), bool_masked_pos=hidden)
    torch.testing.assert_close(predicted, expected.logits, atol=1e-5, rtol=1e-5)
    loss = F.mse_loss(predicted, masked_targets(pixels, masks.decoded_idx, 14, 2))
    torch.testing.assert_close(loss, expected.loss, atol=1e-5, rtol=1e-5)
    loss.backward()
    expected.loss.backward()
    same_gradients(pretraining, other)


def same_gradients(ours, other):
    gradients = {name: lazy(parameter.grad) for name, parameter in ours.named_parameters()}
    found = read(to_huggingface(gradients))
    for name, parameter in other.named_parameters():
        scale = parameter.grad.abs().max()
        assert ((found[name] - parameter.grad).abs().max() / scale).item() < 1e-5, name


def test_biases_of_version_4_are_understood(finetuning):
    new = to_huggingface(lazily(finetuning))
    old = {
        name.replace("query.bias", "q_bias").replace("value.bias", "v_bias"): tensor
        for name, tensor in new.items()
    }
    assert set(old) != set(new)
    for name, tensor in read(from_huggingface(old)).items():
        assert torch.equal(tensor, finetuning.state_dict()[name])


def test_missing_and_unknown_tensors_are_named(finetuning):
    state = to_huggingface(lazily(finetuning))
    state["classifier.scale"] = state.pop("fc_norm.bias")
    with pytest.raises(CheckpointError, match=r"missing: fc_norm\.bias; unexpected: classifier\.s"):
        from_huggingface(state)
