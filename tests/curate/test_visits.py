"""Stages that visit rows: what a row costs that takes its process along, and where rows run."""

from pathlib import Path

import pytest
from tests.curate.troubled_stage import Cube, CubeByFours, numbers

from hashtag2action.curate.run import run_stage
from hashtag2action.engines.base import Engine, Limits
from hashtag2action.engines.local import InlineEngine, LocalEngine
from hashtag2action.errors import EngineError, ManifestError
from hashtag2action.manifest import Manifest

LIMITS = Limits(max_seconds_per_video=3)
TROUBLE = {1: "die", 4: "refuse", 7: "die_once", 12: "hang"}


def quiet(stage: str, done: int, total: int) -> None:
    pass


def run(folder: Path, engine: Engine, stage: Cube, does: dict[int, str]) -> Manifest:
    parent = numbers(folder / "00-posts", does)
    return run_stage(stage, parent, folder / "01-cube", engine, quiet, LIMITS)


def reasons(made: Manifest) -> dict[str, str]:
    rejected = made.read("rejected")
    return dict(zip(*(rejected[n].to_pylist() for n in ("clip_id", "reject_reason")), strict=True))


LOST = {"c1": "crashed", "c4": "unreadable:it is no number", "c12": "timed_out"}


def test_a_row_that_takes_its_process_along_is_a_row_with_a_reason(tmp_path: Path) -> None:
    told: list[int] = []
    parent = numbers(tmp_path / "00-posts", TROUBLE)
    made = run_stage(
        Cube(),
        parent,
        tmp_path / "01",
        LocalEngine(num_workers=2),
        lambda _, done, total: told.append(done),
        LIMITS,
    )
    assert reasons(made) == LOST
    receipt = made.receipt()
    assert (receipt["num_input_rows"], receipt["num_rejected"]) == (18, 3)
    kept = made.read()
    whole = ["".join(map(str, digits)) for digits in kept["digits"].to_pylist()]
    assert [int(cube) for cube in whole] == [n**3 for n in kept["number"].to_pylist()]
    assert list(dict.fromkeys(kept["number"].to_pylist())) == [
        n for n in range(18) if f"c{n}" not in LOST
    ]
    assert told == sorted(told)
    assert told[-1] == 18
    assert visited_twice(made) == {"c1", "c7", "c12"}


def test_rows_visited_together_are_visited_alone_once_they_lose_their_process(
    tmp_path: Path,
) -> None:
    made = run(tmp_path, LocalEngine(num_workers=2), CubeByFours(), {1: "die", 4: "refuse"})
    assert reasons(made) == {"c1": "crashed", "c4": "unreadable:it is no number"}
    assert made.receipt()["num_input_rows"] == 18
    assert not visited_twice(made) - {"c0", "c1", "c2", "c3"}


def visited_twice(made: Manifest) -> set[str]:
    visits = {path.name: path.read_text().split() for path in (made.root / "media").iterdir()}
    return {name for name, pids in visits.items() if len(pids) > 1}


def test_tables_are_equal_wherever_rows_run(tmp_path: Path) -> None:
    does = {4: "refuse"}
    engines = [InlineEngine(), LocalEngine(num_workers=1), LocalEngine(num_workers=2)]
    first, *others = [
        run(tmp_path / str(k), engine, stage, does)
        for k, engine in enumerate(engines)
        for stage in (Cube(), CubeByFours())
    ]
    for other in others:
        for side in ("kept", "rejected"):
            for part in first.parts():
                assert other.read_part(part, side).equals(first.read_part(part, side))
        assert other.receipt() == first.receipt()


def test_a_part_without_rows_is_written(tmp_path: Path) -> None:
    parent = numbers(tmp_path / "00-posts", {}, num_parts=2, rows=0)
    made = run_stage(Cube(), parent, tmp_path / "01", LocalEngine(num_workers=1), quiet)
    assert made.read().num_rows == 0
    assert set(Cube.adds.names) < set(made.read().column_names)
    assert made.receipt()["num_input_rows"] == 0


def test_our_own_fault_stops_the_run_and_names_the_row(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"stage cube failed on part-00001, clip_id c8: Value"):
        run(tmp_path, LocalEngine(num_workers=2), Cube(), {8: "break"})


def test_limits_are_part_of_what_a_table_was_made_with(tmp_path: Path) -> None:
    made = run(tmp_path, LocalEngine(num_workers=1), Cube(), {})
    parent = Manifest(tmp_path / "00-posts")
    other = Limits(max_seconds_per_video=9)
    with pytest.raises(ManifestError, match=r"limits.max_seconds_per_video was 3.0, is now 9"):
        run_stage(Cube(), parent, made.root, LocalEngine(num_workers=1), quiet, other)
