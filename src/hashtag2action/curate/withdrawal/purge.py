"""Take posts out of the tables of a run: rows, receipts, and the files that rows name.

Every file is replaced in one step, rows go after the files they name, and the tombstones are
written before all of it: a purge that was killed is finished by the next one.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from hashtag2action.curate.withdrawal.subject import SIDES, Subject, mask_of, parts_of, stages_of
from hashtag2action.curate.withdrawal.tombstones import Tombstones
from hashtag2action.manifest import Manifest, write_table
from hashtag2action.records import REJECT_REASON


def purge_run(run: Path, subjects: Mapping[str, Subject], tombstones: Tombstones) -> int:
    """Take posts out of every table of a run; returns how many rows left.

    The first table keeps a row that says `withdrawn` and nothing else, as a run that begins with
    these tombstones does; every other table loses its rows. Keys stay: they are made of settings.
    """
    clip_ids = {clip_id for subject in subjects.values() for clip_id in subject.clip_ids}
    num_rows = 0
    for path in run.rglob(".*"):
        # What a killed writer left beside a file.
        if path.is_file() and re.fullmatch(r"\..+\.\d+", path.name):
            path.unlink()
    for manifest in stages_of(run):
        is_first = manifest.root.name.endswith("-posts")
        for part in parts_of(manifest):
            if is_first:
                num_rows += _blank_part(manifest, part, subjects, tombstones)
            else:
                num_rows += _drop_part(manifest, part, subjects, clip_ids)
    _recount(run)
    return num_rows


def _read(manifest: Manifest, part: str) -> dict[str, pa.Table]:
    paths = {side: manifest.root / side / f"{part}.parquet" for side in SIDES}
    return {side: manifest.read_part(part, side) for side, path in paths.items() if path.exists()}


def _blank_part(
    manifest: Manifest, part: str, subjects: Mapping[str, Subject], tombstones: Tombstones
) -> int:
    tables = _read(manifest, part)
    if "kept" not in tables:
        # Half of a part, of a run that was killed: it is made anew, and blank.
        (manifest.root / "rejected" / f"{part}.parquet").unlink()
        return tables["rejected"].num_rows
    masks = {side: mask_of(table, subjects) for side, table in tables.items()}
    num_rows = sum(sum(mask) for mask in masks.values())
    if not num_rows:
        return 0
    kept, rejected = tables["kept"], tables["rejected"]
    leaving = kept.filter(pa.array(masks["kept"]))
    nulls = pa.nulls(leaving.num_rows, REJECT_REASON.type)
    leaving = leaving.append_column(REJECT_REASON, nulls).select(rejected.column_names)
    both = pa.concat_tables([rejected, leaving.cast(rejected.schema)])
    # Rejected rows first: a row that a kill leaves in both halves is met again, not lost.
    write_table(manifest.root / "rejected" / f"{part}.parquet", _each_once(tombstones.blank(both)))
    stay = pa.array([not gone for gone in masks["kept"]], pa.bool_())
    write_table(manifest.root / "kept" / f"{part}.parquet", kept.filter(stay))
    return num_rows


def _each_once(posts: pa.Table) -> pa.Table:
    ids = posts["post_id"].to_pylist()
    return posts.take(list({post_id: place for place, post_id in enumerate(ids)}.values()))


def _drop_part(
    manifest: Manifest, part: str, subjects: Mapping[str, Subject], clip_ids: set[str]
) -> int:
    num_rows = 0
    for side, table in _read(manifest, part).items():
        mask = mask_of(table, subjects)
        stays = table.filter(pa.array([not gone for gone in mask], pa.bool_()))
        changed = _forget_originals(stays, clip_ids)
        if any(mask) or changed is not stays:
            write_table(manifest.root / side / f"{part}.parquet", changed)
        num_rows += sum(mask)
    return num_rows


def _forget_originals(table: pa.Table, clip_ids: set[str]) -> pa.Table:
    """Let duplicates of a withdrawn clip name no original."""
    name = "duplicate_of"
    if name not in table.column_names:
        return table
    gone = pc.is_in(table[name], pa.array(sorted(clip_ids), pa.string()))
    if not pc.any(gone).as_py():
        return table
    values = pc.if_else(gone, pa.scalar(None, pa.string()), table[name])
    return table.set_column(table.column_names.index(name), table.schema.field(name), values)


def _recount(run: Path) -> None:
    """Write the receipts anew from the rows on disk."""
    made: dict[str, int] = {}
    for manifest in stages_of(run):
        plan = json.loads((manifest.root / "plan.json").read_text("utf-8"))
        if not manifest.is_finished:
            continue
        before = manifest.receipt()
        num_input: int = made.get(plan["parent_key"]) or 0
        if plan["parent_key"] not in made:
            num_input = before["num_input_rows"]
        receipt = manifest.finish(num_input)
        made[plan["key"]] = receipt["num_kept"]


def delete_files(subjects: Mapping[str, Subject], folders: list[Path]) -> tuple[int, list[Path]]:
    """Delete the files of posts that lie in some folders.

    Returns:
        How many were deleted, and those that lie elsewhere and were left.
    """
    roots = [folder.resolve() for folder in folders]
    num_deleted, left = 0, []
    for path in sorted({path for subject in subjects.values() for path in subject.files}):
        if not path.exists():
            continue
        if any(path.resolve().is_relative_to(root) for root in roots):
            path.unlink()
            num_deleted += 1
        else:
            left.append(path)
    return num_deleted, left
