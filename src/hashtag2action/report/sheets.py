"""Contact sheets: a clip as a strip of small frames, decoded when the report is written."""

import base64
import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hashtag2action.errors import VideoError
from hashtag2action.report.funnel import rule_of
from hashtag2action.report.privacy import without_folders
from hashtag2action.report.tables import Row, last_stage, read_rows
from hashtag2action.video.decode import decode_at

NUM_KEPT = 24
"""Kept clips on the sheet; chosen: four rows on a desk screen."""
NUM_PER_REASON = 6
"""Rejected clips per rule; chosen."""
NUM_PAIRS = 6
"""Pairs of duplicates; chosen."""
CARD_ASPECT = 2.8
"""Width over height of a strip: five portrait frames; other shapes are laid out to come near."""
LAYOUTS = ((5, 1), (4, 1), (3, 2))
"""Columns and rows a strip may have."""
SHORT_SIDE_PX = 72
"""Short side of a frame in a strip; chosen: 5 portrait frames make about 15 KB."""
JPEG_QUALITY = 72
"""Of 100; chosen with the size of a strip."""

CLIP_STAGES = ("analyze_videos", "select_clips", "deduplicate", "export_clips")
COLUMNS = (
    "clip_id",
    "video_id",
    "video_path",
    "file",
    "hashtags",
    "hashtag",
    "start_s",
    "end_s",
    "width_px",
    "height_px",
    "person_fraction",
    "motion_score",
    "reject_reason",
    "duplicate_of",
    "duplicate_distance",
)


@dataclass(frozen=True)
class Card:
    """One clip on a sheet."""

    clip_id: str
    caption: str
    tags: tuple[str, ...]
    image: str
    """JPEG as a data URI; empty when no frame could be read."""
    fault: str
    """Why there is no image."""


@dataclass(frozen=True)
class Sheet:
    """Clips that share a verdict."""

    rule: str
    """The rule that rejected them; empty for kept clips."""
    num_clips: int
    """Clips of that verdict in the run."""
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Pair:
    """A rejected duplicate beside the clip that stays."""

    original: Card
    duplicate: Card
    distance: str


def kept_sheet(run: Path) -> Sheet | None:
    """Show clips that the last stage with rows has kept."""
    stage = last_stage(run, CLIP_STAGES)
    if stage is None:
        return None
    rows = read_rows(run, stage, "kept", COLUMNS)
    return Sheet("", len(rows), tuple(_card(run, row) for row in choose(rows, NUM_KEPT)))


