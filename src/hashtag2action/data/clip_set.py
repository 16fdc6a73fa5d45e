"""What a training run reads: clips with times, and labels where there are any."""

from dataclasses import dataclass
from pathlib import Path

from hashtag2action.errors import ConfigError

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg")
"""Names that count as videos in a folder; chosen: the containers of the benchmarks and phones."""


@dataclass(frozen=True)
class Clip:
    """A span of a video file."""

    clip_id: str
    """Names the clip in logs and predictions: a relative path, or the manifest's clip_id."""
    path: Path
    start_s: float = 0.0
    """Start within the file, seconds."""
    end_s: float | None = None
    """End within the file, seconds, half open; None is the end of the file."""
    label: int | None = None
    """Place of the class in `ClipSet.class_names`; None without labels."""


@dataclass(frozen=True)
class ClipSet:
    """Clips in a fixed order, and the names of their classes (none without labels)."""

    clips: tuple[Clip, ...]
    class_names: tuple[str, ...] = ()

    def labels(self) -> list[int]:
        """Return the label of every clip.

        Raises:
            ConfigError: A clip has no label.
        """
        labels = [clip.label for clip in self.clips if clip.label is not None]
        if len(labels) < len(self.clips):
            raise ConfigError(
                f"{len(self.clips) - len(labels)} of {len(self.clips)} clips have no label; "
                "labelled clips come from a folder of classes, a CSV or a benchmark"
            )
        return labels


def list_videos(folder: Path) -> list[Path]:
    """List the video files below a folder, in order of their paths.

    Raises:
        ConfigError: The folder does not exist.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder of videos")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
    return sorted(path for path in found if path.is_file())


def not_empty(clips: list[Clip], where: str) -> tuple[Clip, ...]:
    """Return the clips as a tuple.

    Raises:
        ConfigError: There are none; the message says where they were looked for.
    """
    if not clips:
        raise ConfigError(f"{where}: no clips found there")
    return tuple(clips)
