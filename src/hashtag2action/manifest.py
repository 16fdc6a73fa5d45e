"""A folder that is a table: Parquet parts of kept and rejected rows, with a plan and a receipt.

    05-deduplicate/
      plan.json                     written first: stage, settings, key
      kept/part-00000.parquet ...
      rejected/part-00000.parquet   the same columns and `reject_reason`
      receipt.json                  written last: key, parent key, counts, package version

Columns too heavy to be written again at each stage stay where they were made: the plan says where,
and whoever asks for them by name is given them from there.

A file that exists is finished: it is written beside its place and renamed. Equal runs have equal
receipts, so no time enters one. What does not belong here: what a stage does, where it runs.
"""

import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hashtag2action import __version__
from hashtag2action.errors import ManifestError
from hashtag2action.files import written_whole
from hashtag2action.records import REJECT_REASON


@dataclass(frozen=True)
class Left:
    """Columns that a table does not carry itself."""

    folder: str
    """The table whose kept rows have them, as seen from this one."""
    row_id: str
    """Column by which rows are found there, in the part of the same name."""
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """One stage's table on disk."""

    root: Path

    def begin(
        self,
        stage: str,
        key: str,
        parent_key: str,
        settings: dict[str, Any],
        left: Left | None = None,
    ) -> None:
        """Write the plan, or check that the folder was begun with the same one.

        Raises:
            ManifestError: The folder belongs to other settings or other input.
        """
        plan = {"stage": stage, "key": key, "parent_key": parent_key, "settings": settings}
        if left is not None:
            plan["left"] = asdict(left)
        path = self.root / "plan.json"
        if path.exists():
            found = _read_json(path)
            if found.get("key") != key:
                raise ManifestError(_refusal(self.root, found, plan))
            return
        for side in ("kept", "rejected"):
            (self.root / side).mkdir(parents=True, exist_ok=True)
        write_json(path, plan)

    def take_back(self) -> None:
        """Forget a beginning that made no part, so that the folder is free for other settings."""
        sides = [self.root / side for side in ("kept", "rejected")]
        if any(path.is_file() for side in sides for path in side.glob("*")):
            return
        (self.root / "plan.json").unlink(missing_ok=True)
        for folder in (*sides, self.root):
            with suppress(OSError):  # somebody's files are in it
                folder.rmdir()

    @property
    def is_finished(self) -> bool:
        """Whether the receipt is written."""
        return (self.root / "receipt.json").exists()

    def has_part(self, part: str) -> bool:
        """Whether both halves of a part are written."""
        return self._path("kept", part).exists() and self._path("rejected", part).exists()

    def write_part(self, part: str, kept: pa.Table, rejected: pa.Table) -> None:
        """Write one part: rejected rows first, so that a kept half means a whole part."""
        assert REJECT_REASON.name in rejected.column_names, "rejected rows carry their reason"
        for side, table in (("rejected", rejected), ("kept", kept)):
            write_table(self._path(side, part), table)

    def parts(self) -> list[str]:
        """Return the names of the finished parts, in order."""
        return sorted(path.stem for path in (self.root / "kept").glob("part-*.parquet"))

    def left(self, columns: Collection[str], row_id: str) -> Left | None:
        """Return where a table made of this one's kept rows finds some columns, if anywhere."""
        found = self._left()
        if found is None:
            names = [pq.read_schema(self._path("kept", part)).names for part in self.parts()[:1]]
            here = tuple(name for name in columns if names and name in names[0])
            found = Left("", row_id, here)
        folder = os.path.normpath(Path("..") / self.root.name / found.folder)
        return Left(folder, found.row_id, found.columns) if found.columns else None

    def _left(self) -> Left | None:
        path = self.root / "plan.json"
        found = _read_json(path).get("left") if path.exists() else None
        return Left(found["folder"], found["row_id"], tuple(found["columns"])) if found else None

    def read_part(
        self,
        part: str,
        side: str = "kept",
        columns: Sequence[str] | None = None,
        without: Collection[str] = (),
    ) -> pa.Table:
        """Read one part of one side.

        Args:
            part: Its name.
            side: `kept` or `rejected`.
            columns: What to read, columns left elsewhere too; None reads all that is here.
            without: What not to read then.

        Raises:
            ManifestError: A column is elsewhere, and that table is gone.
        """
        path = self._path(side, part)
        if columns is None:
            names = pq.read_schema(path).names if without else []
            own = [name for name in names if name not in without]
            return pq.read_table(path, columns=own if without else None)
        left = self._left()
        away = [name for name in columns if left is not None and name in left.columns]
        if left is None or not away:
            return pq.read_table(path, columns=list(columns))
        own = [name for name in columns if name not in away]
        table = pq.read_table(path, columns=list(dict.fromkeys([*own, left.row_id])))
        there = Manifest(self.root / left.folder)
        if not there.has_part(part):
            raise ManifestError(f"{path}: its {', '.join(away)} are in {there.root}, which is gone")
        there = there.read_part(part, "kept", [left.row_id, *away])
        places = pc.index_in(table[left.row_id], value_set=there[left.row_id])
        found = there.select(away).take(places)
        for name in away:
            table = table.append_column(there.schema.field(name), found[name])
        return table.select(list(columns))

    def read(self, side: str = "kept", columns: Sequence[str] | None = None) -> pa.Table:
        """Read all parts of one side as one table.

        Raises:
            ManifestError: The folder holds no parts.
        """
        names = self.parts()
        if not names:
            raise ManifestError(
                f"{self.root}: no parts of a table here; expected kept/part-*.parquet. "
                "Is this a stage folder of a curation, and did the stage begin?"
            )
        tables = [self.read_part(name, side, columns) for name in names]
        return pa.concat_tables(tables, promote_options="permissive")

    def iterate(
        self, side: str = "kept", columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Read one side part by part."""
        for name in self.parts():
            yield self.read_part(name, side, columns)

    def finish(self, num_input_rows: int) -> dict[str, Any]:
        """Count the rows on disk and write the receipt.

        Args:
            num_input_rows: Rows the stage was given.
        """
        plan = _read_json(self.root / "plan.json")
        num_kept = sum(_num_rows(self._path("kept", part)) for part in self.parts())
        reasons: dict[str, int] = {}
        for table in self.iterate("rejected", [REJECT_REASON.name]):
            for pair in pc.value_counts(table[REJECT_REASON.name]).to_pylist():
                reasons[pair["values"]] = reasons.get(pair["values"], 0) + pair["counts"]
        receipt = {
            "stage": plan["stage"],
            "key": plan["key"],
            "parent_key": plan["parent_key"],
            "package_version": __version__,
            "num_input_rows": num_input_rows,
            "num_kept": num_kept,
            "num_rejected": sum(reasons.values()),
            "reasons": dict(sorted(reasons.items())),
        }
        write_json(self.root / "receipt.json", receipt)
        return receipt

    def settings(self) -> dict[str, Any]:
        """Read what the stage was begun with.

        Raises:
            ManifestError: It was not begun, or its plan is damaged.
        """
        path = self.root / "plan.json"
        settings = _read_json(path).get("settings")
        if not isinstance(settings, dict):
            raise ManifestError(f"{path}: holds no settings; remove the run's folder to redo it")
        return settings

    def receipt(self) -> dict[str, Any]:
        """Read the receipt.

        Raises:
            ManifestError: The stage is not finished.
        """
        path = self.root / "receipt.json"
        if not path.exists():
            raise ManifestError(f"{self.root}: the stage is not finished (no receipt.json)")
        return _read_json(path)

    def _path(self, side: str, part: str) -> Path:
        return self.root / side / f"{part}.parquet"


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet beside its place and rename it."""
    with written_whole(path) as beside:
        pq.write_table(table, beside, compression="zstd")


def write_text(path: Path, text: str) -> None:
    """Write a text beside its place and rename it."""
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON beside its place and rename it."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True) + "\n")


WRITTEN_BESIDE = ".*.[0-9]*"
"""What `files.written_whole` calls a file while it is written."""


def sweep(folder: Path, hidden: str = ".*") -> None:
    """Remove what killed writers left beside their files: hidden ones, and `NAME.part.SUFFIX`.

    Nobody else may be writing here.

    Args:
        folder: Where to look, folders inside it too.
        hidden: Which hidden ones; `WRITTEN_BESIDE` where people may keep theirs.
    """
    for pattern in (hidden, "*.part.*"):
        for path in filter(Path.is_file, folder.rglob(pattern)):
            path.unlink()


def stage_folders(run: Path) -> list[Path]:
    """Return the stage folders of a curation run, in the order of the line.

    Raises:
        ManifestError: The folder is no curation run.
    """
    folders = sorted(path for path in run.glob("[0-9][0-9]-*") if (path / "plan.json").exists())
    if not folders:
        raise ManifestError(
            f"{run}: not a curation run: no stage folders such as 03-analyze_videos in it"
        )
    return folders


def find_stage(run: Path, stage: str) -> Manifest:
    """Find one stage of a curation run by its name.

    Raises:
        ManifestError: The run has no such stage.
    """
    folders = stage_folders(run)
    for folder in folders:
        if folder.name.partition("-")[2] == stage:
            return Manifest(folder)
    found = ", ".join(folder.name for folder in folders)
    raise ManifestError(f"{run}: no stage {stage} in this run; found {found}")


def _num_rows(path: Path) -> int:
    return pq.read_metadata(path).num_rows


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path}: cannot be read as JSON ({error})") from error


def _refusal(root: Path, found: dict[str, Any], wanted: dict[str, Any]) -> str:
    old, new = flattened(found.get("settings", {})), flattened(wanted["settings"])
    changes = [
        f"{name} was {old.get(name)!r}, is now {new.get(name)!r}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    why = "; ".join(changes) or "its input changed"
    return (
        f"{root}: made with another configuration ({why}). "
        "Use another --out folder, or remove this stage's folder and the later ones to redo them."
    )


def flattened(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name every value within nested sections `section.field`, in their order."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
