"""Where the clips of a run come from: a curation, its shards, a folder, a list or a benchmark.

Each origin is a config of its own, told apart by `kind`, and reads into one `ClipSet`.
"""

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.data.benchmarks import Hmdb51Clips, Ucf101Clips
from hashtag2action.data.clip_set import (
    Clip,
    ClipSet,
    ClipTable,
    joined,
    list_videos,
    not_empty,
    numbered,
)
from hashtag2action.data.kinetics import KineticsClips
from hashtag2action.data.lists import ListClips
from hashtag2action.data.shards import ShardClips
from hashtag2action.data.something import SomethingClips
from hashtag2action.errors import ConfigError
from hashtag2action.manifest import find_stage


class CuratedClips(Config):
    """The clips a curation exported."""

    kind: Literal["curated"] = "curated"
    run: Path
    """Folder of the curation run, the one that holds 06-export_clips."""
    label: Literal["none", "hashtag", "action_group"] = "none"
    """Column that serves as the weak label; pre-training needs none."""

    def read(self) -> ClipSet:
        """List the kept clips of the run's last stage.

        Raises:
            ManifestError: The folder is no curation run, or its export did not begin.
        """
        manifest = find_stage(self.run, "export_clips")
        columns = ["clip_id", "path", "clip_start_s", "clip_end_s"]
        if self.label != "none":
            columns.append(self.label)
        rows = manifest.read("kept", columns)
        if not len(rows):
            raise ConfigError(f"{manifest.root}: kept rows: no clips found there")
        names: tuple[str, ...] = ()
        if self.label != "none":
            names = tuple(sorted(name for name in set(rows[self.label].to_pylist()) if name))
            rows = rows.append_column("label", numbered(rows[self.label], names))
        return ClipSet(ClipTable(rows, _CuratedClip(manifest.root / "media")), names)


@dataclass(frozen=True)
class _CuratedClip:
    """Makes the clip of a row of the manifest."""

    media: Path

    def __call__(self, row: dict[str, Any]) -> Clip:
        return Clip(
            clip_id=row["clip_id"],
            path=self.media / row["path"],
            start_s=row["clip_start_s"],
            end_s=row["clip_end_s"],
            label=row.get("label"),
        )


class FolderClips(Config):
    """A folder of videos; with labels, its sub-folders are the classes."""

    kind: Literal["folder"] = "folder"
    folder: Path
    """Folder of the videos: FOLDER/<class>/*.mp4 with labels, any depth without."""
    labeled: bool = True
    """Whether the names of the sub-folders are classes."""

    def read(self) -> ClipSet:
        """List the videos of the folder.

        Raises:
            ConfigError: The folder does not exist, is empty, or has videos outside class folders.
        """
        paths = list_videos(self.folder)
        if not self.labeled:
            clips = [Clip(_relative(path, self.folder), path) for path in paths]
            return ClipSet(not_empty(clips, str(self.folder)))
        stray = [path for path in paths if path.parent == self.folder]
        if stray:
            raise ConfigError(
                f"{stray[0]}: a video outside a class folder; expected FOLDER/<class>/video, "
                "or labeled=false"
            )
        classes = [path.relative_to(self.folder).parts[0] for path in paths]
        names = tuple(sorted(set(classes)))
        clips = [
            Clip(_relative(path, self.folder), path, label=names.index(name))
            for path, name in zip(paths, classes, strict=True)
        ]
        folders = {path.name for path in self.folder.iterdir() if path.is_dir()}
        empty = sorted(name for name in folders - set(names) if not name.startswith("."))
        return ClipSet(not_empty(clips, str(self.folder)), names, empty_classes=tuple(empty))


class CsvClips(Config):
    """A CSV with a header: `path`, and where they apply `label`, `start_s` and `end_s`."""

    kind: Literal["csv"] = "csv"
    file: Path
    """The CSV."""
    root: Path | None = None
    """Folder relative paths start at; None is the CSV's own folder."""
    class_names: tuple[str, ...] | None = None
    """Classes in label order; None takes the labels found, sorted."""

    def read(self) -> ClipSet:
        """List the clips of the file.

        Raises:
            ConfigError: The file is missing, has no `path` column, or a row is not right.
        """
        rows = self._rows()
        root = self.root or self.file.parent
        found = sorted({row["label"] for row in rows if row.get("label")})
        names = self.class_names if self.class_names is not None else tuple(found)
        unknown = set(found) - set(names)
        if unknown:
            raise ConfigError(f"{self.file}: labels not among class_names: {sorted(unknown)}")
        clips = [self._clip(number, row, root, names) for number, row in enumerate(rows, start=2)]
        return ClipSet(not_empty(clips, str(self.file)), names)

    def _rows(self) -> list[dict[str, str]]:
        try:
            with self.file.open(encoding="utf-8-sig", newline="") as lines:
                reader = csv.DictReader(lines)
                rows = list(reader)
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.file}: is no text in UTF-8; save it as that") from error
        except (OSError, csv.Error) as error:
            raise ConfigError(f"{self.file}: cannot be read as CSV ({error})") from error
        if "path" not in (reader.fieldnames or ()):
            raise ConfigError(
                f"{self.file}: no column 'path' in its first line; found {reader.fieldnames}, "
                "expected names divided by commas, such as path,label"
            )
        return rows

    def _clip(self, number: int, row: dict[str, str], root: Path, names: tuple[str, ...]) -> Clip:
        if None in row:
            raise ConfigError(
                f"{self.file}:{number}: more fields than the header has; a path or a label with a "
                'comma needs quotes, as "one, two.mp4"'
            )
        if not row["path"] or "\0" in row["path"]:
            raise ConfigError(f"{self.file}:{number}: no path; found {row}")
        start, end = row.get("start_s") or "0", row.get("end_s") or ""
        try:
            start_s, end_s = float(start), float(end) if end else None
        except ValueError as error:
            raise ConfigError(f"{self.file}:{number}: start_s or end_s: {error}") from error
        if not 0 <= start_s < (math.inf if end_s is None else end_s):
            raise ConfigError(
                f"{self.file}:{number}: start_s {start}, end_s {end or 'none'}: expected a start "
                "of 0 or later, before the end"
            )
        span = f"@{start}-{end}" if row.get("start_s") or end else ""
        label = names.index(row["label"]) if row.get("label") else None
        return Clip(f"{row['path']}{span}", root / row["path"], start_s, end_s, label)


class MixedClips(Config):
    """Several origins as one: for example a benchmark's training clips and a curation."""

    kind: Literal["mix"] = "mix"
    parts: Annotated[dict[str, "ClipSource"], Field(min_length=1)]
    """Origins by a name of one's own, which begins the ids of its clips."""

    def read(self) -> ClipSet:
        """List the clips of all parts, in order of their names.

        The classes are those of all parts together; clips of a part without labels have none.

        Raises:
            ConfigError: A part cannot be read.
        """
        return joined({name: self.parts[name].read() for name in sorted(self.parts)})


ClipSource = Annotated[
    CuratedClips
    | ShardClips
    | FolderClips
    | CsvClips
    | ListClips
    | Ucf101Clips
    | Hmdb51Clips
    | KineticsClips
    | SomethingClips
    | MixedClips,
    Field(discriminator="kind"),
]
"""Any origin of clips; `kind` chooses."""

MixedClips.model_rebuild()


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
