import hashlib
import re
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pytest
from av.video.frame import PictureType
from tests.video.films import film, number_of, numbered_frames

from hashtag2action.curate.export_clips import ExportClips, safe_name
from hashtag2action.video.decode import decode_at
from hashtag2action.video.probe import probe_video
from hashtag2action.vision.faces import FaceBlur


def export(stage: ExportClips, media: Path, **row: Any) -> dict[str, Any]:
    values = {
        "clip_id": "a-000",
        "hashtag": "squat",
        "video_sha256": None,
        "start_s": 0.4,
        "end_s": 1.2,
    }
    return stage.open(media)(pa.Table.from_pylist([values | row])).to_pylist()[0]


def test_a_clip_holds_exactly_its_span(tmp_path: Path):
    source = film(tmp_path / "a.mp4", numbered_frames(50, 128, 96), options={"crf": "10"})
    row = export(ExportClips(short_side_px=64, crf=5), tmp_path / "media", video_path=str(source))
    clip = tmp_path / "media" / row["path"]
    assert row["reject_reason"] is None
    assert row["path"] == "squat/a-000.mp4"
    assert (row["clip_start_s"], row["clip_end_s"]) == (0.0, pytest.approx(0.8))
    assert row["clip_sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    info = probe_video(clip)
    assert (info.num_frames_promised, info.width_px, info.height_px) == (20, 64, 84)
    frames = decode_at(clip, np.arange(20) / 25 + 0.01)
    numbers = np.array([number_of(frame) for frame in frames])
    assert np.abs(numbers - np.arange(10, 30)).max() < 0.9
    assert np.diff(numbers).min() > 0.4


def test_three_of_four_frames_are_ones_nobody_refers_to(tmp_path: Path):
    source = film(tmp_path / "a.mp4", numbered_frames(50, 128, 128), options={"crf": "10"})
    found = {}
    for stage in (ExportClips(), ExportClips(passable_frames=7), ExportClips(entropy="cabac")):
        media = tmp_path / f"{stage.passable_frames}-{stage.entropy}"
        row = export(stage, media, video_path=str(source), end_s=1.8)
        with av.open(str(media / row["path"])) as container:
            kinds = "".join(PictureType(frame.pict_type).name for frame in container.decode())
        assert [place for place, kind in enumerate(kinds) if kind == "I"] == [0, 16, 32]
        assert max(map(len, re.findall("B+", kinds))) == stage.passable_frames
        found[media.name] = (kinds, (media / row["path"]).stat().st_size)
    assert found["3-cavlc"][0].count("B") > 0.65 * 35
    # The same pictures, packed otherwise.
    assert found["3-cavlc"][0] == found["3-cabac"][0]
    assert found["3-cavlc"][1] != found["3-cabac"][1]


def test_spans_write_nothing(tmp_path: Path):
    source = tmp_path / "a.mp4"
    source.write_bytes(b"film")
    digest = hashlib.sha256(b"film").hexdigest()
    given = {"video_path": str(source), "video_sha256": digest}
    row = export(ExportClips(format="spans"), tmp_path / "media", **given)
    assert row["path"] == source.as_posix()
    assert (row["clip_start_s"], row["clip_end_s"], row["clip_sha256"]) == (0.4, 1.2, digest)
    assert not (tmp_path / "media").exists()


def test_a_copied_clip_says_where_its_scene_lies(tmp_path: Path):
    source = film(tmp_path / "a.mp4", numbered_frames(50), options={"crf": "10", "g": "8"})
    row = export(ExportClips(format="copy"), tmp_path / "media", video_path=str(source))
    clip = tmp_path / "media" / row["path"]
    assert row["reject_reason"] is None
    assert row["clip_sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    # Scene: frames 10 to 30; the key frame before it is frame 8.
    assert (row["clip_start_s"], row["clip_end_s"]) == (pytest.approx(0.08), pytest.approx(0.88))
    times = row["clip_start_s"] + np.arange(20) / 25 + 0.01
    wanted = decode_at(source, 0.4 + np.arange(20) / 25 + 0.01)
    np.testing.assert_array_equal(decode_at(clip, times), wanted)


def test_faces_are_covered_in_what_is_written(tmp_path: Path, detector_weights: None, shared):
    photograph = cv2.imread(str(shared("data/samples/person1.jpg")))
    assert photograph is not None
    frames = [cv2.cvtColor(photograph, cv2.COLOR_BGR2RGB)] * 12
    source = film(tmp_path / "a.mp4", frames, options={"crf": "10"})
    rows = [
        export(stage, tmp_path / name, video_path=str(source), start_s=0.0, end_s=0.4)
        for name, stage in (("kept", ExportClips()), ("covered", ExportClips(faces=FaceBlur())))
    ]
    details = []
    for name, row in zip(("kept", "covered"), rows, strict=True):
        assert row["reject_reason"] is None
        picture = decode_at(tmp_path / name / row["path"], [0.2])[0]
        # The face, at 256 of 480 pixels.
        face = picture[105:123, 96:115].astype(int)
        details.append(np.abs(np.diff(face, axis=0)).mean())
    assert details[1] < details[0] / 3


def test_faces_are_covered_only_where_pictures_are_new():
    with pytest.raises(ValueError, match="new pictures"):
        ExportClips(format="copy", faces=FaceBlur())


def test_small_odd_and_rotated_sources_become_upright_and_even(tmp_path: Path):
    frames = numbered_frames(50, 65, 97)
    source = film(tmp_path / "a.webm", frames, codec="libvpx-vp9")
    row = export(ExportClips(), tmp_path / "media", video_path=str(source))
    info = probe_video(tmp_path / "media" / row["path"])
    assert (info.width_px, info.height_px) == (96, 64)
    turned = film(tmp_path / "b.mp4", numbered_frames(50), rotation_deg=90)
    row = export(ExportClips(), tmp_path / "media", video_path=str(turned), clip_id="b-000")
    info = probe_video(tmp_path / "media" / row["path"])
    assert (info.width_px, info.height_px, info.rotation_deg) == (64, 96, 0)


def test_a_source_that_is_gone_costs_its_row(tmp_path: Path):
    row = export(ExportClips(), tmp_path / "media", video_path=str(tmp_path / "gone.mp4"))
    assert row["reject_reason"].startswith("unreadable:")
    assert row["path"] is None


def test_names_are_safe_and_differ():
    assert safe_name("squat-01_a") == "squat-01_a"
    names = ["../../etc/passwd", "a/b", "a\\b", "a b", "A-B", "a-b", "", "häkeln", "x" * 500]
    safe = [safe_name(name) for name in names]
    assert len(set(safe)) == len(names)
    assert all("/" not in name and "." not in name and len(name) < 100 for name in safe)
