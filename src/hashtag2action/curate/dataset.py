"""The exported clips in the forms that others read: shards, a Hugging Face folder, list files.

    RUN/dataset/
      dataset.json        which forms, and how
      clips.parquet       one row a clip, what is told of it and where its file is
      shards/             clips-00000.tar ... for webdataset, index.parquet to read one clip
      clips/              metadata.jsonl and the files (linked, not copied), for `load_dataset`
      lists/              pretrain.txt, train.csv, val.csv, classes.txt, as VideoMAE reads them

All of it follows from the manifest of `export_clips` and from `dataset.json`: it can be removed and
written again, which is how a withdrawn clip leaves it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from hashtag2action.config import Config, load
from hashtag2action.curate.export_clips import safe_name
from hashtag2action.curate.shards import Sample, write_shards
from hashtag2action.errors import ConfigError
from hashtag2action.manifest import (
    WRITTEN_BESIDE,
    Manifest,
    find_stage,
    sweep,
    write_json,
    write_table,
    write_text,
)

Container = Literal["shards", "huggingface", "lists"]
Row = dict[str, Any]

TOLD = (
    "clip_id",
    "video_id",
    "platform",
    "hashtag",
    "hashtags",
    "region",
    "license",
    "creator",
    "frame_rate",
    "start_s",
    "end_s",
    "clip_start_s",
    "clip_end_s",
    "clip_sha256",
)
"""Columns that leave with the clips. Descriptions stay behind: they are a person's own words."""


class Dataset(Config):
    """In which forms the clips leave, and what their card says that no table knows."""

    containers: tuple[Container, ...] = ()
    """Forms beside the manifest itself; the card is always written."""
    parts_per_shard: int = Field(default=16, ge=1)
    """Parts of the manifest in one shard. Chosen: 256 shorts, some 100 MB."""
    val_fraction: float = Field(default=0.1, ge=0, lt=1)
    """Share of creators whose clips are listed for validation. Chosen: enough for a check."""
    title: str = "Action clips from short-form video"
    """What the card calls the set."""
    contact: str | None = None
    """Where a person asks for removal: a mail address or a page. Set it before you publish."""
    license: str | None = None
    """Licence of the set as a whole, for example an SPDX name; each clip keeps its own note."""
    published: date | None = None
    """Day of publication; none is made up, so that equal runs have equal cards."""


def write_dataset(config: Dataset, run: Path) -> Path:
    """Bring `RUN/dataset` in line with the exported clips; returns the folder.

    Raises:
        ManifestError: The run has no finished export.
        ConfigError: A form cannot hold these clips.
    """
    manifest = find_stage(run, "export_clips")
    settings = json.loads((manifest.root / "plan.json").read_text("utf-8"))["settings"]
    _refuse_impossible(config.containers, settings["format"])
    manifest.receipt()
    folder = run / "dataset"
    write_json(folder / "dataset.json", config.model_dump(mode="json"))
    parts = [_rows(manifest, part) for part in manifest.parts()]
    rows = [row for part in parts for row in part]
    columns = (*TOLD, "file")
    kinds = {"hashtags": pa.list_(pa.string())} | dict.fromkeys(
        ("frame_rate", "start_s", "end_s", "clip_start_s", "clip_end_s"), pa.float64()
    )
    schema = pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in columns])
    told = [
        {**_told(row), "file": Path(os.path.relpath(row["file"], folder)).as_posix()}
        for row in rows
    ]
    write_table(folder / "clips.parquet", pa.Table.from_pylist(told, schema))
    if "shards" in config.containers:
        size = config.parts_per_shard
        groups = [parts[start : start + size] for start in range(0, len(parts), size)]
        samples = [[_sample(row) for part in group for row in part] for group in groups]
        shards = {f"clips-{k:05d}": found for k, found in enumerate(samples) if found}
        write_shards(folder / "shards", shards)
    if "huggingface" in config.containers:
        _write_folder(folder / "clips", rows)
    if "lists" in config.containers:
        _write_lists(folder / "lists", rows, manifest.root / "media", config.val_fraction)
    for name, container in (("shards", "shards"), ("clips", "huggingface"), ("lists", "lists")):
        if container not in config.containers and (folder / name).exists():
            shutil.rmtree(folder / name)
    sweep(folder, WRITTEN_BESIDE)
    return folder


