"""Curations that are killed, bombed and moved between engines.

The runs are short (eight little films, two workers), since what matters is where they are hit.
Peak memory is what the kernel counted for the largest worker, over its whole life.
"""

import itertools
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
from tests.curate.killed_runs import (
    files_of,
    finish,
    run_to_its_end,
    run_with_kills,
    start,
    write_recipe,
    write_videos,
)
from tests.video.bombs import huge_header, png, stills, strobe

from benchmarks.figures import Figure
from hashtag2action.curate.analyze_videos import AnalyzeVideos
from hashtag2action.curate.run import run_stage
from hashtag2action.engines.base import Engine, Limits
from hashtag2action.engines.local import InlineEngine, LocalEngine
from hashtag2action.manifest import Manifest
from hashtag2action.records import REJECT_REASON

_NUM_KILLED_RUNS = 8
_KILLS_PER_RUN = 3
_LIMITS = Limits(max_seconds_per_video=20, max_memory_mb_per_video=400)
_OVERSHOOT_MB = 150
"""What a process may touch between two looks at its memory."""
_START_S = 10
"""Time to kill a worker and to start another, on a busy machine, twice."""
_MAX_PARENT_MS = 5.0
"""A twentieth of what the smallest shorts take."""


def measure(shared: Path, out: Path) -> list[Figure]:
    """Measure in a folder; figures over real footage need `shared`."""
    out.mkdir(parents=True, exist_ok=True)
    figures = _killed(out / "kills")
    figures += _in_process_of_its_own("bombs", shared, out)
    figures += _in_process_of_its_own("overhead", shared, out)
    return figures


def _killed(out: Path) -> list[Figure]:
    """Kill runs at random, and let one engine finish what another began."""
    out.mkdir(parents=True, exist_ok=True)
    videos = write_videos(out)
    recipe = write_recipe(out, videos)
    usual_s = run_to_its_end(recipe, out / "undisturbed")
    expected = files_of(out / "undisturbed")
    num_equal, hits = 0, []
    for seed in range(_NUM_KILLED_RUNS):
        folder = out / f"killed-{seed}"
        hits += run_with_kills(recipe, folder, random.Random(seed), _KILLS_PER_RUN, usual_s)
        num_equal += files_of(folder) == expected
    parents = hits.count("parent")
    bar = f"{_NUM_KILLED_RUNS} of {_NUM_KILLED_RUNS}"
    figures = [
        Figure(
            f"runs killed at random ({parents} parents, {len(hits) - parents} workers), "
            "then equal byte for byte",
            f"{num_equal} of {_NUM_KILLED_RUNS}",
            bar,
            num_equal == _NUM_KILLED_RUNS,
        )
    ]
    if find_spec("ray") is None:
        return [*figures, Figure("runs on Ray equal to local ones", "no [ray]", "2 of 2", False)]
    on_ray = write_recipe(out, videos, "ray")
    run_to_its_end(on_ray, out / "ray")
    _begin(on_ray, out / "begun_on_ray")
    run_to_its_end(recipe, out / "begun_on_ray")
    num_equal = sum(files_of(out / name) == expected for name in ("ray", "begun_on_ray"))
    name = "runs on Ray, and begun there and finished locally, equal byte for byte"
    return [*figures, Figure(name, f"{num_equal} of 2", "2 of 2", num_equal == 2)]


def _begin(recipe: Path, out: Path) -> None:
    """Run until the analysis has written a part, then kill."""
    run = start(recipe, out)
    while run.poll() is None and not list((out / "03-analyze_videos" / "kept").glob("part-*")):
        time.sleep(0.02)
    if run.poll() is None:
        run.kill()
        run.communicate()
    else:
        finish(run)


