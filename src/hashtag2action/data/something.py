"""Something-Something V2 from its label files.

Its classes tell left from right, so that its clips are never mirrored.

Source: arXiv 1706.04261 and the release's own files: a JSON object from template to number, and
lists of objects whose `template` holds the class with brackets around its objects.
"""

import csv
import json
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from hashtag2action.config import Config
from hashtag2action.data.clip_set import ClipSet, ClipTable
from hashtag2action.data.kinetics import FileClip
from hashtag2action.errors import ConfigError

_PREFIX = "something-something-v2-"


class SomethingClips(Config):
    """Something-Something V2."""

    kind: Literal["something"] = "something"
    root: Path
    """Folder of the videos, <id>.webm."""
    lists: Path
    """Folder of labels.json, train.json, validation.json and, if at hand, test.json with
    test-answers.csv; their names may begin with something-something-v2-."""
    subset: Literal["train", "validation", "test"] = "train"
    """Which list. Results are commonly reported on validation."""
    suffix: str = ".webm"
    """Ending of the files; another one after a re-encode."""

    def read(self) -> ClipSet:
        """List the clips.

        Raises:
            ConfigError: A label file is missing or not as it should be, or a video is missing.
        """
        number_of = {name: int(number) for name, number in self._json("labels").items()}
        names = tuple(sorted(number_of, key=lambda name: number_of[name]))
        if [number_of[name] for name in names] != list(range(len(names))):
            raise ConfigError(f"{self.lists}: the numbers of labels.json are not 0 to n - 1")
        paths: list[str] = []
        labels: list[int] = []
        for video, template in self._listed():
            if template not in number_of:
                raise ConfigError(f"{self.lists}: {video}: {template!r} is not in labels.json")
            path = f"{video}{self.suffix}"
            if not (self.root / path).is_file():
                raise ConfigError(f"{self.root}: no {path}, which the {self.subset} list names")
            paths.append(path)
            labels.append(number_of[template])
        if not paths:
            raise ConfigError(f"{self.lists}: the {self.subset} list is empty")
        table = ClipTable(pa.table({"path": paths, "label": labels}), FileClip(self.root))
        return ClipSet(table, names, may_mirror=False, is_test=self.subset != "train")

    def _listed(self) -> list[tuple[str, str]]:
        listed = self._json(self.subset)
        if self.subset == "test":
            answers = self._answers()
            return [(str(item["id"]), answers[str(item["id"])]) for item in listed]
        return [
            (str(item["id"]), item["template"].replace("[", "").replace("]", "")) for item in listed
        ]

    def _answers(self) -> dict[str, str]:
        file = self._file("test-answers.csv")
        with file.open(encoding="utf-8", newline="") as lines:
            return {row[0]: row[1] for row in csv.reader(lines, delimiter=";") if len(row) == 2}

    def _json(self, name: str) -> Any:
        file = self._file(f"{name}.json")
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file}: cannot be read as JSON ({error})") from error

    def _file(self, name: str) -> Path:
        for file in (self.lists / name, self.lists / f"{_PREFIX}{name}"):
            if file.is_file():
                return file
        raise ConfigError(f"{self.lists}: no {name} or {_PREFIX}{name} there")
