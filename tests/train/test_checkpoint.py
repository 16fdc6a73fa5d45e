from pathlib import Path

import pytest
import torch

from hashtag2action.errors import CheckpointError
from hashtag2action.train.checkpoint import list_checkpoints, resume, save_checkpoint


def make_pair(width: int = 3) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = torch.nn.Linear(width, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, width)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_newest_state_comes_back_and_old_ones_go(tmp_path: Path) -> None:
    model, optimizer = make_pair()
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, step, model, optimizer, keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "step-000000002.pt",
        "step-000000003.pt",
    ]
    other, other_optimizer = make_pair()
    assert resume(tmp_path, other, other_optimizer) == 3
    assert torch.equal(other.weight, model.weight)
    memory = optimizer.state[model.weight]["exp_avg"]
    assert torch.equal(other_optimizer.state[other.weight]["exp_avg"], memory)


def test_nothing_to_resume_begins_at_zero(tmp_path: Path) -> None:
    assert resume(tmp_path / "none", *make_pair()) == 0


def test_state_of_another_network_is_refused_by_name(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 7, *make_pair(), keep=1)
    with pytest.raises(CheckpointError, match="step-000000007"):
        resume(tmp_path, *make_pair(width=4))


def test_damaged_state_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "step-000000001.pt").write_bytes(b"no state")
    with pytest.raises(CheckpointError, match="step-000000001"):
        resume(tmp_path, *make_pair())
