"""What a training run reads: clips with times, and labels where there are any."""

import os
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

import pyarrow as pa
import pyarrow.compute as pc

from hashtag2action.errors import ConfigError

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")
"""Names that count as videos in a folder; chosen: the containers of the benchmarks and phones."""

_MAX_NAMED = 5
"""Classes that a message names. Chosen: a line."""

_ROWS_AT_ONCE = 4096
"""Rows made into clips at a time when all are visited. Chosen: a megabyte or two of objects."""


@dataclass(frozen=True)
class ShardMember:
    """Where the bytes of a video lie within an archive."""

    address: str
    """Path of the archive, or an address fsspec understands, such as s3://bucket/a.tar."""
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True)
class FrameFiles:
    """A video kept as a folder of numbered pictures."""

    template: str
    """Name of a picture with a place for its number, for example img_{:05}.jpg."""
    first: int
    """Number of the first picture."""
    num_frames: int
    frames_per_s: float
    """Pictures that show one second."""


@dataclass(frozen=True)
class Clip:
    """A span of a video."""

    clip_id: str
    """Names the clip in logs and predictions: a relative path, or the manifest's clip_id."""
    path: Path
    """The video file, the folder of its pictures, or the archive and the name within."""
    start_s: float = 0.0
    """Start within the video, seconds."""
    end_s: float | None = None
    """End within the video, seconds, half open; None is the end of the video."""
    label: int | None = None
    """Place of the class in `ClipSet.class_names`; None without labels."""
    part: ShardMember | FrameFiles | None = None
    """What `path` is made of where it is no video file."""


class _MadeClips(Sequence[Clip], ABC):
    """Clips that are made when asked for."""

    @overload
    def __getitem__(self, place: int) -> Clip: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Clip, ...]: ...
    def __getitem__(self, place: int | slice) -> Clip | tuple[Clip, ...]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(*place.indices(len(self))))
        at = place + len(self) if place < 0 else place
        if not 0 <= at < len(self):
            raise IndexError(place)
        return self._at(at)

    @abstractmethod
    def _at(self, place: int) -> Clip:
        """Make the clip of a place from 0 to below the length."""


class ClipTable(_MadeClips):
    """Clips kept as columns and made when asked for: hundreds of thousands take few megabytes.

    Args:
        rows: One row per clip; a column `label` holds numbers or nulls.
        make: Makes the clip of a row; it travels to workers, so it is no lambda.
    """

    def __init__(self, rows: pa.Table, make: Callable[[dict[str, Any]], Clip]) -> None:
        self.rows = rows.combine_chunks()
        self.make = make

    def __len__(self) -> int:
        return self.rows.num_rows

    def _at(self, place: int) -> Clip:
        return self.make(self.rows.slice(place, 1).to_pylist()[0])

    def __iter__(self) -> Iterator[Clip]:
        for first in range(0, len(self), _ROWS_AT_ONCE):
            for row in self.rows.slice(first, _ROWS_AT_ONCE).to_pylist():
                yield self.make(row)

    def labels(self) -> list[int | None]:
        """Return the label of every clip, without making the clips."""
        if "label" not in self.rows.column_names:
            return [None] * len(self)
        return self.rows.column("label").to_pylist()


@dataclass(frozen=True)
class ClipSet:
    """Clips in a fixed order, and the names of their classes (none without labels)."""

    clips: Sequence[Clip]
    class_names: tuple[str, ...] = ()
    may_mirror: bool = True
    """Whether a mirrored clip keeps its class; not where classes tell left from right."""
    num_missing: int = 0
    """Clips that the lists name and the folder lacks, where the recipe leaves those out."""
    empty_classes: tuple[str, ...] = ()
    """Folders that could be classes but hold no video, and so are none."""
    is_test: bool = False
    """Whether these are the clips a benchmark's results are reported on."""

    def given_labels(self) -> list[int | None]:
        """Return the label of every clip; None where it has none."""
        clips = self.clips
        return clips.labels() if isinstance(clips, ClipTable) else [clip.label for clip in clips]

    def labels(self) -> list[int]:
        """Return the label of every clip.

        Raises:
            ConfigError: A clip has no label.
        """
        labels = [label for label in self.given_labels() if label is not None]
        if len(labels) < len(self.clips):
            raise ConfigError(
                f"{len(self.clips) - len(labels)} of {len(self.clips)} clips have no label; "
                "labelled clips come from a folder of classes, a list, a CSV or a benchmark"
            )
        return labels

    def take(self, places: Sequence[int]) -> "ClipSet":
        """Return the clips at some places, in that order."""
        clips = self.clips
        if isinstance(clips, ClipTable):
            taken = clips.rows.take(pa.array(places, pa.int64()))
            return replace(self, clips=ClipTable(taken, clips.make))
        return replace(self, clips=tuple(clips[place] for place in places))


