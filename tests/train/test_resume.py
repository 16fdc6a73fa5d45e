"""A run that is killed ends as one that is not; `benchmarks/resume.py` kills twenty times."""

from pathlib import Path

import pytest
from benchmarks.resume import objectives, survive


@pytest.mark.parametrize("kind", ["pretrain", "finetune"])
def test_killed_run_ends_as_the_one_left_alone(kind: str, world: Path, tmp_path: Path) -> None:
    found = survive(kind, objectives(world, 12)[kind], tmp_path, num_kills=2, seed=5)
    assert found.num_kills == 2
    assert found.same_lines
    assert found.same_weights
    assert found.num_left == 0
