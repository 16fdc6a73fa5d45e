"""A run that is killed ends as one that is not; `benchmarks/resume.py` kills twenty times."""

from pathlib import Path

from benchmarks.resume import num_left, objectives, survive


def test_killed_runs_end_as_those_left_alone(world: Path, tmp_path: Path) -> None:
    family: frozenset[tuple[int, str]] = frozenset()
    for kind, recipe in objectives(world, 12).items():
        found = survive(kind, recipe, tmp_path, num_kills=2, seed=5)
        assert found.num_kills == 2, kind
        assert found.same_lines, kind
        assert found.same_weights, kind
        family |= found.family
    assert num_left(family) == 0
