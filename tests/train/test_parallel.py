from pathlib import Path

import pytest
import torch
from benchmarks.training_parallel import LOSS_TOLERANCE, agreements

from hashtag2action.errors import ConfigError
from hashtag2action.models.linear_bf16 import bf16_gradients
from hashtag2action.train.parallel import World, scale_gradients


def test_one_process_ddp_and_fsdp2_learn_the_same_and_go_on_from_each_other(
    world: Path, tmp_path: Path
) -> None:
    found = agreements(world, tmp_path)
    assert {(one.kind, one.way) for one in found} == {
        ("pretrain", "ddp"),
        ("pretrain", "fsdp2"),
        ("finetune", "ddp"),
        ("finetune", "fsdp2"),
        ("pretrain", "fsdp2 from one"),
        ("finetune", "ddp from one"),
        ("pretrain", "one from fsdp2"),
    }
    for one in found:
        assert one.loss <= LOSS_TOLERANCE, one
        assert one.grad_norm <= 1e-4, one
        assert one.weights <= 1e-3, one


def test_clips_are_shared_out_evenly_and_groups_stay_together() -> None:
    worlds = [World(rank, 2) for rank in range(2)]
    assert [world.passes(16, None, 2) for world in worlds] == [[(0, 8)], [(8, 16)]]
    assert worlds[1].passes(16, 6, 2) == [(8, 14), (14, 16)]
    assert World().passes(5, None, 1) == [(0, 5)]
    for clips_per_step, clips_per_pass, indivisible in ((15, None, 1), (6, None, 2), (16, 3, 2)):
        with pytest.raises(ConfigError, match="over 2 processes"):
            worlds[0].passes(clips_per_step, clips_per_pass, indivisible)


def gradient(leaf: torch.Tensor) -> torch.Tensor:
    assert leaf.grad is not None
    return leaf.grad


def test_the_norm_of_gradients_in_bfloat16_is_theirs_in_float32() -> None:
    torch.manual_seed(0)
    wide = torch.nn.Linear(40, 30)
    for parameter in wide.parameters():
        parameter.grad = torch.randn_like(parameter).bfloat16().float()
    narrow = torch.nn.Linear(40, 30)
    with bf16_gradients(narrow):
        narrow.weight.grad = gradient(wide.weight).bfloat16()
        narrow.bias.grad = gradient(wide.bias).clone()
        norms = [scale_gradients(one.parameters(), None, None) for one in (wide, narrow)]
        torch.testing.assert_close(*norms)
        assert torch.equal(gradient(narrow.weight).float(), gradient(wide.weight))
        scale_gradients(narrow.parameters(), torch.tensor(0.5), 1.0)
        shortened = scale_gradients(narrow.parameters(), None, None)
    assert shortened.item() == pytest.approx(1.0, rel=4e-3)
