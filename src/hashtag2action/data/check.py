"""Are all clips there, whole and long enough? Decodes them before hours are spent."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hashtag2action.data.clip_set import Clip, ClipSet, FrameFiles, ShardMember
from hashtag2action.data.shards import read_member
from hashtag2action.errors import VideoError
from hashtag2action.video.container import open_video
from hashtag2action.video.folder import read_picture
from hashtag2action.video.walk import Walk

MIN_DECODED_FRACTION = 0.9
"""Least share of the promised frames that must decode. Chosen: as in curation."""
SAMPLE_S = 16 * 4 / 30
"""Seconds a sample needs. Source: VideoMAE V2, 16 frames x stride 4, of 30 a second."""


class OnChecked(Protocol):
    """Told what is done, how many of how many."""

    def __call__(self, stage: str, done: int, total: int, note: str = "", /) -> None:
        """Show it."""
        ...


@dataclass(frozen=True)
class Found:
    """What one clip is."""

    clip_id: str
    path: str
    problem: str | None = None
    """Why it is broken; None: it decodes to its end."""
    duration_s: float = 0.0
    frames_per_s: float = 0.0
    width_px: int = 0
    height_px: int = 0
    codec: str = ""


class Look(Protocol):
    """Looks at the clips of a set, here or in processes that may be lost."""

    def __call__(self, clips: ClipSet, places: Sequence[int], /) -> Iterable[tuple[int, Found]]:
        """Look at the clips of some places, in any order; give each with its place."""
        ...


@dataclass(frozen=True)
class Health:
    """What a data set is."""

    num_clips: int
    num_checked: int
    num_missing: int
    """Clips the lists name that were left out, because the recipe says so."""
    broken: list[dict[str, str]]
    """Clips that do not decode to their end, with path and reason."""
    short: list[dict[str, Any]]
    """Clips shorter than a sample, which repeat their last frame."""
    classes: dict[str, int]
    """Clips of each class, among all and not only those that were decoded."""
    empty_classes: list[str]
    """Folders that could be classes but hold no video."""
    num_unlabeled: int
    durations_s: dict[str, float] = field(default_factory=dict)
    """Least, quartiles, most and sum of those that decode."""
    frames_per_s: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    codecs: dict[str, int] = field(default_factory=dict)


def check_clips(
    clips: ClipSet,
    num: int | None = None,
    sample_s: float = SAMPLE_S,
    look: Look | None = None,
    on_checked: OnChecked | None = None,
) -> Health:
    """Decode clips to their end and say what they are.

    Args:
        clips: The data set.
        num: Decode as many, drawn at random but always the same; None decodes all.
        sample_s: Seconds a sample needs: shorter clips are listed.
        look: Who looks at them; None does it in this process, which a file that hangs or crashes
            a decoder takes with it.
        on_checked: Told how far it is.
    """
    chosen: Sequence[int] = range(len(clips.clips))
    if num is not None and num < len(clips.clips):
        drawn = np.random.default_rng(0).choice(len(clips.clips), num, replace=False)
        chosen = sorted(drawn.tolist())
    found: dict[int, Found] = {}
    for place, one in (look or _look_here)(clips, chosen):
        found[place] = one
        if on_checked is not None:
            on_checked("check", len(found), len(chosen))
    return _summed_up(clips, [found[place] for place in chosen], sample_s)


def _look_here(clips: ClipSet, places: Sequence[int]) -> Iterator[tuple[int, Found]]:
    return ((place, look_at(clips.clips[place])) for place in places)


def look_at(clip: Clip) -> Found:
    """Decode one clip to its end."""
    say = partial(Found, clip.clip_id, str(clip.path))
    try:
        if isinstance(clip.part, FrameFiles):
            height, width = _look_at_pictures(clip.path, clip.part)
            rate = clip.part.frames_per_s
            return say(None, clip.part.num_frames / rate, rate, width, height, "pictures")
        source = read_member(clip.part) if isinstance(clip.part, ShardMember) else clip.path
        with open_video(source, is_for_signals=True) as container:
            walk = Walk(container)
            for frame in walk:
                if clip.end_s is not None and frame.time_s >= clip.end_s:
                    break
            end_s = _checked_end(walk, clip)
            info = walk.info
    except VideoError as error:
        return say(str(error))
    duration_s, rate = end_s - clip.start_s, float(info.frame_rate)
    return say(None, duration_s, rate, info.width_px, info.height_px, info.codec)


def _checked_end(walk: Walk, clip: Clip) -> float:
    """Return the end of a clip in a video that was walked to it."""
    if clip.end_s is None:
        walk.check_complete(MIN_DECODED_FRACTION)
    elif walk.end_s < clip.end_s - 1.5 / float(walk.info.frame_rate):
        raise VideoError(f"ends at {walk.end_s:.2f} s, the clip at {clip.end_s:.2f} s")
    end_s = walk.end_s if clip.end_s is None else min(walk.end_s, clip.end_s)
    if end_s <= clip.start_s:
        raise VideoError(f"ends at {end_s:.2f} s, before the clip begins")
    return end_s


def _look_at_pictures(folder: Path, part: FrameFiles) -> tuple[int, int]:
    shapes = set()
    for number in range(part.first, part.first + part.num_frames):
        shapes.add(read_picture(folder / part.template.format(number)).shape[:2])
    if len(shapes) != 1:
        raise VideoError(f"its pictures have {len(shapes)} different sizes")
    return shapes.pop()


def _summed_up(clips: ClipSet, found: list[Found], sample_s: float) -> Health:
    whole = [one for one in found if one.problem is None]
    labels = Counter(clips.given_labels())
    num_unlabeled = labels.pop(None, 0)
    durations = np.array([one.duration_s for one in whole])
    points = {"least": 0, "quarter": 25, "half": 50, "three quarters": 75, "most": 100}
    spread: dict[str, float] = {}
    if len(durations):
        spread = {name: float(np.percentile(durations, at)) for name, at in points.items()}
        spread["sum"] = float(durations.sum())
    return Health(
        num_clips=len(clips.clips),
        num_checked=len(found),
        num_missing=clips.num_missing,
        broken=[
            {"clip_id": one.clip_id, "path": one.path, "problem": one.problem}
            for one in found
            if one.problem is not None
        ],
        short=[
            {"clip_id": one.clip_id, "path": one.path, "duration_s": one.duration_s}
            for one in whole
            if one.duration_s < sample_s
        ],
        classes={name: labels.get(number, 0) for number, name in enumerate(clips.class_names)},
        empty_classes=list(clips.empty_classes),
        num_unlabeled=num_unlabeled,
        durations_s=spread,
        frames_per_s=_counted(f"{one.frames_per_s:.4g}" for one in whole),
        sizes=_counted(f"{one.width_px}x{one.height_px}" for one in whole),
        codecs=_counted(one.codec for one in whole),
    )


def _counted(words: Iterator[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
