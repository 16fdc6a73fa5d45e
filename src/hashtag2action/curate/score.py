"""Compare a curation with labelled truth: cuts, persons, unreadable files, duplicates, tags.

Truth is a JSON object, post id -> {readable, scenes: [{start_s, end_s, who, action, ...}],
duplicate_of}. `who` is `person`, `nobody`, or anything else for scenes that have no verdict; a
scene with `"transition": "dissolve"` begins with a dissolve from `transition_start_s` to
`transition_end_s` instead of a hard cut.

Or truth is `verdicts.jsonl`, what a person said about clips in `h2a explore`: then persons and tags
alone are compared, and only on the clips that were judged.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, TypeAdapter, ValidationError, model_validator

from hashtag2action.curate.verdicts import read_verdicts
from hashtag2action.errors import ManifestError, SourceError
from hashtag2action.manifest import Manifest, find_stage
from hashtag2action.sources.base import normalize_hashtag

CUT_TOLERANCE_FRAMES = 2
"""A found cut is right within this many frames (chosen: half a blink at 25 frames per second)."""


class _TrueScene(BaseModel):
    """What is read of a true scene."""

    start_s: float
    end_s: float
    who: str
    action: str | None = None
    transition: str | None = None
    transition_start_s: float | None = None
    transition_end_s: float | None = None

    @model_validator(mode="after")
    def _dissolve_has_times(self) -> "_TrueScene":
        times = (self.transition_start_s, self.transition_end_s)
        if self.transition == "dissolve" and None in times:
            raise ValueError("a dissolve has transition_start_s and transition_end_s")
        return self


class _TruePost(BaseModel):
    """What is read of a true post."""

    readable: bool = True
    scenes: list[_TrueScene] = []
    duplicate_of: str | None = None


Row = dict[str, Any]
Truth = dict[str, Row]
Counts = dict[str, float | None]


def score(run: Path, truth_file: Path) -> dict[str, Any]:
    """Score a finished curation against truth.

    Args:
        run: Folder of the curation.
        truth_file: The labelled truth.

    Returns:
        `cuts` and `persons` {precision, recall, f1}, `dissolves` {recall}, `unreadable` {found,
        total, wrong}, `duplicates` {recall, precision, wrong, shared_footage} in pairs, `tags`
        {purity per tag}. A ratio without a denominator is null.

    Raises:
        ManifestError: The run lacks a stage.
        SourceError: The truth cannot be read.
    """
    if truth_file.suffix == ".jsonl":
        return score_verdicts(run, truth_file)
    truth = read_truth(truth_file)
    analyzed = _rows(find_stage(run, "analyze_videos"), ("kept",))
    selected = _rows(find_stage(run, "select_clips"), ("kept", "rejected"))
    duplicates = find_stage(run, "deduplicate")
    cuts, dissolves = score_cuts(truth, analyzed)
    return {
        "cuts": cuts,
        "dissolves": dissolves,
        "persons": score_persons(truth, selected),
        "unreadable": score_unreadable(truth, _unreadable_ids(run)),
        "duplicates": score_duplicates(truth, _rows(duplicates, ("rejected",)), selected),
        "tags": score_tags(truth, _rows(duplicates, ("kept",))),
    }


def read_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        SourceError: The file is missing or is no truth file; the message names the place.
    """
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read as a truth file: {error}") from error
    if not isinstance(truth, dict):
        raise SourceError(f"{path}: expected a JSON object, post id -> what is true of the post")
    try:
        TypeAdapter(dict[str, _TruePost]).validate_python(truth, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SourceError(f"{path}: {where}: {first['msg']}; found {first['input']!r}") from error
    return truth


def score_verdicts(run: Path, file: Path) -> dict[str, Any]:
    """Score a finished curation against what a person said about some of its clips.

    Raises:
        ManifestError: The run lacks a stage, or a line of the file is no verdict.
        SourceError: There is no verdict in the file, or it is missing.
    """
    verdicts = read_verdicts(file)
    if not verdicts:
        raise SourceError(f"{file}: no verdict in it; h2a explore {run} writes them")
    selected = _rows(find_stage(run, "select_clips"), ("kept", "rejected"))
    kept = _rows(find_stage(run, "deduplicate"), ("kept",))
    has_person = {row["clip_id"]: bool(row["has_person"]) for row in selected}
    tag_of = {row["clip_id"]: row.get("hashtag") for row in kept}
    pairs: list[tuple[bool, bool]] = []
    right: dict[str, list[bool]] = defaultdict(list)
    num_unsure = 0
    for (question, clip_id), verdict in verdicts.items():
        is_right = verdict.answer == "yes"
        if verdict.answer == "unsure":
            num_unsure += 1
        elif question == "person" and clip_id in has_person:
            pairs.append((has_person[clip_id], is_right))
        elif question == "tag" and verdict.hashtag and tag_of.get(clip_id) == verdict.hashtag:
            right[verdict.hashtag].append(is_right)
    num_tags = sum(map(len, right.values()))
    num_used = len(pairs) + num_tags + num_unsure
    return {
        "persons": _f1(
            sum(said and true for said, true in pairs),
            sum(said for said, _ in pairs),
            sum(true for _, true in pairs),
        ),
        "tags": {tag: sum(values) / len(values) for tag, values in sorted(right.items())},
        "judged": {
            "persons": len(pairs),
            "tags": num_tags,
            "unsure": num_unsure,
            "not_used": len(verdicts) - num_used,
        },
    }


def score_cuts(truth: Truth, clips: list[Row]) -> tuple[Counts, Counts]:
    """Score where scenes begin, hard cuts and dissolves apart.

    A start found inside a true dissolve counts for the dissolve and against nothing.
    """
    num_found = num_true = num_right = num_dissolves = num_dissolves_found = 0
    for post_id, scenes in _by_video(clips).items():
        tolerance_s = (CUT_TOLERANCE_FRAMES + 0.5) / scenes[0]["frame_rate"]
        found = [scene["start_s"] for scene in scenes if scene["scene_index"] > 0]
        hard, soft = _true_starts(truth.get(post_id, {}))
        for start_s, end_s in soft:
            inside = [time for time in found if start_s - 0.2 <= time <= end_s + 0.2]
            num_dissolves_found += bool(inside)
            found = [time for time in found if time not in inside]
        num_dissolves += len(soft)
        num_true += len(hard)
        num_found += len(found)
        num_right += _match(found, hard, tolerance_s)
    dissolves = {"recall": _ratio(num_dissolves_found, num_dissolves), "total": num_dissolves}
    return _f1(num_right, num_found, num_true), dissolves


def score_persons(truth: Truth, clips: list[Row]) -> Counts:
    """Score one verdict per true scene: that of the clip which overlaps it most."""
    num_right = num_said = num_true = 0
    for post_id, found in _by_video(clips).items():
        for scene in truth.get(post_id, {}).get("scenes", []):
            if scene["who"] not in {"person", "nobody"}:
                continue
            best = max(found, key=lambda clip: _overlap_s(clip, scene))
            said = bool(best["has_person"]) and _overlap_s(best, scene) > 0
            is_person = scene["who"] == "person"
            num_said += said
            num_true += is_person
            num_right += said and is_person
    return _f1(num_right, num_said, num_true)


def score_unreadable(truth: Truth, rejected: set[str]) -> Counts:
    """Count unreadable posts that were rejected as such, and readable ones that were too."""
    bad = {post_id for post_id, post in truth.items() if not post.get("readable", True)}
    return {"found": len(bad & rejected), "total": len(bad), "wrong": len(rejected - bad)}


def score_duplicates(truth: Truth, rejected: list[Row], clips: list[Row]) -> Counts:
    """Score pairs of posts against `duplicate_of`; copies of one original are copies of each other.

    A found pair that truth does not link is wrong, unless both clips show the same source footage
    (`source` of the scenes they overlap most): that is counted apart, as `shared_footage`.
    """
    video_of = {clip["clip_id"]: clip["video_id"] for clip in clips}
    scene_of = {clip["clip_id"]: _scene_of(truth, clip) for clip in clips}
    origin = {post_id: _origin(truth, post_id) for post_id in truth}
    found: set[str] = set()
    num_right = num_wrong = num_shared = 0
    for row in rejected:
        mine, other = row["clip_id"], row["duplicate_of"]
        if other is None:
            continue
        pair = (video_of[mine], video_of[other])
        if origin.get(pair[0], pair[0]) == origin.get(pair[1], pair[1]):
            num_right += 1
            found.update(pair)
        elif _same_source(scene_of[mine], scene_of[other]):
            num_shared += 1
        else:
            num_wrong += 1
    copies = [post_id for post_id, post in truth.items() if post.get("duplicate_of")]
    return {
        "recall": _ratio(_num_linked(copies, origin, found), len(copies)),
        "precision": _ratio(num_right, num_right + num_wrong),
        "found": _num_linked(copies, origin, found),
        "total": len(copies),
        "wrong": num_wrong,
        "shared_footage": num_shared,
    }


def score_tags(truth: Truth, kept: list[Row]) -> dict[str, float]:
    """Return the share of each tag's clips that show the action the tag names."""
    right: dict[str, list[bool]] = defaultdict(list)
    for clip in kept:
        scene = _scene_of(truth, clip)
        if clip["hashtag"] is not None and scene is not None:
            action = normalize_hashtag(scene.get("action") or "")
            right[clip["hashtag"]].append(action == clip["hashtag"])
    return {tag: sum(values) / len(values) for tag, values in sorted(right.items())}


def _rows(stage: Manifest, sides: Iterable[str]) -> list[Row]:
    """Read the rows of a finished stage that are clips."""
    stage.receipt()
    wanted = {
        "clip_id", "video_id", "scene_index", "start_s", "end_s", "frame_rate", "has_person",
        "duplicate_of", "hashtag",
    }  # fmt: skip
    rows: list[Row] = []
    for side in sides:
        table = stage.read(side)
        columns = [name for name in table.column_names if name in wanted]
        rows += [row for row in table.select(columns).to_pylist() if row["clip_id"] is not None]
    return rows


def _unreadable_ids(run: Path) -> set[str]:
    ids: set[str] = set()
    for name in ("fetch_videos", "analyze_videos"):
        table: pa.Table = find_stage(run, name).read("rejected", ["post_id", "reject_reason"])
        ids |= {
            row["post_id"]
            for row in table.to_pylist()
            if row["reject_reason"].startswith("unreadable")
        }
    return ids


def _by_video(clips: list[Row]) -> dict[str, list[Row]]:
    videos: dict[str, list[Row]] = defaultdict(list)
    for clip in clips:
        videos[clip["video_id"]].append(clip)
    if not videos:
        raise ManifestError("no clips to score: every video was rejected before this stage")
    return videos


def _true_starts(post: Row) -> tuple[list[float], list[tuple[float, float]]]:
    hard: list[float] = []
    soft: list[tuple[float, float]] = []
    for scene in post.get("scenes", [])[1:]:
        if scene.get("transition") == "dissolve":
            soft.append((scene["transition_start_s"], scene["transition_end_s"]))
        else:
            hard.append(scene["start_s"])
    return hard, soft


def _match(found: list[float], true: list[float], tolerance_s: float) -> int:
    """Pair found and true times one to one, nearest first, and count the pairs."""
    gaps = sorted(
        (abs(one - other), i, j) for i, one in enumerate(found) for j, other in enumerate(true)
    )
    used_found: set[int] = set()
    used_true: set[int] = set()
    for gap, i, j in gaps:
        if gap <= tolerance_s and i not in used_found and j not in used_true:
            used_found.add(i)
            used_true.add(j)
    return len(used_found)


def _scene_of(truth: Truth, clip: Row) -> Row | None:
    scenes = truth.get(clip["video_id"], {}).get("scenes", [])
    best = max(scenes, key=lambda scene: _overlap_s(clip, scene), default=None)
    return best if best is not None and _overlap_s(clip, best) > 0 else None


def _overlap_s(clip: Row, scene: Row) -> float:
    return min(clip["end_s"], scene["end_s"]) - max(clip["start_s"], scene["start_s"])


def _origin(truth: Truth, post_id: str) -> str:
    seen = {post_id}
    while (parent := truth.get(post_id, {}).get("duplicate_of")) and parent not in seen:
        seen.add(parent)
        post_id = parent
    return post_id


def _num_linked(copies: list[str], origin: dict[str, str], found: set[str]) -> int:
    """Count the copies that a found pair ties to their family.

    A family of n posts has n - 1 copies; the pairs of a family tie as many copies as they join
    posts, less the one that stands for the original.
    """
    families: dict[str, set[str]] = defaultdict(set)
    for copy in copies:
        families[origin[copy]].update((copy, origin[copy]))
    return sum(max(0, len(family & found) - 1) for family in families.values())


def _same_source(one: Row | None, other: Row | None) -> bool:
    return (
        one is not None
        and other is not None
        and one.get("source") is not None
        and one.get("source") == other.get("source")
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _f1(num_right: int, num_found: int, num_true: int) -> Counts:
    total = num_found + num_true
    return {
        "precision": _ratio(num_right, num_found),
        "recall": _ratio(num_right, num_true),
        "f1": _ratio(2 * num_right, total),
    }
