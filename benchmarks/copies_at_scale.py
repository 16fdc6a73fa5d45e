"""Find the copies among very many invented fingerprints, in a process of its own.

    python -m benchmarks.copies_at_scale NUM [SEED]

Prints JSON: time, memory, what was planted and what was found. Clips last 4 to 8 s at the default
density. Their pictures follow the spectrum of natural pictures with a share in common (a bright
top, a figure in the middle), so that keys collide as those of real clips do. Planted, in per
mille: copies 50 (half cropped, a third mirrored, a third from another start), other takes at the
same place 20, clips that begin with one of 5 intros 5, still pictures 10, and copies of one clip 5.
"""

import json
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from hashtag2action.curate.deduplicate import Deduplicate
from hashtag2action.records import CLIP
from hashtag2action.vision.fingerprint import (
    COLUMN_ORDERS,
    MIRROR_SIGNS,
    NUM_WAVES,
    ROW_ORDERS,
    SAMPLES_PER_S,
    Crop,
    Fingerprint,
    crop_map,
)

_CHUNK = 10_000
_FINENESS = np.hypot(ROW_ORDERS, COLUMN_ORDERS)
_LEVELS = (40 / _FINENESS).astype(np.float32)
"""Gray levels of each wave of a natural picture, near what rendered and real clips have."""


