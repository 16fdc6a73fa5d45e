"""The list files of the official VideoMAE code, and folders of pictures.

One clip a line, no header. A path may hold blanks: numbers are taken from the line's end.

Source: VideoMAE and VideoMAE V2, official code: `path start total` in pre-training (a negative
total is a video file), `path label` and, with pictures, `path total label` in fine-tuning.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import Field, model_validator

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip, ClipSet, ClipTable, FrameFiles, read_lines
from hashtag2action.errors import ConfigError

_MOST_NUMBERED = 100_000
"""Most classes that numbers alone may call into being. Chosen: ten times the largest benchmarks'; a
count of frames read as a label is soon beyond it."""
_NUM_NUMBERS = {"path start total": 2, "path label": 1, "path total label": 2}


class ListClips(Config):
    """An official list file."""

    kind: Literal["list"] = "list"
    file: Path
    """The list."""
    columns: Literal["path start total", "path label", "path total label"]
    """What a line holds. The first is a pre-training list, whose total is negative for a video
    file; the last one is of folders of pictures."""
    root: Path | None = None
    """Folder relative paths start at; None is the list's own folder."""
    class_names: tuple[str, ...] | Path | None = None
    """Classes in label order, or a file with one a line; None calls them by their numbers."""
    template: str = "img_{:05}.jpg"
    """Name of a picture in its folder. Source: VideoMAE V2, official code."""
    first_picture: Annotated[int, Field(ge=0)] = 1
    """Number of the first picture of a fine-tuning list; a pre-training list says it itself.
    Source: VideoMAE V2, official code."""
    pictures_per_s: Annotated[float, Field(gt=0)] = 30.0
    """Pictures that show one second. Chosen: the lists do not say; at 30 the default stride of
    4/30 s takes every fourth picture, as the official code does."""

    @model_validator(mode="after")
    def _template_has_a_place(self) -> "ListClips":
        try:
            is_changing = self.template.format(1) != self.template.format(2)
        except (IndexError, KeyError, ValueError) as error:
            raise ValueError(f"template {self.template!r}: {error}") from error
        if not is_changing:
            raise ValueError(f"template {self.template!r} has no place for a number")
        return self

    def read(self) -> ClipSet:
        """List the clips of the file.

        Raises:
            ConfigError: The file is missing, a line is not right, or a label is no class.
        """
        paths: list[str] = []
        numbers: list[list[int]] = []
        count = _NUM_NUMBERS[self.columns]
        for number, line in enumerate(read_lines(self.file), start=1):
            path, *given = line.rsplit(maxsplit=count)
            try:
                numbers.append([int(text) for text in given])
            except ValueError:
                given = []
            if len(given) < count:
                raise ConfigError(f"{self.file}:{number}: expected '{self.columns}', found {line}")
            paths.append(path)
        if not paths:
            raise ConfigError(f"{self.file}: no clips found there")
        columns = dict(zip(self.columns.split()[1:], zip(*numbers, strict=True), strict=True))
        rows = pa.table({"path": paths} | {name: list(found) for name, found in columns.items()})
        names = self._names(columns.get("label"))
        return ClipSet(ClipTable(rows, _ListedClip(self)), names)

    def _names(self, labels: tuple[int, ...] | None) -> tuple[str, ...]:
        if labels is None:
            return ()
        names = self.class_names
        if isinstance(names, Path):
            names = tuple(read_lines(names))
        if not names and max(labels) >= _MOST_NUMBERED:
            raise ConfigError(
                f"{self.file}: a label of {max(labels)}, so there would be as many classes; is "
                f"'{self.columns}' what its columns are? If so, give class_names"
            )
        names = names or tuple(str(number) for number in range(max(labels) + 1))
        wrong = sorted({label for label in labels if not 0 <= label < len(names)})
        if wrong:
            raise ConfigError(f"{self.file}: labels {wrong[:5]} are none of {len(names)} classes")
        return names


@dataclass(frozen=True)
class _ListedClip:
    """Makes the clip of a line."""

    config: ListClips

    def __call__(self, row: dict[str, Any]) -> Clip:
        config = self.config
        path = (config.root or config.file.parent) / row["path"]
        total = row.get("total", -1)
        part = None
        if total >= 0:
            first = row.get("start", config.first_picture)
            part = FrameFiles(config.template, first, total, config.pictures_per_s)
        return Clip(row["path"], path, label=row.get("label"), part=part)
