"""A tiny world of two classes, and trainings small enough for seconds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmarks.tiny_training import tiny_recipe, write_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`train` and `test` with the classes `red` and `blue`, four clips each."""
    return write_world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def settings(world: Path) -> Callable[..., dict[str, Any]]:
    """Values of a training that both recipes share; keyword arguments replace sections."""
    return lambda **sections: tiny_recipe(world) | sections
