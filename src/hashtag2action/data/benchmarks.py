"""Benchmarks in their official layouts and splits.

The lists of UCF101 name `.avi` files; a copy may be re-encoded to another container, so videos
are matched by class folder and stem.

Source: UCF101 (arXiv 1212.0402), section on action recognition splits; HMDB51 (ICCV 2011).
"""

import hashlib
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from hashtag2action.config import Config
from hashtag2action.data.clip_set import Clip, ClipSet, list_videos, not_empty, read_lines
from hashtag2action.errors import ConfigError


class _SplitClips(Config):
    """A benchmark with three official splits into a training and a test list."""

    root: Path
    """Folder of the class folders."""
    lists: Path
    """Folder of the official split files."""
    split: Literal[1, 2, 3] = 1
    """Which of the three official splits."""
    subset: Literal["train", "validation", "test"] = "train"
    """Which part. Validation is cut from the training list, never from the test list."""
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the training list's groups held out, so that settings can be chosen without the
    test list. A group (one original video) is never on both sides."""

    def read(self) -> ClipSet:
        """List the clips of the subset.

        Raises:
            ConfigError: A list is missing, or a listed video is not in the folder.
        """
        names = self._class_names()
        on_disk = _by_class_and_stem(self.root)
        clips: list[Clip] = []
        for class_name, stem in self._listed(names):
            if not self._is_wanted(stem):
                continue
            path = on_disk.get((class_name, stem))
            if path is None:
                raise ConfigError(
                    f"{self.root}: no video {class_name}/{stem}.*, which the {self.subset} list "
                    f"of split {self.split} names"
                )
            relative = path.relative_to(self.root).as_posix()
            clips.append(Clip(relative, path, label=names.index(class_name)))
        found = not_empty(clips, f"{self.lists}: {self.subset}, split {self.split}")
        return ClipSet(found, names, is_test=self.subset == "test")

    @abstractmethod
    def _class_names(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _listed(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """Class and stem of every video of the official list."""

    @abstractmethod
    def _group(self, stem: str) -> str:
        """Name of the original video a clip was cut from."""

    def _is_wanted(self, stem: str) -> bool:
        if self.subset == "test" or self.validation_fraction == 0:
            return self.subset != "validation"
        digest = hashlib.sha256(self._group(stem).encode()).digest()
        held_out = int.from_bytes(digest[:8], "big") / 2**64 < self.validation_fraction
        return held_out == (self.subset == "validation")


class Ucf101Clips(_SplitClips):
    """UCF101, or any part of its classes whose lists were filtered alike."""

    kind: Literal["ucf101"] = "ucf101"

    def _class_names(self) -> tuple[str, ...]:
        lines = [line.split(maxsplit=1) for line in read_lines(self.lists / "classInd.txt")]
        return tuple(name for _, name in sorted((int(number), name) for number, name in lines))

    def _listed(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        side = "test" if self.subset == "test" else "train"
        file = self.lists / f"{side}list{self.split:02d}.txt"
        listed = [Path(line.split()[0]) for line in read_lines(file)]
        strangers = {path.parent.name for path in listed} - set(names)
        if strangers:
            raise ConfigError(f"{file}: classes that classInd.txt does not name: {strangers}")
        return [(path.parent.name, path.stem) for path in listed]

    def _group(self, stem: str) -> str:
        # v_PushUps_g08_c01: clips of one group show the same people in the same place.
        return stem.rpartition("_")[0]


class Hmdb51Clips(_SplitClips):
    """HMDB51: one split file per class, whose lines end in 1 (train), 2 (test) or 0 (unused)."""

    kind: Literal["hmdb51"] = "hmdb51"

    def _class_names(self) -> tuple[str, ...]:
        tail = f"_test_split{self.split}"
        names = sorted(path.stem.removesuffix(tail) for path in self.lists.glob(f"*{tail}.txt"))
        if not names:
            raise ConfigError(f"{self.lists}: no files <class>{tail}.txt there")
        return tuple(names)

    def _listed(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        wanted = "2" if self.subset == "test" else "1"
        listed: list[tuple[str, str]] = []
        for name in names:
            for line in read_lines(self.lists / f"{name}_test_split{self.split}.txt"):
                video, _, side = line.rpartition(" ")
                if side == wanted:
                    listed.append((name, Path(video.strip()).stem))
        return listed

    def _group(self, stem: str) -> str:
        # <film>_<class>_<body>_<camera>_<n persons>_<view>_<quality>_<number>: the film.
        return stem.rsplit("_", 7)[0]


def _by_class_and_stem(root: Path) -> dict[tuple[str, str], Path]:
    return {(path.parent.name, path.stem): path for path in list_videos(root)}