class World:
    """Invents clips; equal seeds give equal clips."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        common = self.rng.standard_normal(NUM_WAVES).astype(np.float32)
        self.common = 0.5 * common * _LEVELS * (_FINENESS < 3)
        self.moves = [self._move() for _ in range(500)]
        self.intros = [self.place() + self._move()[:16] for _ in range(5)]
        self.viral = self.place() + self._move()[:40]

    def place(self) -> np.ndarray:
        """A picture, as waves."""
        return self.common + self.rng.standard_normal(NUM_WAVES).astype(np.float32) * _LEVELS

    def _move(self) -> np.ndarray:
        """Ten seconds of movement around a picture."""
        times = np.arange(80)[:, None] / SAMPLES_PER_S
        moved = np.zeros((80, NUM_WAVES), np.float32)
        for _ in range(6):
            speed, phase = self.rng.uniform(0.1, 1.6), self.rng.uniform(0, 6.3)
            pattern = self.rng.standard_normal(NUM_WAVES) * _LEVELS * self.rng.uniform(0.02, 0.1)
            moved += np.sin(2 * np.pi * speed * times + phase) * pattern
        return moved + 0.05 * self.rng.standard_normal(moved.shape)

    def clip(self) -> np.ndarray:
        """A clip of 4 to 8 s."""
        length = int(self.rng.integers(32, 65))
        start = int(self.rng.integers(81 - length))
        signs = self.rng.choice([-1, 1], NUM_WAVES)
        move = self.moves[self.rng.integers(len(self.moves))][start : start + length]
        return self.place() + move * signs

    def copy(self, waves: np.ndarray) -> np.ndarray:
        """A clip changed as a re-upload is."""
        if self.rng.uniform() < 0.5:
            scale = self.rng.uniform(0.85, 0.95)
            top, left = (1 - scale) * self.rng.uniform(size=2)
            waves = waves @ crop_map(Crop(scale, scale, round(top, 4), round(left, 4)))
        if self.rng.uniform() < 1 / 3:
            waves = waves * MIRROR_SIGNS
        if self.rng.uniform() < 1 / 3:
            waves = waves[int(self.rng.integers(4, 12)) :]
        noise = 0.05 * self.rng.standard_normal(waves.shape)
        return (waves * self.rng.uniform(0.8, 1.2) + noise).astype(np.float32)

    def kinds(self, num: int) -> np.ndarray:
        """What each clip is: 0 a clip of its own, 1 a copy, 2 a take, 3 intro, 4 still, 5 viral."""
        kinds = self.rng.choice(6, num, p=[0.91, 0.05, 0.02, 0.005, 0.01, 0.005])
        kinds[0] = 0
        return kinds


def write_table(num: int, seed: int, path: Path) -> tuple[dict[int, int], np.ndarray]:
    """Invent clips into an Arrow file; returns copies by their originals, and what each clip is."""
    world = World(seed)
    kinds = world.kinds(num)
    kept: list[bytes] = []
    own: list[tuple[int, bytes]] = []
    copy_of: dict[int, int] = {}
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _chunk(0, []).schema) as file:
        for index, kind in enumerate(kinds.tolist()):
            data = _data(world, kind, own, copy_of, index)
            if kind == 0 and len(own) < 100_000:
                own.append((index, data))
            kept.append(data)
            if len(kept) == _CHUNK or index == num - 1:
                file.write_table(_chunk(index + 1 - len(kept), kept))
                kept = []
    return copy_of, kinds


def _data(
    world: World, kind: int, own: list[tuple[int, bytes]], copy_of: dict[int, int], index: int
) -> bytes:
    if kind in {1, 2}:
        original, data = own[world.rng.integers(len(own))]
        waves = Fingerprint.from_bytes(data, np.zeros(0)).waves
        if kind == 1:
            copy_of[index] = original
            return _bytes(world.copy(waves))
        other = world.moves[world.rng.integers(len(world.moves))][: len(waves)]
        return _bytes(waves.mean(axis=0) + other)
    if kind == 3:
        intro = world.intros[world.rng.integers(len(world.intros))]
        return _bytes(np.concatenate([intro, world.clip()]))
    if kind == 4:
        return _bytes(np.repeat(world.place()[None], 40, axis=0))
    if kind == 5:
        return _bytes(world.copy(world.viral))
    return _bytes(world.clip())


def _bytes(waves: np.ndarray) -> bytes:
    return Fingerprint(waves.astype(np.float32), np.zeros(len(waves))).to_bytes()


def _chunk(first: int, prints: list[bytes]) -> pa.Table:
    num = [(len(data) - 4 * NUM_WAVES) // NUM_WAVES for data in prints]
    times = [np.zeros(0, np.float32)]
    times += [(np.arange(n) / SAMPLES_PER_S).astype(np.float32) for n in num]
    ends = np.cumsum([0, *num]).astype(np.int32)
    numbers = np.arange(first, first + len(prints))
    return pa.table(
        {
            "clip_id": pa.array([f"{number:09d}" for number in numbers], pa.string()),
            "created_unix_s": pa.array(numbers),
            "width_px": pa.array(np.full(len(prints), 576), pa.int32()),
            "height_px": pa.array(np.full(len(prints), 1024), pa.int32()),
            "fingerprints": pa.array(prints, pa.binary()),
            "fingerprint_times_s": pa.ListArray.from_arrays(
                pa.array(ends), pa.array(np.concatenate(times))
            ).cast(CLIP.field("fingerprint_times_s").type),
        }
    )


def main() -> None:
    """Invent, deduplicate, and print what it took."""
    num, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        measure(num, seed, Path(folder) / "clips.arrow")


def measure(num: int, seed: int, path: Path) -> None:
    """The same, with the clips in a file that is mapped into memory, as Arrow keeps tables."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:  # What it holds is not measured.
        copy_of, kinds = pool.submit(write_table, num, seed, path).result()
    inventor = resource.getrusage(resource.RUSAGE_CHILDREN)
    given = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    made = Deduplicate().open(Path("unused"))(given)
    elapsed_s = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = made["duplicate_of"].to_pylist()
    named = {index: int(name) for index, name in enumerate(found) if name is not None}
    right = sum(named.get(copy) == original for copy, original in copy_of.items())
    viral = np.flatnonzero(kinds == 5)
    # Copies of one original are copies of each other, and so are those of the one clip.
    wrong = [
        k
        for k, of in named.items()
        if copy_of.get(k) != of
        and (k not in copy_of or copy_of[k] != copy_of.get(of))
        and not kinds[k] == kinds[of] == 5
    ]
    print(
        json.dumps(
            {
                "num_clips": num,
                "num_bytes": given.nbytes,
                "elapsed_s": elapsed_s,
                "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                + workers.ru_utime + workers.ru_stime - inventor.ru_utime - inventor.ru_stime,
                "peak_bytes": 1024 * after.ru_maxrss,
                "peak_worker_bytes": 1024 * workers.ru_maxrss,
                "num_copies": len(copy_of),
                "num_right": right,
                "num_claimed": len(named),
                "num_wrong": len(wrong),
                "wrong_kinds": np.bincount(kinds[wrong], minlength=6).tolist(),
                "num_viral": len(viral),
                "num_viral_found": sum(int(k) in named for k in viral),
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
