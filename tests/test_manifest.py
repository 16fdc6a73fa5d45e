import json
from pathlib import Path

import pyarrow as pa
import pytest

from hashtag2action.errors import ManifestError
from hashtag2action.manifest import Manifest, find_stage, stage_folders, sweep


def table(ids: list[str], reason: str | None = None) -> pa.Table:
    columns = {"clip_id": pa.array(ids, pa.string())}
    if reason is not None:
        columns["reject_reason"] = pa.array([reason] * len(ids), pa.string())
    return pa.table(columns)


def begun(folder: Path, **settings: float) -> Manifest:
    manifest = Manifest(folder)
    manifest.begin("select", f"key-{sorted(settings.items())}", "parent", dict(settings))
    return manifest


def test_receipt_counts_what_is_on_disk(tmp_path: Path) -> None:
    manifest = begun(tmp_path / "04-select")
    manifest.write_part("part-00000", table(["a", "b"]), table(["c"], "too_short"))
    manifest.write_part("part-00001", table([]), table(["d"], "too_short"))
    receipt = manifest.finish(4)
    assert receipt["num_kept"] == 2
    assert receipt["reasons"] == {"too_short": 2}
    assert manifest.read()["clip_id"].to_pylist() == ["a", "b"]
    assert manifest.read("rejected")["clip_id"].to_pylist() == ["c", "d"]


def test_another_configuration_is_refused_by_name(tmp_path: Path) -> None:
    begun(tmp_path / "04-select", min_duration_s=2.0)
    with pytest.raises(ManifestError, match=r"04-select.*min_duration_s was 2\.0, is now 3\.0"):
        begun(tmp_path / "04-select", min_duration_s=3.0)


def test_half_written_part_does_not_exist(tmp_path: Path) -> None:
    manifest = begun(tmp_path / "04-select")
    manifest.write_part("part-00000", table(["a"]), table([], ""))
    (tmp_path / "04-select" / "rejected" / "part-00000.parquet").unlink()
    assert not manifest.has_part("part-00000")


def test_equal_runs_have_equal_receipts(tmp_path: Path) -> None:
    receipts = []
    for name in ("one", "two"):
        manifest = begun(tmp_path / name)
        manifest.write_part("part-00000", table(["a"]), table(["b"], "too_long"))
        manifest.finish(2)
        receipts.append((tmp_path / name / "receipt.json").read_bytes())
    assert receipts[0] == receipts[1]


def test_folder_that_is_no_run_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="03-analyze_videos"):
        stage_folders(tmp_path)
    begun(tmp_path / "04-select")
    with pytest.raises(ManifestError, match="found 04-select"):
        find_stage(tmp_path, "export_clips")


def test_broken_plan_is_named(tmp_path: Path) -> None:
    begun(tmp_path / "04-select")
    (tmp_path / "04-select" / "plan.json").write_text("{")
    with pytest.raises(ManifestError, match=r"plan\.json"):
        begun(tmp_path / "04-select")


def test_receipt_is_json_with_counts(tmp_path: Path) -> None:
    manifest = begun(tmp_path / "04-select")
    with pytest.raises(ManifestError, match="not finished"):
        manifest.receipt()
    manifest.write_part("part-00000", table(["a"]), table([], ""))
    manifest.finish(1)
    assert json.loads((tmp_path / "04-select" / "receipt.json").read_text())["num_kept"] == 1


def test_what_killed_writers_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    manifest = begun(tmp_path / "06-export")
    manifest.write_part("part-00000", table(["a"]), table([], "too_short"))
    media = tmp_path / "06-export" / "media" / "squat"
    media.mkdir(parents=True)
    left = [media / "b.part.mp4", tmp_path / "06-export" / "kept" / ".part-00000.parquet.17"]
    for path in (*left, media / "a.mp4"):
        path.write_bytes(b"x")
    files = {path for path in (tmp_path / "06-export").rglob("*") if path.is_file()}
    sweep(manifest.root)
    assert {path for path in files if not path.exists()} == set(left)
