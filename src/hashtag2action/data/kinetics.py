"""Kinetics from its official lists: 400, 600 or 700 classes, in either common layout of folders.

Source: the Kinetics human action video dataset (arXiv 1705.06950): lists with the columns label,
youtube_id, time_start, time_end and split; a file is named <id>_<start>_<end> with six digits each.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip, ClipSet, ClipTable, list_videos
from hashtag2action.errors import ConfigError

_COLUMNS = ("label", "youtube_id", "time_start", "time_end")


class KineticsClips(Config):
    """Kinetics-400, or one of its sisters."""

    kind: Literal["kinetics"] = "kinetics"
    root: Path
    """Folder of the videos, in class folders or not."""
    lists: Path
    """Folder of the official lists train.csv, val.csv (or validate.csv) and test.csv."""
    subset: Literal["train", "validation", "test"] = "train"
    """Which list. Results are commonly reported on validation."""
    missing: Literal["fail", "skip"] = "fail"
    """What a listed video means that is not there: an end, or a count. Many have left the
    platform since the lists were made."""

    def read(self) -> ClipSet:
        """List the clips; the classes are those of train.csv, sorted.

        Raises:
            ConfigError: A list is missing or no such list, or a video is not there.
        """
        names = tuple(sorted({row["label"] for row in _rows(self.lists, "train")}))
        number_of = {name: number for number, name in enumerate(names)}
        on_disk = {path.stem: path for path in list_videos(self.root)}
        paths: list[str] = []
        labels: list[int] = []
        missing: list[str] = []
        for row in _rows(self.lists, self.subset):
            if row["label"] not in number_of:
                raise ConfigError(
                    f"{self.lists}: class {row['label']!r} of the {self.subset} list is not in "
                    "train.csv"
                )
            stem = f"{row['youtube_id']}_{int(row['time_start']):06}_{int(row['time_end']):06}"
            if stem not in on_disk:
                missing.append(stem)
                continue
            paths.append(on_disk[stem].relative_to(self.root).as_posix())
            labels.append(number_of[row["label"]])
        if missing and (self.missing == "fail" or not paths):
            raise ConfigError(
                f"{self.root}: {len(missing)} of {len(missing) + len(paths)} videos of the "
                f"{self.subset} list are not there, first {missing[0]}.*; missing=skip goes "
                "without them"
            )
        table = ClipTable(pa.table({"path": paths, "label": labels}), FileClip(self.root))
        is_test = self.subset != "train"
        return ClipSet(table, names, num_missing=len(missing), is_test=is_test)


@dataclass(frozen=True)
class FileClip:
    """Makes a clip of a whole file from its path below a folder, which is its id, and its label."""

    root: Path

    def __call__(self, row: dict[str, Any]) -> Clip:
        """Make it."""
        return Clip(row["path"], self.root / row["path"], label=row["label"])


def _rows(lists: Path, subset: str) -> Iterator[dict[str, str]]:
    names = {"train": ("train",), "validation": ("val", "validate"), "test": ("test",)}[subset]
    files = [lists / f"{name}.csv" for name in names if (lists / f"{name}.csv").is_file()]
    if not files:
        raise ConfigError(f"{lists}: no {' or '.join(f'{name}.csv' for name in names)} there")
    try:
        with files[0].open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            lacking = set(_COLUMNS) - set(reader.fieldnames or ())
            if lacking:
                raise ConfigError(f"{files[0]}: lacks the columns {', '.join(sorted(lacking))}")
            yield from reader
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{files[0]}: cannot be read ({error})") from error
