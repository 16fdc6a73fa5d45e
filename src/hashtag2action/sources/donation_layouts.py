"""Find a person's own videos in the archives that platforms hand out on request.

TikTok: a JSON file with Video > Videos > VideoList (newer: Post > Posts > VideoList). Lists of what
the person watched or liked have other names, and other people's videos are not theirs to give.
Instagram: `posts_*.json`, `reels.json` and the like, with media that name their file. YouTube:
`videos.csv` or one JSON file per video in a Takeout folder. Layouts change without notice, so a
part that is not understood is passed over and counted as a bad row where it plainly is a video.

Source: the platforms' help pages on downloading one's data; field names as found in such archives.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from hashtag2action.sources.folder import VIDEO_SUFFIXES

ExportPlatform = Literal["tiktok", "instagram", "youtube"]
_HASHTAG = re.compile(r"#(\w{1,150})")
_INSTAGRAM_FILE = re.compile(r"(posts_\d+|posts|reels|igtv_videos|media)\.json")
_TIKTOK_LISTS = (("Video", "Videos", "VideoList"), ("Post", "Posts", "VideoList"))
_DATA_SUFFIXES = {".json", ".csv"}


@dataclass(frozen=True)
class DonatedItem:
    """One video of the person's own."""

    platform: ExportPlatform
    values: dict[str, Any]
    """Values by our column names; `file` is a name within the archive, or missing."""


def is_data_file(name: str) -> bool:
    """Whether a file of an archive may describe videos."""
    return PurePosixPath(name).suffix.lower() in _DATA_SUFFIXES


def read_items(name: str, content: bytes, names: list[str]) -> Iterator[DonatedItem]:
    """Yield the videos that one file of an archive describes.

    Args:
        name: The file's name in the archive.
        content: Its bytes.
        names: The names of all files there, to find a video's bytes.
    """
    path = PurePosixPath(name)
    if path.suffix.lower() == ".csv":
        if path.name.lower() == "videos.csv":
            yield from _youtube_table(content, names)
        return
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        return
    if _INSTAGRAM_FILE.fullmatch(path.name):
        yield from _instagram(values, names)
    elif isinstance(values, dict):
        yield from _tiktok(values, names)
    elif isinstance(values, list):
        yield from _youtube_resources(values, names)


def _tiktok(values: dict[str, Any], names: list[str]) -> Iterator[DonatedItem]:
    for keys in _TIKTOK_LISTS:
        found: Any = values
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        for item in found if isinstance(found, list) else ():
            if not isinstance(item, dict):
                continue
            link, date = str(item.get("Link") or item.get("link") or ""), item.get("Date")
            number = re.search(r"/video/([0-9]{5,20})", link)
            post_id = number[1] if number else f"tiktok-{_digest(f'{date} {link}')}"
            text = str(item.get("Title") or item.get("Description") or "")
            yield DonatedItem(
                "tiktok",
                {
                    "post_id": post_id,
                    "created_unix_s": date or item.get("date"),
                    "num_likes": item.get("Likes"),
                    "description": text,
                    "hashtags": _HASHTAG.findall(text),
                    "file": _named(post_id, names),
                },
            )


def _instagram(values: Any, names: list[str]) -> Iterator[DonatedItem]:
    posts = values
    if isinstance(values, dict):
        posts = [post for listed in values.values() if isinstance(listed, list) for post in listed]
    for post in posts if isinstance(posts, list) else ():
        media = post.get("media", [post]) if isinstance(post, dict) else []
        for item in media if isinstance(media, list) else ():
            uri = str(item.get("uri") or "") if isinstance(item, dict) else ""
            if PurePosixPath(uri).suffix.lower() not in VIDEO_SUFFIXES:
                continue
            text = _mended(str(item.get("title") or post.get("title") or ""))
            yield DonatedItem(
                "instagram",
                {
                    "post_id": f"instagram-{_digest(uri)}",
                    "created_unix_s": item.get("creation_timestamp")
                    or post.get("creation_timestamp"),
                    "description": text,
                    "hashtags": _HASHTAG.findall(text),
                    "file": next((name for name in names if f"/{name}".endswith(f"/{uri}")), None),
                },
            )


def _youtube_table(content: bytes, names: list[str]) -> Iterator[DonatedItem]:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig", errors="replace")))
    for row in rows:
        title = row.get("Video Title (Original)") or row.get("Video Title") or ""
        text = f"{title} {row.get('Video Description (Original)') or ''}".strip()
        yield DonatedItem(
            "youtube",
            {
                "post_id": row.get("Video ID"),
                "created_unix_s": row.get("Video Publish Timestamp")
                or row.get("Video Create Timestamp"),
                "duration_s": _from_ms(row.get("Approx Duration (ms)")),
                "description": text,
                "hashtags": _HASHTAG.findall(text),
                "file": _titled(title, names),
            },
        )


def _youtube_resources(values: list[Any], names: list[str]) -> Iterator[DonatedItem]:
    for item in values:
        snippet = item.get("snippet") if isinstance(item, dict) else None
        if not isinstance(snippet, dict) or "contentDetails" not in item:
            continue
        details = item["contentDetails"]
        title = str(snippet.get("title") or "")
        text = f"{title} {snippet.get('description') or ''}".strip()
        yield DonatedItem(
            "youtube",
            {
                "post_id": item.get("id"),
                "created_unix_s": snippet.get("publishedAt"),
                "duration_s": details.get("duration") if isinstance(details, dict) else None,
                "description": text,
                "hashtags": _HASHTAG.findall(text),
                "file": _titled(title, names),
            },
        )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(errors="replace"), digest_size=8).hexdigest()


def _mended(text: str) -> str:
    """Undo that Instagram's archives write UTF-8 bytes as if they were characters."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _from_ms(text: str | None) -> float | None:
    return int(text) / 1000 if text and text.isascii() and text.isdigit() else None


def _videos(names: Iterable[str]) -> Iterator[PurePosixPath]:
    paths = (PurePosixPath(name) for name in names)
    return (path for path in paths if path.suffix.lower() in VIDEO_SUFFIXES)


def _named(post_id: str, names: list[str]) -> str | None:
    """Find the video file that carries an id in its name."""
    return next((str(path) for path in _videos(names) if post_id in path.stem), None)


def _titled(title: str, names: list[str]) -> str | None:
    """Find the one video file that is named by a title; two such files are none."""
    wanted = _letters(title)
    found = [str(path) for path in _videos(names) if wanted and _letters(path.stem) == wanted]
    return found[0] if len(found) == 1 else None


def _letters(text: str) -> str:
    # File names drop what a file system forbids, and end after some 50 characters.
    return "".join(character for character in text.casefold() if character.isalnum())[:40]
