"""Workers and parents killed at random moments: started again, a run ends as an undisturbed one.

`make faults` kills more often: H2A_FAULTS says how many runs.
"""

import os
import random
from pathlib import Path

import pytest
from tests.curate.killed_runs import (
    files_of,
    run_to_its_end,
    run_with_kills,
    write_recipe,
    write_videos,
)

NUM_RUNS = int(os.environ.get("H2A_FAULTS", "1"))
KILLS_PER_RUN = 3 if "H2A_FAULTS" in os.environ else 2


@pytest.mark.timeout(400 + 400 * NUM_RUNS)
def test_a_run_killed_at_random_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, write_videos(tmp_path))
    usual_s = run_to_its_end(recipe, tmp_path / "undisturbed")
    expected = files_of(tmp_path / "undisturbed")
    assert sum(name.endswith(".mp4") for name in expected) >= 8
    killed: list[str] = []
    for seed in range(NUM_RUNS):
        out = tmp_path / f"killed-{seed}"
        killed += run_with_kills(recipe, out, random.Random(seed), KILLS_PER_RUN, usual_s)
        assert files_of(out) == expected
    assert "parent" in killed
