from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from tests.curate.test_deduplicate import table_of
from tests.vision.copied_films import arm_deg, film, picture, print_of

from hashtag2action.curate.deduplicate import Deduplicate
from hashtag2action.curate.references import OVERLAP, Reference, overlaps_of, reference_prints
from hashtag2action.errors import ConfigError
from hashtag2action.manifest import Manifest
from hashtag2action.video.encode import write_video
from hashtag2action.vision.fingerprint import NUM_WAVES, Fingerprint
from hashtag2action.vision.neighbors import FingerprintMatcher


def write(path: Path, place: int, num_frames: int = 100) -> None:
    """A small video of the film of a place, as a benchmark keeps it."""
    frames = (picture(place, arm_deg(k / 25)) for k in range(num_frames))
    small = (cv2.resize(frame, (100, 180), interpolation=cv2.INTER_AREA) for frame in frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, (np.repeat(frame[..., None], 3, axis=2) for frame in small), 25)


@pytest.fixture
def benchmark(tmp_path: Path) -> Reference:
    write(tmp_path / "bench" / "wave" / "one.mp4", 1)
    write(tmp_path / "bench" / "wave" / "two.mp4", 2)
    (tmp_path / "bench" / "broken.mp4").write_bytes(b"")
    return Reference(name="bench", folder=tmp_path / "bench")


def judge(reference: Reference, tmp_path: Path, **prints: Fingerprint) -> list[dict[str, Any]]:
    stage = Deduplicate(workers=1, references=(reference,), reference_cache=tmp_path / "cache")
    given = table_of(*((name, k, 50, found) for k, (name, found) in enumerate(prints.items())))
    return stage.open(Path("unused"))(given).to_pylist()


def test_what_a_benchmark_shows_leaves_and_names_its_file(benchmark: Reference, tmp_path: Path):
    rows = judge(benchmark, tmp_path, whole=print_of(film(1)), stranger=print_of(film(3)))
    assert [row["reject_reason"] for row in rows] == ["overlaps:bench", None]
    assert rows[0]["overlap_of"] == "bench:wave/one.mp4"
    assert rows[0]["overlap_distance"] < 0.1
    assert rows[1]["overlap_of"] is None


def test_a_part_of_either_is_an_overlap(benchmark: Reference, tmp_path: Path):
    part = print_of(film(1, start_s=0.8, length_s=2.5))
    longer = print_of([*film(4, length_s=1), *film(2, length_s=4), *film(5, length_s=1)])
    rows = judge(benchmark, tmp_path, part=part, longer=longer)
    assert [row["overlap_of"] for row in rows] == ["bench:wave/one.mp4", "bench:wave/two.mp4"]


def test_fingerprints_are_made_once(benchmark: Reference, tmp_path: Path):
    first = reference_prints(benchmark, tmp_path / "cache")
    assert first["file"].to_pylist() == ["wave/one.mp4", "wave/two.mp4"]
    (part,) = (tmp_path / "cache").rglob("part-*.parquet")
    stamp = part.stat().st_mtime_ns
    assert reference_prints(benchmark, tmp_path / "cache").equals(first)
    assert part.stat().st_mtime_ns == stamp
    write(tmp_path / "bench" / "wave" / "three.mp4", 3)
    assert reference_prints(benchmark, tmp_path / "cache").num_rows == 3


def test_a_folder_without_videos_is_a_wrong_recipe(tmp_path: Path):
    with pytest.raises(ConfigError, match="no videos for the reference 'empty'"):
        reference_prints(Reference(name="empty", folder=tmp_path), tmp_path / "cache")


def test_a_run_lists_its_overlaps(benchmark: Reference, tmp_path: Path):
    rows = judge(benchmark, tmp_path, a=print_of(film(1)), b=print_of(film(3)))
    made = Manifest(tmp_path / "run" / "05-deduplicate")
    made.begin("deduplicate", "k", "", {})
    tables = [pa.Table.from_pylist(rows[k : k + 1]) for k in (1, 0)]
    made.write_part("part-00000", *tables)
    assert [row["clip_id"] for row in overlaps_of(tmp_path / "run")] == ["a"]


def test_an_overlap_may_depart_by_more_than_a_copy():
    whole, part = print_of(film(1)), print_of(film(1, start_s=1.25, length_s=3.75))
    noise = np.random.default_rng(0).standard_normal(part.waves.shape)
    noise *= 1.5 / np.sqrt(np.arange(1, NUM_WAVES + 1))
    noisy = Fingerprint((part.waves + noise).astype(np.float32), part.times_s)
    assert FingerprintMatcher().match(whole, noisy) is None
    assert OVERLAP.match(whole, noisy) is not None
    assert not any(OVERLAP.match(whole, print_of(film(place))) for place in (2, 3, 4))
