"""Whether what a run promises is there: every path of every manifest exists and opens."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from hashtag2action.curate.shards import read_member
from hashtag2action.errors import VideoError
from hashtag2action.manifest import find_stage
from hashtag2action.video.container import frames_of, open_video


def check_dataset(run: Path) -> tuple[int, list[str]]:
    """Open every file that the export, its shards, folder and lists name.

    Returns:
        How many paths were looked at, and what is wrong with some of them.

    Raises:
        ManifestError: The run has no export.
    """
    num_paths = 0
    faults = []
    opened: dict[Path, str] = {}
    for where, path, sha256 in _promised(run):
        num_paths += 1
        fault = opened.get(path)
        if fault is None:
            fault = opened[path] = _fault_of(path)
        if not fault and sha256 and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            fault = "has other bytes than its SHA-256"
        if fault:
            faults.append(f"{where}: {path}: {fault}")
    num_members, wrong = _check_shards(run / "dataset" / "shards")
    return num_paths + num_members, faults + wrong


def _promised(run: Path) -> Iterator[tuple[str, Path, str | None]]:
    manifest = find_stage(run, "export_clips")
    media, folder = manifest.root / "media", run / "dataset"
    columns = ["path", "clip_sha256"]
    for row in manifest.read("kept", columns).to_pylist():
        yield "manifest", media / row["path"], row["clip_sha256"]
    if (folder / "clips.parquet").exists():
        for row in pq.read_table(folder / "clips.parquet").to_pylist():
            yield "clips.parquet", folder / row["file"], row["clip_sha256"]
    if (folder / "clips" / "metadata.jsonl").exists():
        for line in (folder / "clips" / "metadata.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            yield "clips", folder / "clips" / row["file_name"], row["clip_sha256"]
    for name in ("pretrain.txt", "train.csv", "val.csv"):
        path = folder / "lists" / name
        for line in path.read_text("utf-8").splitlines() if path.exists() else []:
            yield name, media / line.partition(" ")[0], None


def _fault_of(path: Path) -> str:
    if not path.exists():
        return "is not there"
    try:
        with open_video(path) as container:
            return "" if next(frames_of(container), None) is not None else "has no picture"
    except VideoError as error:
        return str(error)


def _check_shards(folder: Path) -> tuple[int, list[str]]:
    if not (folder / "index.parquet").exists():
        return 0, []
    rows = pq.read_table(folder / "index.parquet").to_pylist()
    faults = []
    for row in rows:
        if not (folder / row["shard"]).exists():
            faults.append(f"index: {row['shard']}: is not there")
        elif hashlib.sha256(read_member(folder, row)).hexdigest() != row["sha256"]:
            faults.append(f"index: {row['shard']}: {row['member']} has other bytes")
    return len(rows), faults