class _JoinedClips(_MadeClips):
    """Clips of several sets, made when asked for."""

    def __init__(self, parts: Mapping[str, ClipSet], class_names: Sequence[str]) -> None:
        self.parts = dict(parts)
        self.numbers = {
            name: [class_names.index(own) for own in part.class_names]
            for name, part in parts.items()
        }
        sizes = [len(part.clips) for part in parts.values()]
        self.ends = list(accumulate(sizes))

    def __len__(self) -> int:
        return self.ends[-1]

    def _at(self, place: int) -> Clip:
        number = bisect_right(self.ends, place)
        name = list(self.parts)[number]
        clips = self.parts[name].clips
        return self._named(name, clips[place - self.ends[number] + len(clips)])

    def __iter__(self) -> Iterator[Clip]:
        for name, part in self.parts.items():
            for clip in part.clips:
                yield self._named(name, clip)

    def _named(self, name: str, clip: Clip) -> Clip:
        label = None if clip.label is None else self.numbers[name][clip.label]
        return replace(clip, clip_id=f"{name}/{clip.clip_id}", label=label)


def joined(parts: Mapping[str, ClipSet]) -> ClipSet:
    """Return several sets as one, whose classes are those of all.

    Args:
        parts: At least one set by name; the name begins the ids of its clips.
    """
    names = tuple(sorted({name for part in parts.values() for name in part.class_names}))
    empty = {name for part in parts.values() for name in part.empty_classes} - set(names)
    return ClipSet(
        _JoinedClips(parts, names),
        names,
        may_mirror=all(part.may_mirror for part in parts.values()),
        num_missing=sum(part.num_missing for part in parts.values()),
        empty_classes=tuple(sorted(empty)),
        is_test=any(part.is_test for part in parts.values()),
    )


def require_same_classes(one: Sequence[str], other: Sequence[str], whose: tuple[str, str]) -> None:
    """Refuse classes that are not the same in the same order.

    Args:
        one: Classes in label order.
        other: Those they are held against.
        whose: Who has the one and the other, for the message.

    Raises:
        ConfigError: They differ; the message names what one of both lacks.
    """
    if tuple(one) == tuple(other):
        return
    told = []
    for who, names, rest in ((whose[0], one, other), (whose[1], other, one)):
        alone = [name for name in names if name not in rest]
        more = f" and {len(alone) - _MAX_NAMED} more" if len(alone) > _MAX_NAMED else ""
        if alone:
            told.append(f"only {who} has {', '.join(alone[:_MAX_NAMED])}{more}")
    raise ConfigError(
        f"{whose[0]} has {len(one)} classes, {whose[1]} has {len(other)}: "
        f"{'; '.join(told) or 'the order differs'}. They must be the same in the same order; of a "
        "CSV or a list, class_names gives them, also those without clips"
    )


def list_videos(folder: Path) -> list[Path]:
    """List the video files below a folder, in order of their paths.

    Links to folders are followed, and each folder is listed once, so a link upwards ends.

    Raises:
        ConfigError: The folder does not exist.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder of videos")
    found: list[Path] = []
    visited: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(here)
        if place in visited:
            folders.clear()
            continue
        visited.add(place)
        folders.sort()  # so that the same link counts every time
        paths = (Path(here, name) for name in names)
        found += [path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES]
    return sorted(path for path in found if path.is_file())


def read_lines(file: Path) -> list[str]:
    """Read a list: its lines without surrounding blanks, empty ones and a byte order mark.

    Raises:
        ConfigError: The file cannot be read, or is no text.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: the list is no text in UTF-8; save it as that") from error
    except OSError as error:
        raise ConfigError(f"{file}: the list cannot be read ({error.strerror})") from error
    if "\0" in text:
        raise ConfigError(f"{file}: the list holds bytes of zero; expected a text in UTF-8")
    return [line.strip() for line in text.splitlines() if line.strip()]


def not_empty(clips: list[Clip], where: str) -> tuple[Clip, ...]:
    """Return the clips as a tuple.

    Raises:
        ConfigError: There are none; the message says where they were looked for.
    """
    if not clips:
        raise ConfigError(f"{where}: no clips found there")
    return tuple(clips)


def numbered(names: pa.ChunkedArray, classes: Sequence[str]) -> pa.Array | pa.ChunkedArray:
    """Return the place of each name among the classes."""
    return pc.index_in(names, pa.array(classes, pa.string()))
