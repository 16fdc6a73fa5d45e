import json
from pathlib import Path

import pytest

from hashtag2action.data.frames import DecodeOnDemand, FrameReader
from hashtag2action.data.loader import BatchPlan, ClipBatches, Sampling
from hashtag2action.data.something import SomethingClips
from hashtag2action.data.transforms import RandomResizedCrop
from hashtag2action.errors import ConfigError


@pytest.fixture(params=["", "something-something-v2-"])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A release of three videos and two classes, under either kind of names."""
    numbers = {"Pushing something from left to right": "1", "Holding something": "0"}
    train = [
        {
            "id": "7",
            "label": "holding a cup",
            "template": "Holding [something]",
            "placeholders": ["a cup"],
        },
        {
            "id": "9",
            "label": "pushing a pen from left to right",
            "template": "Pushing [something] from left to right",
            "placeholders": ["a pen"],
        },
    ]
    for name, value in (("labels", numbers), ("train", train), ("test", [{"id": "11"}])):
        (tmp_path / f"{request.param}{name}.json").write_text(json.dumps(value))
    answers = tmp_path / f"{request.param}test-answers.csv"
    answers.write_text("11;Pushing something from left to right\n")
    for video in ("7", "9", "11"):
        (tmp_path / f"{video}.webm").touch()
    return tmp_path


def test_templates_without_brackets_are_the_classes(release: Path) -> None:
    found = SomethingClips(root=release, lists=release).read()
    assert found.class_names == ("Holding something", "Pushing something from left to right")
    assert [(clip.clip_id, clip.label) for clip in found.clips] == [("7.webm", 0), ("9.webm", 1)]
    test = SomethingClips(root=release, lists=release, subset="test").read()
    assert [(clip.clip_id, clip.label) for clip in test.clips] == [("11.webm", 1)]
    assert test.is_test


def test_mirroring_is_refused(release: Path) -> None:
    clips = SomethingClips(root=release, lists=release).read()
    plan, reader = BatchPlan(num_clips=2, clips_per_step=2), FrameReader(DecodeOnDemand())
    with pytest.raises(ConfigError, match="left from right"):
        ClipBatches(clips, plan, reader, Sampling(), RandomResizedCrop(), 16)
    ClipBatches(clips, plan, reader, Sampling(), RandomResizedCrop(flip=False), 16)


def test_what_is_missing_is_named(release: Path) -> None:
    (release / "9.webm").unlink()
    with pytest.raises(ConfigError, match=r"no 9\.webm, which the train list names"):
        SomethingClips(root=release, lists=release).read()
    with pytest.raises(ConfigError, match=r"no validation\.json"):
        SomethingClips(root=release, lists=release, subset="validation").read()
