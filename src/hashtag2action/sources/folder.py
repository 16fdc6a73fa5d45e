"""A folder of one's own videos: tags from the folders' names or from a CSV."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from hashtag2action.errors import SourceError
from hashtag2action.sources.base import OnProgress, PostSource, normalize_hashtag, pack

VIDEO_SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".3gp",
        ".flv",
        ".wmv",
    }
)
"""Files taken for videos by their name; what they hold is checked when they are fetched."""


class Folder(PostSource):
    """Videos below a folder; a video's id is its path in the folder."""

    kind: Literal["folder"] = "folder"
    folder: Path
    """Where the videos are; sub-folders are searched."""
    tags_csv: Path | None = None
    """A CSV with columns `file` (path in the folder) and `hashtags`; else folder names are tags."""
    license: str | None = None
    """Licence or consent note that holds for every video here."""

    def tables(
        self, workplace: Path, rows_per_table: int, progress: OnProgress
    ) -> Iterator[pa.Table]:
        """Yield one post per video file, in the order of their paths.

        Raises:
            SourceError: The folder is missing or holds no videos, or the CSV is wrong.
        """
        if not self.folder.is_dir():
            raise SourceError(f"{self.folder}: no such folder; source.folder holds the videos")
        root = self.folder.resolve()
        files = sorted(
            path
            for path in root.rglob("*")
            if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
        )
        if not files:
            raise SourceError(
                f"{self.folder}: no videos here (looked for {', '.join(sorted(VIDEO_SUFFIXES))})"
            )
        tags = self._tags()
        yield from pack((self._row(path, root, tags) for path in files), rows_per_table)

    def _row(self, path: Path, root: Path, tags: dict[str, list[str]] | None) -> dict[str, Any]:
        name = path.relative_to(root).as_posix()
        # The folder a file lies in says most about it, so its name comes first.
        given = list(path.relative_to(root).parts[-2::-1]) if tags is None else tags.get(name, [])
        return {
            "post_id": name,
            "platform": "folder",
            "hashtags": list(dict.fromkeys(filter(None, map(normalize_hashtag, given)))),
            "license": self.license,
            "file": path.as_posix(),
            "reject_reason": None,
        }

    def _tags(self) -> dict[str, list[str]] | None:
        if self.tags_csv is None:
            return None
        try:
            with self.tags_csv.open(encoding="utf-8-sig", newline="") as lines:
                reader = csv.DictReader(lines)
                missing = {"file", "hashtags"} - set(reader.fieldnames or ())
                if missing:
                    raise SourceError(
                        f"{self.tags_csv}: no column {', '.join(sorted(missing))}; "
                        f"found {', '.join(reader.fieldnames or ()) or 'nothing'}"
                    )
                return {row["file"]: row["hashtags"].replace(",", " ").split() for row in reader}
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceError(f"{self.tags_csv}: cannot be read as CSV: {error}") from error
