"""The hard side of the rendered world: the same stories, seen with trouble."""

from dataclasses import replace

import numpy as np
import pytest

from hashtag2action.sources.studio.hard import Trouble
from hashtag2action.sources.studio.platform import Studio, plan_studio
from hashtag2action.sources.studio.posts import truth_of
from hashtag2action.sources.studio.scene import Scene, scene_frames

SIZE = (90, 160)


def _frames(scene: Scene) -> np.ndarray:
    return np.stack(list(scene_frames(scene, SIZE)))


def test_a_hard_platform_tells_the_same_stories_with_trouble() -> None:
    easy, hard = (plan_studio(Studio(num_posts=80, seed=3, is_hard=hard)) for hard in (False, True))
    assert [plan.id for plan in easy] == [plan.id for plan in hard]
    kinds = {scene.kind for plan in hard for scene in plan.scenes}
    assert {"dog", "pattern", "person", "hands"} <= kinds
    labels = {scene.trouble.label for plan in hard for scene in plan.scenes}
    assert {"", "dark", "small", "covered", "dark+small"} <= labels
    assert not any(scene.trouble.label for plan in easy for scene in plan.scenes)
    assert sum(map(bool, _dissolves(hard))) > sum(map(bool, _dissolves(easy)))


def _dissolves(plans: list) -> list[int]:
    return [length for plan in plans for length in plan.dissolves]


def test_the_truth_names_the_trouble_and_the_animal() -> None:
    plans = plan_studio(Studio(num_posts=80, seed=3, is_hard=True))
    lines = [line for plan in plans for line in truth_of(plan)["scenes"]]
    assert any(line.get("trouble") == "dark" and line["who"] == "person" for line in lines)
    assert {line["who"] for line in lines if line.get("shows") == "dog"} == {"nobody"}


@pytest.mark.parametrize("kind", ["dog", "pattern", "person"])
def test_equal_scenes_give_equal_frames(kind: str) -> None:
    scene = Scene("k", kind, 3, trouble=Trouble(is_dark=True, is_covered=kind == "person"))
    first, second = _frames(scene), _frames(scene)
    assert first.shape == (3, 160, 90, 3)
    np.testing.assert_array_equal(first, second)
    assert np.abs(first[2].astype(int) - first[0]).mean() > 0.5


def test_trouble_does_what_it_says() -> None:
    scene = Scene("k", "person", 2, action="waving", person=4)
    plain = _frames(scene)
    dark = _frames(replace(scene, trouble=Trouble(is_dark=True)))
    assert dark.mean() < 0.6 * plain.mean()
    covered = _frames(replace(scene, trouble=Trouble(is_covered=True)))
    share = (np.abs(covered.astype(int) - plain).max(axis=-1) > 8).mean()
    assert 0.2 < share < 0.6
