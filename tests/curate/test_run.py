"""The runner, with a small real stage: batching, resuming, refusing, counting."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from hashtag2action.curate.run import run_stage
from hashtag2action.curate.stage import Stage, Transform, first_reason
from hashtag2action.engines.local import LocalEngine
from hashtag2action.errors import EngineError, ManifestError
from hashtag2action.manifest import Manifest


class Halve(Stage):
    """Keep even numbers and add their half."""

    name: ClassVar[str] = "halve"
    reads: ClassVar[tuple[str, ...]] = ("number",)
    adds: ClassVar[pa.Schema] = pa.schema([("half", pa.int64())])

    largest: int = 1_000

    def open(self, media: Path) -> Transform:
        def transform(table: pa.Table) -> pa.Table:
            number = table["number"]
            half = pc.divide(number, 2)
            odd = pc.not_equal(pc.multiply(half, 2), number)
            return first_reason(
                table.append_column("half", half),
                [("odd", odd), ("large", pc.greater(number, self.largest))],
            )

        return transform


class HalveAll(Halve):
    """The same over the whole table."""

    name: ClassVar[str] = "halve_all"
    whole_table: ClassVar[bool] = True


class LoseRows(Halve):
    """A broken stage: it drops its last row."""

    name: ClassVar[str] = "lose_rows"

    def open(self, media: Path) -> Transform:
        halve = super().open(media)
        return lambda table: halve(table).slice(0, max(0, table.num_rows - 1))


class Fail(Halve):
    """A broken stage: it raises."""

    name: ClassVar[str] = "fail"

    def open(self, media: Path) -> Transform:
        def transform(table: pa.Table) -> pa.Table:
            raise ValueError("no such column")

        return transform


def numbers(folder: Path, num_parts: int = 5, rows: int = 4) -> Manifest:
    manifest = Manifest(folder)
    manifest.begin("posts", "k", "", {})
    for part in range(num_parts):
        values = range(part * rows, (part + 1) * rows)
        kept = pa.table(
            {"clip_id": [f"c{value}" for value in values], "number": pa.array(values, pa.int64())}
        )
        rejected = kept.slice(0, 0).append_column("reject_reason", pa.array([], pa.string()))
        manifest.write_part(f"part-{part:05d}", kept, rejected)
    manifest.finish(num_parts * rows)
    return manifest


def quiet(stage: str, done: int, total: int) -> None:
    pass


@pytest.mark.parametrize("stage", [Halve(), HalveAll()])
@pytest.mark.parametrize("num_workers", [1, 2])
def test_rows_in_are_rows_kept_plus_rejected(
    tmp_path: Path, stage: Stage, num_workers: int
) -> None:
    parent = numbers(tmp_path / "00-posts")
    engine = LocalEngine(num_workers=num_workers)
    made = run_stage(stage, parent, tmp_path / "01", engine, quiet)
    receipt = made.receipt()
    assert receipt["num_input_rows"] == receipt["num_kept"] + receipt["num_rejected"] == 20
    assert made.read()["half"].to_pylist() == list(range(10))
    assert made.read("rejected")["number"].to_pylist() == list(range(1, 20, 2))
    assert set(made.read("rejected")["reject_reason"].to_pylist()) == {"odd"}


class Compare(Stage):
    """A stage over the whole table that reads fingerprints."""

    name: ClassVar[str] = "compare"
    reads: ClassVar[tuple[str, ...]] = ("number", "fingerprints")
    adds: ClassVar[pa.Schema] = pa.schema([])
    whole_table: ClassVar[bool] = True

    def open(self, media: Path) -> Transform:
        def transform(table: pa.Table) -> pa.Table:
            for name, found in zip(table["clip_id"], table["fingerprints"], strict=True):
                assert found.as_py() == f"print of {name}".encode()
            return first_reason(table, [("large", pc.greater(table["number"], 10))])

        return transform


@pytest.mark.parametrize("num_workers", [1, 2])
def test_fingerprints_stay_where_they_were_made_and_are_read_from_there(
    tmp_path: Path, num_workers: int
) -> None:
    parent = Manifest(tmp_path / "03-analyze")
    parent.begin("analyze", "k", "", {})
    for part in range(3):
        values = range(part * 4, part * 4 + 4)
        kept = pa.table(
            {
                "clip_id": [f"c{value}" for value in values],
                "fingerprints": [f"print of c{value}".encode() for value in values],
                "number": pa.array([2 * value for value in values], pa.int64()),
            }
        )
        rejected = kept.slice(0, 0).append_column("reject_reason", pa.array([], pa.string()))
        parent.write_part(f"part-{part:05d}", kept, rejected)
    parent.finish(12)
    engine = LocalEngine(num_workers=num_workers)
    for name, stage in (("04-halve", Halve(largest=18)), ("05-compare", Compare())):
        made = run_stage(stage, parent, tmp_path / name, engine, quiet)
        for side in ("rejected", "kept"):
            assert "fingerprints" not in made.read(side).column_names
            found = made.read(side, ["fingerprints", "clip_id"]).to_pylist()
            assert all(
                row["fingerprints"] == f"print of {row['clip_id']}".encode() for row in found
            )
        assert found, "something is rejected"
        parent = made
    (tmp_path / "03-analyze" / "kept" / "part-00001.parquet").unlink()
    with pytest.raises(ManifestError, match="03-analyze, which is gone"):
        made.read(columns=["clip_id", "fingerprints"])


def test_finished_parts_are_left_alone_and_missing_ones_made(tmp_path: Path) -> None:
    parent = numbers(tmp_path / "00-posts")
    made = run_stage(Halve(), parent, tmp_path / "01", LocalEngine(num_workers=1), quiet)
    before = (tmp_path / "01" / "receipt.json").read_bytes()
    table = made.read()
    (tmp_path / "01" / "receipt.json").unlink()
    (tmp_path / "01" / "kept" / "part-00003.parquet").unlink()
    stamp = (tmp_path / "01" / "kept" / "part-00001.parquet").stat().st_mtime_ns
    again = run_stage(Halve(), parent, tmp_path / "01", LocalEngine(num_workers=1), quiet)
    assert again.read().equals(table)
    assert (tmp_path / "01" / "receipt.json").read_bytes() == before
    assert (tmp_path / "01" / "kept" / "part-00001.parquet").stat().st_mtime_ns == stamp


def test_other_settings_in_the_same_folder_are_refused(tmp_path: Path) -> None:
    parent = numbers(tmp_path / "00-posts")
    engine = LocalEngine(num_workers=1)
    run_stage(Halve(), parent, tmp_path / "01", engine, quiet)
    with pytest.raises(ManifestError, match="largest was 1000, is now 10"):
        run_stage(Halve(largest=10), parent, tmp_path / "01", engine, quiet)


def test_a_stage_that_loses_a_row_is_caught(tmp_path: Path) -> None:
    parent = numbers(tmp_path / "00-posts")
    with pytest.raises(AssertionError, match="lost, invented or moved rows"):
        run_stage(LoseRows(), parent, tmp_path / "01", LocalEngine(num_workers=1), quiet)


def test_a_failing_stage_names_the_part(tmp_path: Path) -> None:
    parent = numbers(tmp_path / "00-posts")
    with pytest.raises(EngineError, match=r"stage fail failed on part-00000.*no such column"):
        run_stage(Fail(), parent, tmp_path / "01", LocalEngine(num_workers=1), quiet)


SLOW = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    sys.path.insert(0, {tests!r})
    from test_run import Halve, numbers, quiet
    from hashtag2action.curate.run import run_stage
    from hashtag2action.engines.local import LocalEngine

    class Slow(Halve):
        def open(self, media):
            halve = super().open(media)
            def transform(table):
                time.sleep(0.15)
                return halve(table)
            return transform

    folder = Path(sys.argv[1])
    from hashtag2action.manifest import Manifest
    engine = LocalEngine(num_workers=1)
    run_stage(Slow(), Manifest(folder / "00-posts"), folder / "01", engine, quiet)
""")


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    parent = numbers(tmp_path / "00-posts", num_parts=8)
    numbers(tmp_path / "undisturbed" / "00-posts", num_parts=8)
    script = SLOW.format(tests=str(Path(__file__).parent))
    for delay_s in (0.2, 0.4):
        process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
        deadline = time.monotonic() + 30
        while not list((tmp_path / "01" / "kept").glob("part-*")):
            assert time.monotonic() < deadline, "the run never wrote a part"
            time.sleep(0.02)
        time.sleep(delay_s)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not Manifest(tmp_path / "01").is_finished
    made = run_stage(Halve(), parent, tmp_path / "01", LocalEngine(num_workers=1), quiet)
    expected = run_stage(
        Halve(),
        Manifest(tmp_path / "undisturbed" / "00-posts"),
        tmp_path / "undisturbed" / "01",
        LocalEngine(num_workers=1),
        quiet,
    )
    assert made.read().equals(expected.read())
    assert made.receipt() == expected.receipt()
