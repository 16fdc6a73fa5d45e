"""The state of a run on disk: a file appears complete or not at all, and old ones go.

Learning rates, masks, batches and augmentation are functions of (seed, step), so a state is the
step, the weights and the optimizer's memory; nothing else is needed to go on exactly.
"""

import os
import pickle
from pathlib import Path

import torch
from torch import nn

from hashtag2action.errors import CheckpointError


def save_checkpoint(
    folder: Path, step: int, model: nn.Module, optimizer: torch.optim.Optimizer, keep: int
) -> Path:
    """Write the state after `step` steps and remove all but the newest `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{step:09d}.pt"
    beside = folder / f".{path.name}.{os.getpid()}"
    state = {"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, beside)
    beside.replace(path)
    for old in list_checkpoints(folder)[:-keep]:
        old.unlink()
    return path


def list_checkpoints(folder: Path) -> list[Path]:
    """List the finished states of a run, oldest first."""
    return sorted(folder.glob("step-*.pt"))


def resume(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Load the newest state, if there is one.

    Returns:
        The step to go on with; 0 without a state.

    Raises:
        CheckpointError: The file is damaged or belongs to another network.
    """
    paths = list_checkpoints(folder)
    if not paths:
        return 0
    path = paths[-1]
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
    except (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.PickleError) as error:
        raise CheckpointError(
            f"{path}: does not fit this run ({error}). Remove it to go on from an earlier one"
        ) from error
    return int(state["step"])
