from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.video.films import film, number_of, numbered_frames

from hashtag2action.curate.watch import Meter, Pace, Sight, Span, Watch
from hashtag2action.video.walk import Walk, walk_video
from hashtag2action.vision.scenes import AdaptiveScenes


def test_pace_begins_anew_after_an_abrupt_change():
    pace = Pace(0.5, (0.1, 0.35, 0.6))
    times = np.arange(100) / 25
    due = [time for time in times if pace.is_due(time, is_abrupt=time in (0.0, 2.0))]
    np.testing.assert_allclose(due[:4], [0.12, 0.36, 0.6, 1.12], atol=0.021)
    np.testing.assert_allclose(
        [time for time in due if time > 2][:3], [2.12, 2.36, 2.6], atol=0.021
    )


class _Numbers(Meter):
    """Reads the number of every picture, and how far the walk is ahead of it."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.numbers: list[float] = []
        self.times_s: list[float] = []
        self.ahead: list[int] = []

    def add(self, sight: Sight) -> None:
        self.numbers.append(number_of(sight.frame.rgb(640)))
        self.times_s.append(sight.time_s)
        self.ahead.append(self._walk.num_frames_seen - len(self.numbers))

    def between(self, span: Span) -> dict[str, Any]:
        return {}


@pytest.mark.parametrize(("size", "most_ahead"), [((96, 64), 15), ((1024, 576), 9)])
def test_pictures_that_wait_for_others_are_shown_whole_and_in_order(
    tmp_path: Path, size: tuple[int, int], most_ahead: int
) -> None:
    path = film(tmp_path / "numbers.mp4", numbered_frames(37, *size))
    with walk_video(path) as walk:
        seen = _Numbers(walk)
        Watch(walk, [seen], AdaptiveScenes().open()()).run()
    np.testing.assert_allclose(seen.numbers, np.arange(37), atol=0.5)
    np.testing.assert_allclose(seen.times_s, np.arange(37) / 25)
    assert max(seen.ahead) == most_ahead
