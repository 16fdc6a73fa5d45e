"""Ray, on a cluster started here: the same tables, the same isolation, either finishes the other's.

Skipped where the extra is not installed.
"""

import os
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.curate.troubled_stage import Cube, numbers
from tests.engines.troubled import open_failing, open_troubled

from hashtag2action.curate.run import run_stage
from hashtag2action.engines.base import Limits, Lost
from hashtag2action.engines.local import LocalEngine
from hashtag2action.engines.ray import RayEngine
from hashtag2action.manifest import Manifest

ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")

LIMITS = Limits(max_seconds_per_video=3)
PATIENT = Limits(max_seconds_per_video=60)  # where nothing hangs, a busy machine is no reason
ENGINE = RayEngine(num_workers=2)


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def quiet(stage: str, done: int, total: int) -> None:
    pass


def test_a_lost_worker_costs_its_item_and_no_other(tmp_path: Path) -> None:
    items = ["a", "hang", "die", "b", "die_once", "c"]
    outcomes = dict(ENGINE.map(partial(open_troubled, tmp_path), items, LIMITS))
    lost = {"hang": Lost("timed_out"), "die": Lost("crashed")}
    assert outcomes == {index: lost.get(item, item) for index, item in enumerate(items)}
    assert len((tmp_path / "die_once").read_text().split()) == 2


def test_an_actor_that_dies_is_replaced(tmp_path: Path) -> None:
    items = ["a", "kill_parent_once", "b", "c"]
    outcomes = dict(ENGINE.map(partial(open_troubled, tmp_path), items, LIMITS))
    assert outcomes == dict(enumerate(items))


def test_failure_in_a_worker_reaches_the_caller() -> None:
    with pytest.raises(ValueError, match="item"):
        list(ENGINE.map(partial(open_failing, ValueError("item")), range(4)))


def test_either_engine_finishes_what_the_other_began(tmp_path: Path) -> None:
    does = {1: "die", 4: "refuse"}
    tables = {}
    for name, first, second in (
        ("local", LocalEngine(num_workers=2), LocalEngine(num_workers=1)),
        ("ray_local", ENGINE, LocalEngine(num_workers=1)),
        ("local_ray", LocalEngine(num_workers=1), ENGINE),
    ):
        parent = numbers(tmp_path / name / "00", does)
        folder = tmp_path / name / "01"
        run_stage(Cube(), parent, folder, first, quiet, PATIENT)
        (folder / "receipt.json").unlink()
        (folder / "kept" / "part-00001.parquet").unlink()
        stamp = (folder / "kept" / "part-00000.parquet").stat().st_mtime_ns
        made = run_stage(Cube(), parent, folder, second, quiet, PATIENT)
        assert (folder / "kept" / "part-00000.parquet").stat().st_mtime_ns == stamp
        tables[name] = made
    first, *others = tables.values()
    for other in others:
        assert equal(first, other)


def equal(one: Manifest, other: Manifest) -> bool:
    sides = all(
        one.read_part(part, side).equals(other.read_part(part, side))
        for side in ("kept", "rejected")
        for part in one.parts()
    )
    return sides and one.receipt() == other.receipt() and one.parts() == other.parts()
