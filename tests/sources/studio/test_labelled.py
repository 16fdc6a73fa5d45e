from pathlib import Path

import av
import pytest
from pydantic import ValidationError

from hashtag2action.errors import ManifestError
from hashtag2action.sources.studio.labelled import LabelledStudio, render_labelled

TINY = LabelledStudio(
    classes=("waving", "pushups"),
    num_clips_per_class_train=2,
    num_clips_per_class_test=1,
    width_px=64,
    height_px=80,
)


def test_clips_lie_in_folders_of_splits_and_classes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    root = render_labelled(TINY, tmp_path / "set", on_progress=lambda *step: told.append(step))
    clips = sorted(path.relative_to(root).parts[:2] for path in root.rglob("*.mp4"))
    assert (
        clips
        == [("test", "pushups"), ("test", "waving")]
        + [("train", "pushups")] * 2
        + [("train", "waving")] * 2
    )
    assert told[-1] == (6, 6)
    for path in root.rglob("*.mp4"):
        with av.open(str(path)) as container:
            num_frames = sum(1 for _ in container.decode(video=0))
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == (64, 80)
        assert 2.5 * 25 <= num_frames <= 4 * 25


def test_other_settings_are_refused(tmp_path: Path) -> None:
    render_labelled(TINY.model_copy(update={"classes": ("waving",)}), tmp_path)
    with pytest.raises(ManifestError, match="other settings"):
        render_labelled(TINY, tmp_path)


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(ValidationError, match="jumpingjacks"):
        LabelledStudio(classes=("waving", "waving"))