def dataset_settings(run: Path, overrides: Sequence[str] = ()) -> Dataset:
    """Return how a run's dataset was written, with `field=value` overrides laid over it.

    Raises:
        ConfigError: An override names no field, or gives it a wrong value.
        ManifestError: The folder is no run with an export; nothing is written into it.
    """
    find_stage(run, "export_clips")
    path = run / "dataset" / "dataset.json"
    if not path.exists():
        write_json(path, {})
    return load(Dataset, path, overrides)


def _refuse_impossible(containers: Sequence[Container], clip_format: str) -> None:
    if clip_format == "spans" and {"shards", "huggingface"} & set(containers):
        raise ConfigError(
            "dataset.containers: shards and huggingface hold clips as files of their own; "
            "export_clips.format spans writes none, so take copy or reencode"
        )
    if clip_format != "reencode" and "lists" in containers:
        raise ConfigError(
            "dataset.containers: lists name whole files and have no place for a span; "
            f"export_clips.format is {clip_format}, so take reencode"
        )


def _rows(manifest: Manifest, part: str) -> list[Row]:
    rows = manifest.read_part(part).to_pylist()
    media = manifest.root / "media"
    return [row | {"file": media / row["path"]} for row in rows]


def _told(row: Row) -> Row:
    return {name: row.get(name) for name in TOLD}


def _sample(row: Row) -> Sample:
    return safe_name(row["clip_id"]), row["file"], _told(row)


def _write_folder(folder: Path, rows: Sequence[Row]) -> None:
    """Write `metadata.jsonl` and link the files beside it; files of no row go."""
    wanted = {row["path"]: row for row in rows}
    for path in sorted(folder.rglob("*")) if folder.exists() else []:
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
    lines = []
    for name, row in sorted(wanted.items()):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (target.exists() and target.samefile(row["file"])):
            target.unlink(missing_ok=True)
            _link(row["file"], target)
        said = {"file_name": name, **_told(row)}
        lines.append(json.dumps(said, ensure_ascii=False) + "\n")
    write_text(folder / "metadata.jsonl", "".join(lines))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)


def _write_lists(folder: Path, rows: Sequence[Row], media: Path, val_fraction: float) -> None:
    """Write lists as VideoMAE V2 reads them; paths start at the export's media folder.

    Source: its `VideoMAE` and `VideoClsDataset` classes: `path 0 -1` means a whole video.
    """
    classes = sorted({row["hashtag"] for row in rows if row["hashtag"]})
    names: dict[str, list[str]] = {"pretrain.txt": [], "train.csv": [], "val.csv": []}
    for row in rows:
        path = row["file"].relative_to(media).as_posix()
        assert " " not in path, f"{path}: safe names have no spaces, which would end the path"
        names["pretrain.txt"].append(f"{path} 0 -1\n")
        if row["hashtag"]:
            split = "val.csv" if _is_for_validation(row, val_fraction) else "train.csv"
            names[split].append(f"{path} {classes.index(row['hashtag'])}\n")
    names["classes.txt"] = [f"{name}\n" for name in classes]
    for name, lines in names.items():
        write_text(folder / name, "".join(lines))


def _is_for_validation(row: Row, fraction: float) -> bool:
    """Whether all clips of a creator are for validation: by hash, so others never move."""
    owner = row.get("creator") or row["video_id"]
    number = int(hashlib.sha256(owner.encode()).hexdigest()[:8], 16)
    return number / 16**8 < fraction
