"""Tar shards that webdataset reads, and an index by which one clip is read without the rest.

Equal clips give equal bytes: members are sorted, carry no time and no owner. Which clips share a
shard depends on their part of the manifest alone, so that taking one out changes one shard.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hashtag2action.manifest import write_table

INDEX = pa.schema(
    [
        pa.field("clip_id", pa.string()),
        pa.field("shard", pa.string()),
        pa.field("member", pa.string()),
        pa.field("offset_bytes", pa.int64()),
        pa.field("size_bytes", pa.int64()),
        pa.field("sha256", pa.string()),
    ]
)
"""Where each member's bytes lie in its shard."""

Sample = tuple[str, Path, Mapping[str, Any]]
"""Key without dots, the clip's file, and what is written beside it as JSON with its `clip_id`."""


def write_shards(folder: Path, shards: Mapping[str, Sequence[Sample]]) -> None:
    """Bring a folder to hold exactly these shards and their index.

    A shard whose members are all as the index says is left alone; shards of other names go.

    Args:
        folder: Target; gets `<name>.tar` and `index.parquet`.
        shards: Name without suffix -> its samples.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = _known(folder)
    rows: list[dict[str, Any]] = []
    for name, samples in shards.items():
        shard = f"{name}.tar"
        before = known.get(shard, [])
        is_same = (folder / shard).exists() and _digests(before) == _wanted(samples)
        rows += before if is_same else _write_shard(folder / shard, samples)
    for path in folder.glob("*.tar"):
        if path.stem not in shards:
            path.unlink()
    write_table(folder / "index.parquet", pa.Table.from_pylist(rows, INDEX))


def read_member(folder: Path, row: Mapping[str, Any]) -> bytes:
    """Read one member by its row of the index."""
    with (folder / row["shard"]).open("rb") as file:
        file.seek(row["offset_bytes"])
        return file.read(row["size_bytes"])


def _known(folder: Path) -> dict[str, list[dict[str, Any]]]:
    path = folder / "index.parquet"
    known: dict[str, list[dict[str, Any]]] = {}
    for row in pq.read_table(path).to_pylist() if path.exists() else []:
        known.setdefault(row["shard"], []).append(row)
    return known


def _digests(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {row["member"]: row["sha256"] for row in rows}


def _wanted(samples: Sequence[Sample]) -> dict[str, str]:
    wanted = {}
    for key, file, said in samples:
        wanted[f"{key}{file.suffix}"] = said["clip_sha256"]
        wanted[f"{key}.json"] = hashlib.sha256(_as_json(said)).hexdigest()
    return wanted


def _write_shard(path: Path, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with tarfile.open(beside, "w", format=tarfile.USTAR_FORMAT) as archive:
        for key, file, said in sorted(samples, key=lambda sample: sample[0]):
            # The order of names: `.json` comes before `.mp4`.
            for suffix, content in ((".json", _as_json(said)), (file.suffix, file.read_bytes())):
                member = tarfile.TarInfo(f"{key}{suffix}")
                member.size = len(content)
                rows.append(
                    {
                        "clip_id": said["clip_id"],
                        "shard": path.name,
                        "member": member.name,
                        "offset_bytes": archive.offset + tarfile.BLOCKSIZE,
                        "size_bytes": len(content),
                        "sha256": hashlib.sha256(content).hexdigest(),
                    }
                )
                archive.addfile(member, io.BytesIO(content))
    beside.replace(path)
    return rows


def _as_json(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True, ensure_ascii=False).encode()
