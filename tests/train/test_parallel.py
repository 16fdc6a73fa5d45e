from pathlib import Path

import pytest
from benchmarks.training_parallel import LOSS_TOLERANCE, agreements

from hashtag2action.errors import ConfigError
from hashtag2action.train.parallel import World


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
