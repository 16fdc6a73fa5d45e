"""The formats of short-form video: what is found, which frames are seen, how exact the times are.

Rendered posts are encoded in each codec, depth, rate and turn; real files that trouble others are
judged against labels made by eye. Time stamps are checked against a plain decode, which shares no
code with the analysis.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa

from benchmarks.figures import Figure, real_data
from benchmarks.scheduling import scheduling_kept
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.sources.studio.film import post_frames
from hashtag2action.sources.studio.platform import Studio, plan_studio
from hashtag2action.sources.studio.posts import PostPlan

_SEED, _NUM_POSTS, _SIZE = 5_107, 8, (144, 256)
"""Chosen: a world of no other figure; posts of several scenes, small enough for AV1."""
_LATE_S = 1e-3
"""Time stamps are exact; a container counts in milliseconds at worst."""
_DISSOLVE_S = 0.2  # as `curate.score` has it

Row = dict[str, Any]


@dataclass(frozen=True)
class _Coding:
    name: str
    codec: str
    ending: str
    pixel_format: str = "yuv420p"
    options: tuple[tuple[str, str], ...] = ()


_FAST = (("preset", "veryfast"), ("crf", "24"))
_X265 = (("preset", "ultrafast"), ("crf", "24"), ("x265-params", "log-level=none"))
_PQ = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
_VP9 = (("deadline", "realtime"), ("cpu-used", "8"), ("crf", "30"), ("b", "0"))
_AV1 = (("preset", "12"), ("crf", "32"))
_DEEP = "yuv420p10le"
# Nothing at hand encodes VP9 at 10 bits.
_CODINGS = (
    _Coding("H.264", "libx264", "mp4", options=_FAST),
    _Coding("H.264 10-bit", "libx264", "mp4", _DEEP, _FAST),
    _Coding("HEVC", "libx265", "mp4", options=_X265),
    _Coding("HEVC 10-bit, HDR", "libx265", "mp4", _DEEP, (*_X265[:2], ("x265-params", _PQ))),
    _Coding("VP9", "libvpx-vp9", "webm", options=_VP9),
    _Coding("AV1", "libsvtav1", "mp4", options=_AV1),
    _Coding("AV1 10-bit", "libsvtav1", "mkv", _DEEP, _AV1),
)
_PLAIN = {coding.name: coding for coding in _CODINGS}
_TURNED = ("H.264", "HEVC", "AV1")


@dataclass(frozen=True)
class _Variant:
    """One way to encode a post."""

    group: str
    coding: _Coding
    stamps: str = "25"
    """`25` or `60` frames a second, or `variable`."""
    turn_deg: int = 0


def _variants() -> Iterator[_Variant]:
    for coding in _CODINGS:
        yield _Variant(coding.name, coding)
    for name, stamps in itertools.product(("H.264", "HEVC", "VP9", "AV1"), ("variable", "60")):
        group = "variable frame rate" if stamps == "variable" else "60 frames/s"
        yield _Variant(group, _PLAIN[name], stamps)
    for name, turn_deg in itertools.product(_TURNED, (90, 180, 270)):
        yield _Variant("rotated", _PLAIN[name], turn_deg=turn_deg)


@dataclass(frozen=True)
class _Film:
    """One file, and what is true of it."""

    path: Path
    cuts_s: tuple[float, ...]
    dissolves_s: tuple[tuple[float, float], ...]
    num_frames: int
    size: tuple[int, int]
    """Upright."""
    is_dissolve_sure: bool = True
    """Dissolves of 60 frames a second are shorter than those that are promised."""


@dataclass
class _Tally:
    cuts: int = 0
    right: int = 0
    wrong: int = 0
    dissolves: int = 0
    dissolved: int = 0
    films: int = 0
    whole: int = 0
    """Films of which every frame was seen, and no other number promised."""
    starts: int = 0
    exact: int = 0
    """Starts and ends of scenes that are the time stamps of frames."""
    upright: int = 0


def formats_figures(shared: Path, out: Path) -> list[Figure]:
    """Measure; about three minutes on two cores.

    Args:
        shared: Folder with `data/odd`.
        out: Gets the films.
    """
    os.environ.setdefault("SVT_LOG", "1")  # else the encoder of AV1 tells everything
    odd = real_data(shared, "odd")
    groups: dict[str, list[_Film]] = {}
    plans = _plans()
    frames = {plan.id: list(post_frames(plan, _SIZE)) for plan in plans}
    for variant, plan in itertools.product(_variants(), plans):
        groups.setdefault(variant.group, []).append(_encoded(variant, plan, frames[plan.id], out))
    figures = []
    for group, films in groups.items():
        figures += _judged(group, films)
    whole = [films[0].path for films in groups.values()]
    return [*figures, *_judged("real files", _real(odd)), _cut_off(whole, out)]


def _cut_off(whole: Sequence[Path], out: Path) -> Figure:
    """Cut films off after two thirds, as broken downloads are; none may pass for whole."""
    paths = []
    for path in whole:
        content = path.read_bytes()
        paths.append(out / f"off-{path.name}")
        paths[-1].write_bytes(content[: len(content) * 2 // 3])
    reasons = _analyzed(paths)["reject_reason"].to_pylist()
    told = sum((reason or "").startswith("unreadable:") for reason in reasons)
    total = len(paths)
    is_right = told == total == len(reasons)
    return Figure("films cut off, told as unreadable", f"{told} of {total}", "all", is_right)


def _analyzed(paths: Sequence[Path]) -> pa.Table:
    names = [str(path) for path in paths]
    given = pa.table({"video_id": names, "video_path": names})
    table = AnalyzeVideos(persons=None).open(Path("unused"))(given)
    return table.drop(["fingerprints", "fingerprint_times_s"])


def _plans() -> list[PostPlan]:
    plans = [
        plan
        for plan in plan_studio(Studio(num_posts=400, seed=_SEED))
        if plan.kind in {"act", "people"} and len(plan.scenes) >= 3
    ]
    plans.sort(key=lambda plan: (plan.num_frames, plan.id))
    soft = [plan for plan in plans if any(plan.dissolves)]
    hard = [plan for plan in plans if not any(plan.dissolves)]
    return [*soft[: _NUM_POSTS // 2], *hard[: _NUM_POSTS // 2]]


def _times_s(stamps: str, count: int) -> list[Fraction]:
    if stamps != "variable":
        return [Fraction(index, int(stamps)) for index in range(count)]
    # A phone in the dark: 30 frames a second, now and then half as many, and one long gap.
    rng = np.random.default_rng(7)
    times, now = [], Fraction(0)
    for index in range(count):
        times.append(now)
        slow = (index // 20) % 3 == 2
        now += Fraction(int(rng.integers(1, 3)) if slow else 1, 30)
        now += Fraction(1, 3) if index == count // 2 else 0
    return times


def _encoded(variant: _Variant, plan: PostPlan, frames: Sequence[np.ndarray], out: Path) -> _Film:
    times_s = _times_s(variant.stamps, len(frames))
    name = f"{variant.coding.name}-{variant.stamps}-{variant.turn_deg}".replace(" ", "")
    path = out / f"{name}-{plan.id}.{variant.coding.ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        beside = path.with_name(f"part-{path.name}")
        turned = [np.rot90(frame, -variant.turn_deg // 90) for frame in frames]
        _write(beside, turned, times_s, variant)
        beside.replace(path)
    starts = np.cumsum([0, *(scene.num_frames for scene in plan.scenes)])[:-1]
    seconds = [float(times_s[start]) for start in starts]
    cuts = [second for second, soft in zip(seconds, plan.dissolves, strict=True) if not soft][1:]
    soft = [
        (float(times_s[start - length // 2]), float(times_s[start + length // 2]))
        for start, length in zip(starts, plan.dissolves, strict=True)
        if length
    ]
    is_sure = variant.stamps != "60"
    return _Film(path, tuple(cuts), tuple(soft), len(frames), _SIZE, is_sure)


def _write(
    path: Path, frames: Sequence[np.ndarray], times_s: Sequence[Fraction], variant: _Variant
) -> None:
    coding = variant.coding
    base = Fraction(1, 600)
    with scheduling_kept(), av.open(str(path), "w") as container:
        rate = 60 if variant.stamps == "60" else 30 if variant.stamps == "variable" else 25
        stream = container.add_stream(coding.codec, rate=rate, options=dict(coding.options))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = coding.pixel_format
        stream.thread_count = 1
        stream.codec_context.time_base = base
        if variant.turn_deg:
            stream.set_display_rotation(variant.turn_deg)
        for picture, time_s in zip(frames, times_s, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(time_s / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _real(odd: Path) -> list[_Film]:
    """Return the real files, labelled by eye; those of test pictures have no cut."""
    second = 1001 / 24000
    return [
        _Film(odd / "bt2020_10bit.mp4", (), (), 60, (320, 240)),
        _Film(odd / "goldeneye-vfr-drop3.mp4", (90 * second, 210 * second), (), 160, (1280, 544)),
        _Film(odd / "issue-134-rotate.mp4", (90 * second, 210 * second), (), 240, (544, 1280)),
        _Film(odd / "issue-236-split-copy.mkv", (), (), 48, (1920, 1080)),
        _Film(odd / "nasa_13013_hdr.mp4", (202 / 25,), ((127 / 25, 147 / 25),), 325, (320, 180)),
        _Film(odd / "testsrc2_h265.mp4", (), (), 60, (1280, 720)),
        _Film(odd / "testsrc2_odd_height_and_width_vp9.mp4", (), (), 25, (321, 241)),
        _Film(odd / "testsrc2_vp8.webm", (), (), 30, (1280, 720)),
    ]


def _judged(group: str, films: Sequence[_Film]) -> list[Figure]:
    tally = _Tally()
    rows = _analyzed([film.path for film in films]).to_pylist()
    for film in films:
        here = [row for row in rows if row["video_id"] == str(film.path)]
        _count(tally, film, [row for row in here if row["reject_reason"] is None])
    count = f"{len(films)} films"
    told = f"{tally.right} of {tally.cuts}, {tally.wrong} wrong"
    is_right = tally.right == tally.cuts and not tally.wrong
    figures = [Figure(f"{group}, {count}: cuts at the very frame", told, "all, 0", is_right)]
    if tally.dissolves:
        told = f"{tally.dissolved} of {tally.dissolves}"
        figures.append(
            Figure(f"{group}: dissolves", told, "all", tally.dissolved == tally.dissolves)
        )
    exact = f"{tally.whole} of {tally.films}, {tally.exact} of {tally.starts}, {tally.upright}"
    is_exact = tally.films == tally.whole == tally.upright and tally.exact == tally.starts
    name = f"{group}: whole films, bounds at a frame's stamp, upright films"
    return [*figures, Figure(name, exact, "all", is_exact)]


def _count(tally: _Tally, film: _Film, rows: Sequence[Row]) -> None:
    tally.films += 1
    tally.cuts += len(film.cuts_s)
    if not rows:
        return
    stamps = _stamps_s(film.path)
    seen, promised = rows[0]["num_frames_seen"], rows[0]["num_frames_promised"]
    tally.whole += seen == film.num_frames == len(stamps) and promised in {None, seen}
    tally.upright += (rows[0]["width_px"], rows[0]["height_px"]) == film.size
    found = [row["start_s"] for row in rows[1:]]
    bounds = [row["start_s"] for row in rows] + [row["end_s"] for row in rows[:-1]]
    tally.starts += len(bounds)
    tally.exact += sum(float(np.abs(stamps - bound).min()) <= _LATE_S for bound in bounds)
    for start_s, end_s in film.dissolves_s:
        inside = [time for time in found if start_s - _DISSOLVE_S <= time <= end_s + _DISSOLVE_S]
        found = [time for time in found if time not in inside]
        if film.is_dissolve_sure:
            tally.dissolves += 1
            tally.dissolved += len(inside) == 1
    # Some containers count in milliseconds.
    right = sum(any(abs(time - cut) <= _LATE_S for time in found) for cut in film.cuts_s)
    tally.right += right
    tally.wrong += len(found) - right


def _stamps_s(path: Path) -> np.ndarray:
    """Return the time stamps of all frames, from the first one's on, by a plain decode."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        stamps = [frame.pts for frame in container.decode(stream) if frame.pts is not None]
        return np.array([float((stamp - stamps[0]) * stream.time_base) for stamp in stamps])
