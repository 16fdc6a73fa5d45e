import copy
from typing import Literal

import pytest
import torch
from benchmarks.training_exactness import (
    TOLERANCE,
    layer_decay_difference,
    optimizer_difference,
)

from hashtag2action.evaluate.recognizer import Network
from hashtag2action.models.linear import Linear
from hashtag2action.models.linear_bf16 import bf16_gradients
from hashtag2action.train.optim import Optimization, layer_of, make_optimizer, set_lr

TINY = Network(variant="vit_tiny", num_frames=4, size_px=16, patch_size=8)


def groups_by_name(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, dict]:
    owner = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    return {name: owner[id(parameter)] for name, parameter in model.named_parameters()}


def test_vectors_and_the_mask_token_do_not_decay() -> None:
    model = TINY.build_pretraining()
    groups = groups_by_name(model, make_optimizer(model, Optimization(), depth=8))
    without = {name for name, group in groups.items() if group["weight_decay"] == 0}
    assert "mask_token" in without
    assert "encoder.blocks.0.attn.q_bias" in without
    assert "encoder.blocks.0.norm1.weight" in without
    assert "encoder.patch_embed.proj.weight" not in without
    assert all(group["lr_scale"] == 1 for group in groups.values())


def test_deeper_layers_learn_faster() -> None:
    model = TINY.build_recognizer(3)
    optimizer = make_optimizer(model, Optimization(layer_decay=0.75), depth=8)
    set_lr(optimizer, 2.0)
    rates = {name: group["lr"] for name, group in groups_by_name(model, optimizer).items()}
    assert rates["head.weight"] == rates["fc_norm.weight"] == 2.0
    assert rates["blocks.7.mlp.fc1.weight"] == pytest.approx(2.0 * 0.75)
    assert rates["blocks.0.norm1.bias"] == pytest.approx(2.0 * 0.75**8)
    assert rates["patch_embed.proj.bias"] == pytest.approx(2.0 * 0.75**9)


def test_steps_are_those_of_the_formulas() -> None:
    assert optimizer_difference() <= TOLERANCE


def test_groups_of_the_large_networks_are_those_of_the_formula() -> None:
    assert layer_decay_difference() <= TOLERANCE


def test_two_digit_blocks_are_not_mistaken() -> None:
    assert layer_of("blocks.11.attn.qkv.weight", 12) == 12


@pytest.mark.parametrize(("counts", "peak"), [("clips", 1e-3), ("samples", 4e-3)])
def test_what_counts_as_a_clip_is_said(counts: Literal["clips", "samples"], peak: float) -> None:
    settings = Optimization(clips_per_step=256, repeated_augmentation=4, lr_counts=counts)
    assert settings.schedule(1000).peak_lr == pytest.approx(peak)
    assert f"{peak:g} = base_lr 0.001 * {peak * 256e3:.0f} {counts} / 256" in settings.rule


def test_epochs_become_steps_whatever_the_size_of_the_set() -> None:
    settings = Optimization(epochs=3, warmup_epochs=1, clips_per_step=8)
    assert settings.schedule(10).total_steps == 4
    assert settings.schedule(4).total_steps == 2


def gradient(leaf: torch.Tensor) -> torch.Tensor:
    assert leaf.grad is not None
    return leaf.grad


def test_gradients_in_bfloat16_change_weights_as_the_same_numbers_in_float32():
    generator = torch.Generator().manual_seed(0)
    wide = torch.nn.Sequential(torch.nn.Linear(30, 20), torch.nn.LayerNorm(20))
    narrow = copy.deepcopy(wide)
    settings = Optimization(weight_decay=0.1)
    optimizers = [make_optimizer(model, settings, depth=1) for model in (wide, narrow)]
    with bf16_gradients(narrow):
        for _ in range(3):
            for one, other in zip(wide.parameters(), narrow.parameters(), strict=True):
                drawn = torch.randn(one.shape, generator=generator).bfloat16()
                one.grad, other.grad = drawn.float(), drawn.to(other.grad_dtype)
            for optimizer in optimizers:
                set_lr(optimizer, 0.01)
                optimizer.step()
            assert narrow[0].weight.grad is None
    for one, other in zip(wide.parameters(), narrow.parameters(), strict=True):
        assert torch.equal(one, other)
    states = [optimizer.state_dict()["state"] for optimizer in optimizers]
    for place, values in states[0].items():
        for name, value in values.items():
            assert torch.equal(value, states[1][place][name])


def test_the_new_weights_copy_is_left_for_the_next_pass():
    generator = torch.Generator().manual_seed(0)
    layer = Linear(6, 4, bias=False)
    optimizer = make_optimizer(layer, Optimization(), depth=1)
    tokens = torch.randn(3, 6, generator=generator)
    with bf16_gradients(layer), torch.autocast("cpu", dtype=torch.bfloat16):
        layer(tokens).sum().backward()
        place = gradient(layer.weight).data_ptr()
        set_lr(optimizer, 0.1)
        optimizer.step()
        out = layer(tokens)
        assert torch.equal(out, tokens.bfloat16() @ layer.weight.bfloat16().T)
        out.sum().backward()
        assert gradient(layer.weight).data_ptr() == place