def _in_process_of_its_own(name: str, shared: Path, out: Path) -> list[Figure]:
    command = [sys.executable, "-m", __name__, name, str(shared), str(out / name)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return [Figure(**values) for values in json.loads(told)]


def _write_bombs(folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "header of 100,000 x 100,000 in Matroska": huge_header(folder / "a.mkv"),
        "the same in AVI": huge_header(folder / "a.avi"),
        "header of 65,000 x 65,000 in MP4": huge_header(folder / "a.mp4", 65_000, 65_000),
        "PNG of 192 megapixels": png(folder / "a.png", 16_000, 12_000),
        "PNG of 64 megapixels": png(folder / "b.png", 8_000, 8_000),
        "ten pictures in ten hours": stills(folder / "b.mkv", 10, Fraction(3600)),
        "ten hours at a picture a second": stills(folder / "c.mkv", 10, Fraction(1)),
        "ten hours at 25 pictures a second": stills(
            folder / "d.mkv", 10, Fraction(1, 25), codec="mpeg4"
        ),
        "strobe of a thousand pictures": strobe(folder / "b.mp4", 1000),
        "a thousand scenes of 8 pictures": strobe(folder / "c.mp4", 1000, 8),
    }


def _bombs(_: Path, out: Path) -> list[Figure]:
    videos = _write_bombs(out / "videos")
    told_s = [time.monotonic()]
    made = _analyze(
        list(videos.values()),
        out / "run",
        LocalEngine(num_workers=1),
        lambda *_: told_s.append(time.monotonic()),
    )
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    longest_s = max(later - earlier for earlier, later in itertools.pairwise(told_s))
    ended = {
        row["video_id"] for side in ("kept", "rejected") for row in made.read(side).to_pylist()
    }
    reasons = ", ".join(f"{name} {count}" for name, count in made.receipt()["reasons"].items())
    assert _LIMITS.max_seconds_per_video is not None
    assert _LIMITS.max_memory_mb_per_video is not None
    most_s = 2 * _LIMITS.max_seconds_per_video + _START_S
    most_mb = _LIMITS.max_memory_mb_per_video + _OVERSHOOT_MB
    return [
        Figure(
            f"bombs that end as rows ({reasons}; the others kept)",
            f"{len(ended)} of {len(videos)}",
            f"{len(videos)} of {len(videos)}",
            len(ended) == len(videos),
        ),
        Figure(
            f"bombs: peak memory of a worker, limit {_LIMITS.max_memory_mb_per_video} MiB",
            f"{peak_mb} MiB",
            f"<= {most_mb} MiB",
            peak_mb <= most_mb,
        ),
        Figure(
            f"bombs: longest time, tried twice at a limit of {_LIMITS.max_seconds_per_video:.0f} s",
            f"{longest_s:.1f} s",
            f"<= {most_s:.0f} s",
            longest_s <= most_s,
        ),
    ]


def _overhead(shared: Path, out: Path) -> list[Figure]:
    """Measure what handing out rows costs, in CPU time of the parent beside that of its worker."""
    videos = sorted((shared / "data" / "shorts" / "videos").glob("*.mp4"))[:80]
    if not videos:
        print(f"no real footage in {shared}/data/shorts/videos", file=sys.stderr)
        return [Figure("isolation: CPU time of the parent", "no footage", "", False)]
    _analyze(videos[:1], out / "warm", InlineEngine(), lambda *_: None)
    began = resource.getrusage(resource.RUSAGE_SELF)
    _analyze(videos, out / "run", LocalEngine(num_workers=1), lambda *_: None)
    ended = resource.getrusage(resource.RUSAGE_SELF)
    worker = resource.getrusage(resource.RUSAGE_CHILDREN)
    parent_s = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    share = parent_s / (parent_s + worker.ru_utime + worker.ru_stime)
    parent_ms = 1000 * parent_s / len(videos)
    return [
        Figure(
            "isolation: CPU time of the parent a video, and its share of the whole analysis",
            f"{parent_ms:.1f} ms, {share:.1%}",
            f"<= {_MAX_PARENT_MS:.0f} ms",
            parent_ms <= _MAX_PARENT_MS,
        )
    ]


def _analyze(
    videos: list[Path], out: Path, engine: Engine, on_row: Callable[[str, int, int], None]
) -> Manifest:
    parent = Manifest(out / "02-videos")
    parent.begin("videos", "k", "", {})
    ids = [path.name for path in videos]
    kept = pa.table({"video_id": ids, "video_path": [path.as_posix() for path in videos]})
    rejected = kept.slice(0, 0).append_column(REJECT_REASON, pa.array([], pa.string()))
    parent.write_part("part-00000", kept, rejected)
    parent.finish(len(videos))
    stage = AnalyzeVideos(persons=None)
    return run_stage(stage, parent, out / "03-analyze_videos", engine, on_row, _LIMITS)


if __name__ == "__main__":
    what = {"bombs": _bombs, "overhead": _overhead}[sys.argv[1]]
    found = what(Path(sys.argv[2]), Path(sys.argv[3]))
    print(json.dumps([vars(figure) for figure in found]))
