"""The state of a run on disk: a file appears complete or not at all, and old ones go.

Learning rates, masks, batches and augmentation are functions of (seed, step), so a state is the
step, the weights, the optimizer's memory, the running mean of the weights, and the figures that
were not logged yet; nothing else is needed to go on exactly. Tensors are written whole, under the
names they have in one process, so a state fits any number of processes, however they share.
"""

import os
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hashtag2action.errors import CheckpointError
from hashtag2action.files import written_whole
from hashtag2action.models.torch_files import write_torch_file
from hashtag2action.train.average import AverageWeights
from hashtag2action.train.parallel import World, shared_as, whole_state

BEST = "best.pt"
"""Name of the best state."""


@dataclass
class TrainingState:
    """What changes while a network is trained."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: AverageWeights | None = None
    unlogged: list[dict[str, float]] = field(default_factory=list)
    """Figures of the steps since the last line of metrics.jsonl."""
    best: dict[str, float] = field(default_factory=dict)
    """Value and step of the best state so far; empty without one."""
    world: World = field(default_factory=World)

    def gathered(self, step: int) -> dict[str, Any]:
        """Return all of it as whole tensors on the CPU, in the first process."""
        parts: dict[str, Any] = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        if self.average is not None:
            parts["average"] = self.average.weights
        return {
            "step": step,
            "unlogged": self.unlogged,
            "best": self.best,
            **whole_state(parts, keep=self.world.is_first),
        }

    def restore(self, saved: dict[str, Any]) -> int:
        """Take over what was saved, and return its step."""
        load_whole(self.model, saved["model"])
        _load_optimizer(self.optimizer, saved["optimizer"])
        if self.average is not None:
            self.average.load(saved["average"])
        self.unlogged[:] = saved["unlogged"]
        self.best |= saved["best"]
        return int(saved["step"])


def save_checkpoint(folder: Path, step: int, state: TrainingState, keep: int) -> Path:
    """Write the state after `step` steps and remove all but the newest `keep`.

    All processes take part; the first one writes. When it returns, the file outlives a power cut.
    """
    path = folder / f"step-{step:09d}.pt"
    saved = state.gathered(step)
    if state.world.is_first:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(saved, path)
        for old in list_checkpoints(folder)[:-keep]:
            old.unlink()
    return path


def save_best(folder: Path, step: int, state: TrainingState) -> None:
    """Write the state as the best one so far. All processes take part."""
    saved = state.gathered(step)
    if state.world.is_first:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(saved, folder / BEST)


def write_durably(saved: dict[str, Any], path: Path) -> None:
    """Write a file beside its place, to the disk, and move it there.

    Raises:
        OSError: It cannot be written, for example because the disk is full; nothing is left then.
    """
    with written_whole(path) as beside:
        write_torch_file(saved, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def list_checkpoints(folder: Path) -> list[Path]:
    """List the finished states of a run, oldest first."""
    return sorted(folder.glob("step-*.pt"))


def resume(folder: Path, state: TrainingState) -> int:
    """Load the newest state, if there is one, and remove what interrupted writing left behind.

    Returns:
        The step to go on with; 0 without a state.

    Raises:
        CheckpointError: The file is damaged or belongs to another network.
    """
    if state.world.is_first:
        for left in folder.glob(".*.pt.*"):
            left.unlink()
    paths = list_checkpoints(folder)
    if not paths:
        return 0
    path = paths[-1]
    try:
        return state.restore(read_state(path))
    except (OSError, EOFError, RuntimeError, KeyError, ValueError, pickle.PickleError) as error:
        raise CheckpointError(
            f"{path}: does not fit this run ({error}). Remove it to go on from an earlier one"
        ) from error


def read_state(path: Path) -> dict[str, Any]:
    """Read a saved state; its tensors stay on the disk until they are used."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)


def load_whole(model: nn.Module, saved: dict[str, Tensor]) -> None:
    """Load whole tensors into a model that may be in shards."""
    own = model.state_dict()
    fitting = {
        name: shared_as(tensor, own[name]) if name in own else tensor
        for name, tensor in saved.items()
    }
    model.load_state_dict(fitting)


def _load_optimizer(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    memory = {
        place: {
            name: shared_as(value, parameters[place])
            if isinstance(value, Tensor) and value.shape == parameters[place].shape
            else value
            for name, value in values.items()
        }
        for place, values in saved["state"].items()
    }
    optimizer.load_state_dict({"state": memory, "param_groups": saved["param_groups"]})
