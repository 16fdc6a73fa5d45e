"""What a path given on the command line holds: a recipe, a curation, shards, a folder or a list."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hashtag2action.config import Config, checked, read_recipe
from hashtag2action.data.clip_set import VIDEO_SUFFIXES, list_videos, read_lines
from hashtag2action.data.clips import ClipSource, CsvClips, CuratedClips, FolderClips
from hashtag2action.data.lists import ListClips
from hashtag2action.data.shards import ShardClips
from hashtag2action.errors import ConfigError

_COLUMNS = ("path start total", "path label", "path total label")


class _Data(Config):
    clips: ClipSource


class _Recipe(Config):
    data: _Data


def origin_of(
    where: str,
    root: Path | None = None,
    columns: str | None = None,
    overrides: Sequence[str] = (),
) -> ClipSource:
    """Say which origin of clips a path is.

    Args:
        where: A recipe with `data.clips`, the folder of a curation, of a data set in shards, of
            classes or of videos, a list file, a CSV, or an address of shards.
        root: Folder the paths of a list start at; None is the list's own.
        columns: What a line of a list holds; None tells by the first line.
        overrides: Laid over a recipe.

    Raises:
        ConfigError: Nothing is there, it is none of these, or it has no use for what else is given.
    """
    path = Path(where)
    if "://" not in where and not path.exists():
        raise ConfigError(f"{where}: there is no such list or folder")
    is_recipe = path.is_file() and path.suffix in {".yaml", ".yml"}
    if overrides and not is_recipe:
        raise ConfigError(f"{where}: is no recipe that {overrides[0]} could be laid over")
    is_list = path.is_file() and not is_recipe
    if (root is not None or columns is not None) and not is_list:
        raise ConfigError(f"{where}: is no list or CSV; --root and --columns are of these alone")
    if "://" in where:
        return ShardClips(folder=where)
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise ConfigError(f"{where}: is one video; give a folder of videos, or a list")
    if is_recipe:
        return _in_recipe(path, overrides)
    lines = read_lines(path)
    if not lines:
        raise ConfigError(f"{path}: is empty")
    if columns is None and "path" in lines[0].split(","):
        return CsvClips(file=path, root=root)
    columns = columns or _columns(path, lines[0])
    if columns not in _COLUMNS:
        raise ConfigError(f"columns {columns!r}: expected one of {', '.join(map(repr, _COLUMNS))}")
    return ListClips(file=path, root=root, columns=columns)


def _folder(path: Path) -> ClipSource:
    if list(path.glob("[0-9][0-9]-export_clips")):
        return CuratedClips(run=path)
    if (path / "shards" / "index.parquet").exists():
        return ShardClips(folder=str(path))
    is_labeled = all(video.parent != path for video in list_videos(path))
    return FolderClips(folder=path, labeled=is_labeled)


def _columns(path: Path, line: str) -> Any:
    numbers = [word.lstrip("-").isdigit() for word in line.split()[1:]]
    if numbers[-2:] == [True, True]:
        # A negative total is a video file; else both layouts of pictures look alike.
        if line.rsplit(maxsplit=1)[-1].startswith("-"):
            return _COLUMNS[0]
        raise ConfigError(
            f"{path}: lines end in two numbers; say which with --columns 'path start total' or "
            "'path total label'"
        )
    if numbers[-1:] != [True]:
        raise ConfigError(
            f"{path}: is neither a list, whose lines end in a number (path label), nor a CSV, "
            f"whose first line names its columns with commas between (path,label); found {line!r}"
        )
    return _COLUMNS[1]


def _in_recipe(path: Path, overrides: Sequence[str]) -> ClipSource:
    data = read_recipe(path, overrides).get("data")
    clips = data.get("clips") if isinstance(data, dict) else None
    if clips is None:
        raise ConfigError(f"{path}: no data.clips in this recipe")
    return checked(_Recipe, {"data": {"clips": clips}}, str(path)).data.clips
