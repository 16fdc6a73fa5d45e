"""Exported forms, each opened by the library it is meant for."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.curate.conftest import recipe

from hashtag2action.curate.check_dataset import check_dataset
from hashtag2action.curate.dataset import Dataset, dataset_settings, write_dataset
from hashtag2action.curate.shards import read_member
from hashtag2action.errors import ConfigError, ManifestError
from hashtag2action.manifest import find_stage, write_json


def clips(run: Path) -> dict[str, str]:
    """SHA-256 of each exported clip, by its id, from the bytes on disk."""
    stage = find_stage(run, "export_clips")
    rows = stage.read().to_pylist()
    assert rows
    return {
        row["clip_id"]: hashlib.sha256(
            (stage.root / "media" / row["path"]).read_bytes()
        ).hexdigest()
        for row in rows
    }


def test_webdataset_reads_the_shards(finished_run: Path):
    # In a process of its own: the library leaves its files open.
    read = (
        "import hashlib, json, sys, webdataset\n"
        "for sample in webdataset.WebDataset(sys.argv[1:], shardshuffle=False):\n"
        "    digest = hashlib.sha256(sample['mp4']).hexdigest()\n"
        "    print(json.loads(sample['json'])['clip_id'], digest)\n"
    )
    shards = [str(path) for path in sorted((finished_run / "dataset" / "shards").glob("*.tar"))]
    assert len(shards) == 2
    command = [sys.executable, "-c", read, *shards]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert dict(line.split() for line in said.splitlines()) == clips(finished_run)


def test_one_clip_is_read_by_its_offset(finished_run: Path):
    folder = finished_run / "dataset" / "shards"
    rows = pq.read_table(folder / "index.parquet").to_pylist()
    videos = {row["clip_id"]: row for row in rows if row["member"].endswith(".mp4")}
    assert videos.keys() == clips(finished_run).keys()
    for clip_id, digest in clips(finished_run).items():
        assert hashlib.sha256(read_member(folder, videos[clip_id])).hexdigest() == digest


def test_datasets_loads_the_folder(
    finished_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    loaded = datasets.load_dataset(
        str(finished_run / "dataset" / "clips"), split="train", cache_dir=str(tmp_path / "cache")
    )
    loaded = loaded.cast_column("video", datasets.Video(decode=False))
    found = {
        row["clip_id"]: hashlib.sha256(Path(row["video"]["path"]).read_bytes()).hexdigest()
        for row in loaded
    }
    assert found == clips(finished_run)
    assert set(loaded["license"]) == {"CC0-1.0"}


def test_lists_are_what_videomae_reads(finished_run: Path):
    lists = finished_run / "dataset" / "lists"
    media = finished_run / "06-export_clips" / "media"
    lines = (lists / "pretrain.txt").read_text().splitlines()
    assert len(lines) == len(clips(finished_run))
    for line in lines:
        path, start, total = line.split(" ")
        assert (media / path).is_file()
        assert (int(start), int(total)) == (0, -1)
    classes = (lists / "classes.txt").read_text().split()
    assert classes == ["pushup", "squat"]
    labelled = [
        line.split(" ")
        for name in ("train.csv", "val.csv")
        for line in (lists / name).read_text().splitlines()
    ]
    assert len(labelled) == len(lines)
    assert all(classes[int(label)] == path.partition("/")[0] for path, label in labelled)


def test_every_path_exists_and_opens_and_a_broken_one_is_told(finished_run: Path):
    num_paths, faults = check_dataset(finished_run)
    assert faults == []
    assert num_paths == 7 * len(clips(finished_run))
    row = find_stage(finished_run, "export_clips").read().to_pylist()[0]
    (finished_run / "06-export_clips" / "media" / row["path"]).unlink()
    _, faults = check_dataset(finished_run)
    assert {fault.partition(":")[0] for fault in faults} >= {"manifest", "clips.parquet"}


def test_equal_clips_give_equal_bytes_and_a_shard_that_fits_is_left_alone(finished_run: Path):
    folder = finished_run / "dataset" / "shards"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stamps = {path: path.stat().st_mtime_ns for path in folder.glob("*.tar")}
    settings = dataset_settings(finished_run)
    write_dataset(settings, finished_run)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.tar")} == stamps
    shutil.rmtree(folder)
    write_dataset(settings, finished_run)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_what_a_killed_writer_left_beside_its_files_goes(finished_run: Path):
    left = [
        finished_run / "dataset" / name
        for name in (".clips.parquet.42", "shards/.clips-00000.tar.42", "lists/.train.csv.42")
    ]
    own = finished_run / "dataset" / ".gitattributes"
    for path in (*left, own):
        path.write_bytes(b"rows")
    write_dataset(dataset_settings(finished_run), finished_run)
    assert not [path for path in left if path.exists()]
    assert own.exists(), "a repository's own files stay"


def test_forms_that_cannot_hold_spans_are_refused(finished_run: Path):
    plan = finished_run / "06-export_clips" / "plan.json"
    values = json.loads(plan.read_text())
    values["settings"]["format"] = "spans"
    write_json(plan, values)
    for container in ("shards", "huggingface", "lists"):
        with pytest.raises(ConfigError, match="spans"):
            write_dataset(Dataset(containers=(container,)), finished_run)
    write_dataset(Dataset(), finished_run)
    assert sorted(path.name for path in (finished_run / "dataset").iterdir()) == [
        "clips.parquet",
        "dataset.json",
    ]


def test_overrides_change_the_forms(finished_run: Path):
    settings = dataset_settings(finished_run, ["containers=[lists]"])
    assert settings.containers == ("lists",)
    write_dataset(settings, finished_run)
    assert not (finished_run / "dataset" / "shards").exists()
    with pytest.raises(ConfigError, match="no such field"):
        dataset_settings(finished_run, ["form=lists"])


def test_settings_of_the_dataset_change_no_key(films: Path):
    one, other = recipe(films), recipe(films, dataset={"containers": ["lists"]})
    assert [stage.key_fields() for stage in one.stages()] == [
        stage.key_fields() for stage in other.stages()
    ]


def test_nothing_is_written_where_no_curation_is(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not a curation run"):
        dataset_settings(tmp_path / "typo")
    assert not (tmp_path / "typo").exists()
