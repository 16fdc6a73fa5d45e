from pathlib import Path

import pytest
import torch

from hashtag2action.errors import CheckpointError
from hashtag2action.train.checkpoint import (
    TrainingState,
    list_checkpoints,
    resume,
    save_checkpoint,
)


def make_state(width: int = 3) -> TrainingState:
    model = torch.nn.Linear(width, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, width)).sum().backward()
    optimizer.step()
    return TrainingState(model, optimizer)


def test_newest_state_comes_back_and_old_ones_go(tmp_path: Path) -> None:
    state = make_state()
    state.unlogged.append({"loss": 0.1})
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, step, state, keep=2)
    assert [path.name for path in list_checkpoints(tmp_path)] == [
        "step-000000002.pt",
        "step-000000003.pt",
    ]
    other = make_state()
    (tmp_path / ".step-000000004.pt.123").write_bytes(b"cut short")
    assert resume(tmp_path, other) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-000000002.pt",
        "step-000000003.pt",
    ]
    ours, theirs = next(state.model.parameters()), next(other.model.parameters())
    assert torch.equal(theirs, ours)
    memory = state.optimizer.state[ours]["exp_avg"]
    assert torch.equal(other.optimizer.state[theirs]["exp_avg"], memory)
    assert other.unlogged == [{"loss": 0.1}]


@pytest.mark.usefixtures("no_room")
def test_a_full_disk_is_named_and_leaves_the_state_before(tmp_path: Path) -> None:
    kept = save_checkpoint(tmp_path, 1, make_state(), keep=2)
    with pytest.raises(OSError, match=r"File too large.*step-.*2\.pt"):
        save_checkpoint(tmp_path, 2, make_state(100_000), keep=2)
    assert list(tmp_path.iterdir()) == [kept]


def test_nothing_to_resume_begins_at_zero(tmp_path: Path) -> None:
    assert resume(tmp_path / "none", make_state()) == 0


def test_state_of_another_network_is_refused_by_name(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 7, make_state(), keep=1)
    with pytest.raises(CheckpointError, match="step-000000007"):
        resume(tmp_path, make_state(width=4))


def test_damaged_state_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "step-000000001.pt").write_bytes(b"no state")
    with pytest.raises(CheckpointError, match="step-000000001"):
        resume(tmp_path, make_state())
