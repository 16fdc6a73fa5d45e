"""What is timed, one process each: `python -m benchmarks.speed_runs MODE FILE...` prints JSON.

CPU time is that of the work alone: packages are imported and detectors opened before the clock
starts, and every library is held to one thread. With `--turns` the process stays, and does the work
again for every line it is given, so that several can take turns.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import pyarrow as pa
from av.codec.context import ThreadType
from threadpoolctl import threadpool_limits

from benchmarks.plain_decode import decode_all
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.select_clips import SelectClips
from hashtag2action.engines.base import Limits
from hashtag2action.engines.local import LocalEngine
from hashtag2action.video.copy import copy_clip
from hashtag2action.vision.persons import Persons

Row = dict[str, Any]
Work = Callable[[], list[Row]]


def main() -> int:
    """Run one mode and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", action="store_true", help="once for each line of standard input")
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        work = MODES[given.mode](given.files)
        if given.mode in WARMED:
            work()
        for _ in sys.stdin if given.turns else [""]:
            print(json.dumps(_timed(work)), flush=True)
    return 0


def _timed(work: Work) -> dict[str, Any]:
    cpu_s, wall_s = time.process_time(), time.monotonic()
    rows = work()
    cpu_s, wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
    return {"cpu_s": cpu_s, "wall_s": wall_s, "peak_mib": _peak_mib(), "rows": rows}


def _peak_mib() -> float:
    # Not ru_maxrss: that begins at what the starting process had.
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def plain_decode(files: list[Path]) -> Work:
    """Every picture by PyAV with default flags, one thread, and nothing else."""

    def work() -> list[Row]:
        decode_all(files)
        return []

    return work


def analysis(files: list[Path], *, persons: bool) -> Work:
    """The third stage as it is by default, with or without its person detector."""
    stage = AnalyzeVideos() if persons else AnalyzeVideos(persons=None)
    transform = stage.open(Path("unused"))
    return lambda: _scenes(transform(_table(files)))


def ours(files: list[Path]) -> Work:
    """Analysis, selection and the clips that remain, copied at key frames."""
    transform = AnalyzeVideos().open(Path("unused"))
    select = SelectClips(scenes="all").open(Path("unused"))

    def work() -> list[Row]:
        made = select(transform(_table(files)).drop_columns(["reject_reason"]))
        rows = made.to_pylist()
        for number, row in enumerate(rows):
            if row["reject_reason"] is None:
                target = Path(row["video_path"]).with_suffix(f".ours-{number}.mp4")
                source = Path(row["video_path"])
                copy_clip(source, target, row["start_s"], row["end_s"]).path.unlink()
        return _scenes(made)

    return work


def theirs(files: list[Path], *, reencode: bool) -> Work:
    """Three passes: PySceneDetect adaptive, our detector at 2 frames/s, cuts by x264 or copies."""
    os.environ["OPENCV_FFMPEG_THREADS"] = "1"
    from scenedetect import AdaptiveDetector, detect

    stage = AnalyzeVideos()
    assert stage.persons is not None, "the default looks for persons"
    detector, min_score = stage.persons.open(), stage.persons.min_score
    rule = SelectClips()

    def one(file: Path) -> list[Row]:
        found = detect(str(file), AdaptiveDetector(), start_in_scene=True)
        seen: list[tuple[float, Persons]] = []
        with av.open(str(file)) as container:
            decoder = container.streams.video[0].codec_context
            decoder.thread_type = ThreadType.NONE
            decoder.thread_count = 1
            due_s = 0.25
            for frame in container.decode(video=0):
                if (frame.time or 0.0) < due_s - 1e-3:
                    continue
                due_s += 0.5
                scale = stage.person_long_side_px / max(frame.width, frame.height)
                width, height = round(frame.width * scale), round(frame.height * scale)
                picture = frame.reformat(width, height, "rgb24", interpolation="AREA")
                seen += [(frame.time or 0.0, p) for p in detector.detect([picture.to_ndarray()])]
        rows = []
        for index, (start, end) in enumerate(found):
            start_s, end_s = start.seconds, end.seconds
            hits = [p.count(min_score) > 0 for time_s, p in seen if start_s <= time_s < end_s]
            has_person = bool(hits) and sum(hits) / len(hits) >= rule.min_person_fraction
            rows.append(
                {
                    "video_id": file.stem,
                    "scene_index": index,
                    "start_s": start_s,
                    "end_s": end_s,
                    "frame_rate": 30.0,
                    "has_person": has_person,
                }
            )
            if has_person and end_s - start_s >= rule.min_duration_s:
                target = file.with_suffix(f".theirs-{index}.mp4")
                (_encode_span if reencode else copy_clip)(file, target, start_s, end_s)
                target.unlink()
        return rows

    return lambda: [row for file in files for row in one(file)]


def _encode_span(source: Path, target: Path, start_s: float, end_s: float) -> None:
    """Cut one span with the settings PySceneDetect gives ffmpeg: x264, veryfast, crf 22."""
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        video = container.streams.video[0]
        video.codec_context.thread_type = ThreadType.NONE
        video.codec_context.thread_count = 1
        options = {"preset": "veryfast", "crf": "22"}
        stream = out.add_stream("libx264", rate=video.average_rate, options=options)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        stream.thread_count = 1
        container.seek(int(start_s * av.time_base))
        for frame in container.decode(video):
            if (frame.time or 0.0) >= end_s - 1e-3:
                break
            if (frame.time or 0.0) >= start_s - 1e-3:
                frame.pts = None
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def workers(files: list[Path], *, count: int) -> Work:
    """The same videos by the local engine with some workers; what matters is the wall clock."""

    def work() -> list[Row]:
        engine = LocalEngine(num_workers=count)
        done = sum(rows for _, rows in engine.map(_open_worker, files, Limits()))  # pyright: ignore
        return [{"num_scenes": done}]

    return work


def _open_worker() -> Callable[[Path], int]:
    transform = AnalyzeVideos().open(Path("unused"))
    return lambda file: transform(_table([file])).num_rows


def _table(files: list[Path]) -> pa.Table:
    paths = [file.as_posix() for file in files]
    return pa.table({"video_id": [file.stem for file in files], "video_path": paths})


def _scenes(table: pa.Table) -> list[Row]:
    columns = ("video_id", "scene_index", "start_s", "end_s", "frame_rate", "has_person")
    return table.select([name for name in columns if name in table.column_names]).to_pylist()


WARMED = ("decode", "analysis", "persons")
"""Modes that are run once before the clock starts: a worker sees thousands of videos, and what
the first one costs beside (libraries that load and choose their ways) is not what is asked."""

MODES: dict[str, Callable[[list[Path]], Work]] = {
    "decode": plain_decode,
    "analysis": partial(analysis, persons=False),
    "persons": partial(analysis, persons=True),
    "long": partial(analysis, persons=True),
    "ours": ours,
    "theirs": partial(theirs, reencode=True),
    "theirs-copies": partial(theirs, reencode=False),
    "workers-1": partial(workers, count=1),
    "workers-2": partial(workers, count=2),
}


if __name__ == "__main__":
    sys.exit(main())