def rejected_sheets(run: Path) -> list[Sheet]:
    """Show clips that stages after the measuring have rejected, rule by rule.

    Duplicates are left to `duplicate_pairs`.
    """
    by_rule: dict[str, list[Row]] = {}
    for stage in CLIP_STAGES[1:]:
        for row in read_rows(run, stage, "rejected", COLUMNS):
            if not row["duplicate_of"]:
                by_rule.setdefault(rule_of(row["reject_reason"]), []).append(row)
    ordered = sorted(by_rule.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [
        Sheet(rule, len(rows), tuple(_card(run, row) for row in choose(rows, NUM_PER_REASON)))
        for rule, rows in ordered
    ]


def duplicate_pairs(run: Path) -> tuple[list[Pair], int]:
    """Show rejected duplicates beside their originals.

    Returns:
        A few pairs, and how many duplicates there are.
    """
    rejected = read_rows(run, "deduplicate", "rejected", COLUMNS)
    rejected = [row for row in rejected if row["duplicate_of"]]
    known = {row["clip_id"]: row for row in read_rows(run, "select_clips", "kept", COLUMNS)}
    pairs = []
    for row in choose(rejected, NUM_PAIRS):
        original = known.get(row["duplicate_of"])
        if original is None:
            continue
        distance = row["duplicate_distance"]
        shown = f"distance {distance:.3g}" if distance is not None else ""
        pairs.append(Pair(_card(run, original), _card(run, row), shown))
    return pairs, len(rejected)


def choose(rows: Sequence[Row], count: int) -> list[Row]:
    """Choose rows deterministically, in turn over tags, and one per video while that lasts.

    A clip stands under the tag it was filed under, else under the rarest of its tags, so that tags
    everyone uses do not crowd out others.
    """
    frequency = Counter(tag for row in rows for tag in set(row["hashtags"] or []))
    groups: dict[str, list[Row]] = {}
    for row in sorted(rows, key=_shuffled):
        tags = sorted(set(row["hashtags"] or []), key=lambda tag: (frequency[tag], tag))
        filed = row.get("hashtag") or (tags[0] if tags else "")
        groups.setdefault(filed, []).append(row)
    turns = sorted(
        ((turn, tag, row) for tag, members in groups.items() for turn, row in enumerate(members)),
        key=lambda item: item[:2],
    )
    seen: set[str] = set()
    first, later = [], []
    for _, _, row in turns:
        (later if row["video_id"] in seen else first).append(row)
        seen.add(row["video_id"])
    return [*first, *later][:count]


def _shuffled(row: Row) -> str:
    return hashlib.sha256(str(row["clip_id"]).encode()).hexdigest()


def _card(run: Path, row: Row) -> Card:
    image, fault = "", ""
    try:
        image = jpeg_uri(strip(video_of(run, row), row))
    except VideoError as error:
        fault = without_folders(str(error))
    tags = tuple(str(tag) for tag in (row["hashtags"] or [])[:6])
    return Card(str(row["clip_id"]), _caption(row), tags, image, fault)


def video_of(run: Path, row: Row) -> Path:
    """Return the video of a row, by its `video_path`.

    Raises:
        VideoError: The row names none, or it is gone.
    """
    if not row["video_path"]:
        raise VideoError("the row names no video")
    path = Path(row["video_path"])
    for place in (path, run / path):
        if place.is_file():
            return place
    raise VideoError(f"{path.name} is no longer where it was")


def _caption(row: Row) -> str:
    parts = []
    if row["start_s"] is not None and row["end_s"] is not None:
        parts.append(f"{row['start_s']:.1f}-{row['end_s']:.1f} s")
    if row["person_fraction"] is not None:
        parts.append(f"person {row['person_fraction']:.0%}")
    if row["motion_score"] is not None:
        parts.append(f"motion {row['motion_score']:.1f}")
    return ", ".join(parts)


def strip(path: Path, row: Row, short_side_px: int = SHORT_SIDE_PX) -> np.ndarray:
    """Lay frames of a row's scene beside each other, uint8 (H, W, 3), RGB.

    Args:
        path: Its video.
        row: `start_s`, `end_s`, `width_px` and `height_px` are read.
        short_side_px: Shorter side of one frame.

    Raises:
        VideoError: The row has no scene, or no frame of it can be decoded.
    """
    if row["start_s"] is None or row["end_s"] is None:
        raise VideoError("the row has no scene")
    columns, lines = _layout(row["width_px"] or 9, row["height_px"] or 16)
    count = columns * lines
    span = row["end_s"] - row["start_s"]
    times = [row["start_s"] + span * (index + 0.5) / count for index in range(count)]
    frames = decode_at(path, times, short_side_px)
    return _tiled(frames, columns, lines)


def _layout(width: int, height: int) -> tuple[int, int]:
    def misfit(layout: tuple[int, int]) -> float:
        return abs(math.log(layout[0] * width / (layout[1] * height) / CARD_ASPECT))

    return min(LAYOUTS, key=misfit)


def _tiled(frames: np.ndarray, columns: int, lines: int) -> np.ndarray:
    gap = 2
    _, height, width, _ = frames.shape
    sheet = np.full(
        (lines * (height + gap) - gap, columns * (width + gap) - gap, 3), 128, dtype=np.uint8
    )
    for index, frame in enumerate(frames):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width] = frame
    return sheet


def jpeg_uri(picture: np.ndarray, quality: int = JPEG_QUALITY) -> str:
    """Encode an RGB picture (height, width, 3) as a JPEG data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(picture, quality)).decode()


def jpeg(picture: np.ndarray, quality: int = JPEG_QUALITY) -> bytes:
    """Encode an RGB picture (height, width, 3) as a JPEG."""
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    assert done, "OpenCV could not encode a JPEG"
    return data.tobytes()
