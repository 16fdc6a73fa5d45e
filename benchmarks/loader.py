"""How fast clips are loaded, against other decoders in the same loader, on real footage.

Two workers, 16 frames x stride 4 at 224 px. Every way runs in a process of its own, one after the
other and the whole round again; the least CPU time of a way counts, as other work of a machine only
ever adds. `make bench-training` installs decord2 and torchcodec into a folder of their own: in the
environment itself, other packages would begin to use them.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import pyarrow as pa

from benchmarks.figures import Figure
from benchmarks.speed_footage import shorts
from hashtag2action.curate.export_clips import ExportClips

PACKAGES = Path("runs/bench-packages")
"""Where the peers are installed."""
NUM_FILES = 24
ROUNDS = 3
PEERS = ("decord", "torchcodec")
MIN_TIMES = {"clips": 1.5, "uploads": 1.15}
MIN_REPEATED_TIMES, MIN_VIEWS_TIMES = 3.0, 8.0
REPEATS = 4
NUM_CLIPS = {"clips": 384, "uploads": 64}
NUM_VIEWED = 12
MAX_LEVEL_DIFFERENCE = 1.0
"""Of mean levels of what two ways load: more would mean other frames."""
NAMES = {"clips": "clips as curate encodes them", "uploads": "uploads of 576x1024, gop 250"}

Took = dict[str, float]


def measure(shared: Path, out: Path) -> list[Figure]:
    """Measure all ways on both kinds of footage."""
    lacking = [name for name in PEERS if not (PACKAGES / name).is_dir()]
    if lacking:
        raise SystemExit(f"{PACKAGES}: no {', '.join(lacking)} there; make bench-training installs")
    out.mkdir(parents=True, exist_ok=True)
    folders = {"clips": curated(shared, out), "uploads": uploads(shared, out)}
    figures = []
    for kind, folder in folders.items():
        figures += _loading(kind, folder, out)
    return figures + _views(folders["clips"], out)


def curated(shared: Path, out: Path) -> Path:
    """Return clips as the export of a curation encodes them."""
    folder = out / "curated"
    if not folder.exists():
        rows = [
            {
                "clip_id": name,
                "hashtag": "all",
                "video_path": str(path),
                "video_sha256": None,
                "start_s": scene["start_s"],
                "end_s": scene["end_s"],
            }
            for name, path, scene in _scenes(shared)
        ]
        made = ExportClips().open(out / "part-curated")(pa.Table.from_pylist(rows))
        assert made["reject_reason"].null_count == len(rows), "real footage is readable"
        (out / "part-curated").rename(folder)
    return folder


def uploads(shared: Path, out: Path) -> Path:
    """Return whole shorts as platforms encode them, key frames 250 apart."""
    shorts(shared, out)
    return out / "shorts"


def _scenes(shared: Path) -> Iterator[tuple[str, Path, dict[str, float]]]:
    folder = shared / "data" / "shorts"
    if not folder.exists():
        raise SystemExit(f"{folder}: not here; give the folder of real data with --shared")
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    names = [name for name, post in sorted(truth.items()) if post.get("scenes")]
    names = [name for name in names if truth[name].get("readable", True)]
    for name in names[:NUM_FILES]:
        scenes = truth[name]["scenes"]
        longest = max(scenes, key=lambda scene: scene["end_s"] - scene["start_s"])
        yield name, folder / "videos" / f"{name}.mp4", longest


def _loading(kind: str, folder: Path, out: Path) -> list[Figure]:
    ways = [(decoder, 1) for decoder in ("ours", *PEERS)]
    if kind == "clips":
        ways.append(("ours", REPEATS))
    took = _rounds([("load", decoder, folder, NUM_CLIPS[kind], n) for decoder, n in ways], out)
    own = took[0]
    name, least = NAMES[kind], MIN_TIMES[kind]
    each_ms = own["cpu_s"] / NUM_CLIPS[kind] * 1000
    figures = [Figure(f"{name}: CPU ms a sample", f"{each_ms:.1f}", "shown", True)]
    for peer, other in zip(PEERS, took[1:3], strict=True):
        figures.append(_times(f"{name}: clips/s, times {peer}", other, own, 1, least))
    if kind == "clips":
        figures.append(
            _times(
                f"{REPEATS} samples of a clip: samples/s, times decord each",
                took[1],
                took[3],
                REPEATS,
                MIN_REPEATED_TIMES,
            )
        )
    return figures


def _views(folder: Path, out: Path) -> list[Figure]:
    ways = [("views", decoder, folder, NUM_VIEWED, 1) for decoder in ("ours", "decord")]
    own, official = _rounds(ways, out)
    name = "5 x 3 views: videos/s, times 15 decodes each"
    return [_times(name, official, own, 1, MIN_VIEWS_TIMES)]


def _times(name: str, other: Took, own: Took, factor: int, least: float) -> Figure:
    cpu = factor * other["cpu_s"] / own["cpu_s"]
    wall = factor * other["wall_s"] / own["wall_s"]
    return Figure(name, f"{cpu:.2f} (wall {wall:.2f})", f">= {least:g}", cpu >= least)


def _rounds(ways: list[tuple[str, str, Path, int, int]], out: Path) -> list[Took]:
    runs: list[list[Took]] = [[] for _ in ways]
    for _ in range(ROUNDS):
        for way, found in zip(ways, runs, strict=True):
            found.append(_run(*way, out))
    # Repeated samples have other crops of the same frames.
    levels = [found[0]["level"] for way, found in zip(ways, runs, strict=True) if way[-1] == 1]
    apart = max(levels) - min(levels)
    assert apart < MAX_LEVEL_DIFFERENCE, f"ways load other frames: mean levels {levels}"
    return [{name: min(run[name] for run in found) for name in found[0]} for found in runs]


def _run(mode: str, decoder: str, folder: Path, num_clips: int, repeats: int, out: Path) -> Took:
    command = [sys.executable, "-m", "benchmarks.loader_runs", mode, decoder, str(folder)]
    command += ["--clips", str(num_clips), "--repeats", str(repeats)]
    paths = [os.environ.get("PYTHONPATH", ""), str(PACKAGES.absolute())]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    if decoder == "torchcodec":
        # It looks for FFmpeg's libraries by their plain names; PyAV brings them under others.
        environment["LD_LIBRARY_PATH"] = str(_plain_names(out))
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)}: {ran.stderr.strip()[-2000:]}")
    return json.loads(ran.stdout.splitlines()[-1])


def _plain_names(out: Path) -> Path:
    folder = out / "ffmpeg"
    folder.mkdir(exist_ok=True)
    for library in (Path(av.__file__).parent.parent / "av.libs").glob("lib*"):
        plain = re.sub(r"-[0-9a-f]{8}(\.so\.\d+).*", r"\1", library.name)
        for name in {library.name, plain}:
            if not (folder / name).exists():
                (folder / name).symlink_to(library)
    return folder
