import json
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from hashtag2action.errors import ManifestError, VideoError
from hashtag2action.sources.studio.film import film, post_frames
from hashtag2action.sources.studio.platform import Studio, StudioFiles, plan_studio, render_studio
from hashtag2action.sources.studio.posts import PostPlan, post_line, truth_of
from hashtag2action.sources.studio.scene import FRAME_RATE

SIZE = (96, 160)
FEW = Studio(
    num_posts=6,
    width_px=SIZE[0],
    height_px=SIZE[1],
    bad_fraction=0.3,
    duplicate_fraction=0.17,
    nobody_fraction=0.17,
    people_fraction=0.17,
)


def decoded(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def planned(kind: str, number: int = 0) -> PostPlan:
    return [plan for plan in plan_studio(Studio(num_posts=200)) if plan.kind == kind][number]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> StudioFiles:
    return render_studio(FEW, tmp_path_factory.mktemp("studio"))


def test_every_post_has_its_line_its_truth_and_its_file(rendered: StudioFiles) -> None:
    posts = [json.loads(line) for line in rendered.posts.read_text().splitlines()]
    truth = json.loads(rendered.truth.read_text())
    assert [post["id"] for post in posts] == list(truth)
    assert len(posts) == FEW.num_posts
    for post in posts:
        assert (rendered.posts.parent / post["file"]).is_file()
        assert len(post["id"]) == 19
        assert post["id"].isdigit()


def test_videos_last_as_long_as_their_scenes(rendered: StudioFiles) -> None:
    truth = json.loads(rendered.truth.read_text())
    for name, said in truth.items():
        if said["readable"]:
            frames = decoded(rendered.videos / f"{name}.mp4")
            assert frames.shape[1:] == (SIZE[1], SIZE[0], 3)
            assert len(frames) == round(said["scenes"][-1]["end_s"] * FRAME_RATE)


@pytest.mark.parametrize("how", ["truncated", "empty", "html"])
def test_bad_files_cannot_be_decoded(how: str, tmp_path: Path) -> None:
    plans = plan_studio(Studio(num_posts=200))
    film(next(plan for plan in plans if plan.how == how), tmp_path / "a.mp4", SIZE)
    with pytest.raises((av.FFmpegError, IndexError)):
        decoded(tmp_path / "a.mp4")
    size = (tmp_path / "a.mp4").stat().st_size
    assert size == 0 if how == "empty" else size > 100


def test_same_seed_gives_the_same_platform_with_any_workers(
    rendered: StudioFiles, tmp_path: Path
) -> None:
    again = render_studio(FEW, tmp_path, workers=2)
    assert again.posts.read_bytes() == rendered.posts.read_bytes()
    assert again.truth.read_bytes() == rendered.truth.read_bytes()
    assert again.withdrawn.read_bytes() == rendered.withdrawn.read_bytes()
    for path in rendered.videos.iterdir():
        assert (again.videos / path.name).read_bytes() == path.read_bytes()


def test_another_seed_gives_other_posts() -> None:
    one, two = plan_studio(Studio(num_posts=20)), plan_studio(Studio(num_posts=20, seed=1))
    assert not {plan.id for plan in one} & {plan.id for plan in two}


def test_what_is_finished_is_kept_and_what_is_missing_is_made(
    rendered: StudioFiles, tmp_path: Path
) -> None:
    files = render_studio(FEW, tmp_path)
    missing, *kept = sorted(files.videos.iterdir())
    whole = missing.read_bytes()
    missing.unlink()
    times = [path.stat().st_mtime_ns for path in kept]
    told: list[tuple[int, int]] = []
    render_studio(FEW, tmp_path, on_progress=lambda done, total: told.append((done, total)))
    assert missing.read_bytes() == whole
    assert [path.stat().st_mtime_ns for path in kept] == times
    assert told == [(done, 6) for done in range(1, 7)]


def test_other_settings_in_the_same_folder_are_refused(rendered: StudioFiles) -> None:
    with pytest.raises(ManifestError, match="other settings"):
        render_studio(FEW.model_copy(update={"seed": 5}), rendered.posts.parent)


def test_posts_are_read_as_tables(rendered: StudioFiles) -> None:
    tables = FEW.tables(rendered.posts.parent, 4, lambda *_: None)
    rows = pa.concat_tables(list(tables)).to_pylist()
    assert len(rows) == FEW.num_posts
    assert all(row["reject_reason"] is None for row in rows)
    assert {Path(row["file"]) for row in rows} == set(rendered.videos.iterdir())


def test_unknown_actions_and_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="jumpingjacks"):
        Studio(actions=("flying",))
    with pytest.raises(ValidationError):
        Studio.model_validate({"num_post": 3})


def test_kinds_come_in_the_numbers_asked_for() -> None:
    plans = plan_studio(Studio(num_posts=200))
    kinds = Counter(plan.kind for plan in plans)
    assert kinds == {"act": 124, "nobody": 20, "people": 20, "dup": 16, "bad": 10, "short": 4,
                     "long": 2} | {"act": kinds["act"]}  # fmt: skip
    assert len(plans) == 200
    assert len({plan.id for plan in plans}) == 200
    assert sum(plan.withdrawn for plan in plans) == 6
    assert {plan.how for plan in plans if plan.kind == "bad"} == {"empty", "truncated", "html"}


def test_duplicates_copy_a_post_that_stays() -> None:
    plans = {plan.id: plan for plan in plan_studio(Studio(num_posts=200))}
    copies = [plan for plan in plans.values() if plan.kind == "dup"]
    assert len({plan.duplicate_of for plan in copies}) == len(copies)
    for copy in copies:
        source = plans[copy.duplicate_of]
        assert not source.withdrawn
        assert [s["source"] for s in truth_of(copy)["scenes"]] == [
            s["source"] for s in truth_of(source)["scenes"]
        ]


def test_durations_are_those_of_shorts_but_for_the_flawed() -> None:
    for plan in plan_studio(Studio(num_posts=200)):
        seconds = plan.num_frames / FRAME_RATE
        if plan.kind == "long":
            assert post_line(plan)["video_duration"] > 60
        elif plan.kind == "short":
            assert post_line(plan)["video_duration"] == 2
        elif plan.kind != "bad":
            assert 4 <= seconds <= 24


def test_truth_says_who_is_in_which_scene() -> None:
    for plan in plan_studio(Studio(num_posts=200)):
        truth = truth_of(plan)
        ends = 0.0
        for scene in truth["scenes"]:
            assert scene["start_s"] == ends
            ends = scene["end_s"]
            assert scene["who"] in {"person", "nobody", "hands"}
            assert scene.get("hands", False) == (scene["who"] == "hands")
            assert scene["action"] is None or scene["who"] == "person"
        if plan.kind == "act":
            assert truth["action"] == plan.tags[0]
            assert truth["action"] in {scene["action"] for scene in truth["scenes"]}
        if plan.wrong_tag:
            assert truth["action"] != plan.tags[0]


def test_hard_cuts_are_sudden_and_dissolves_are_not() -> None:
    plans = plan_studio(Studio(num_posts=200))
    both = next(
        plan
        for plan in plans
        if plan.kind == "act" and any(plan.dissolves) and plan.dissolves[1:].count(0)
    )
    frames = np.stack(list(post_frames(both, SIZE))).astype(np.int16)
    change = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    at = 0
    for scene, dissolve in zip(both.scenes[:-1], both.dissolves[1:], strict=True):
        at += scene.num_frames
        span = frames[at - dissolve // 2 - 1], frames[at + dissolve // 2]
        whole = np.abs(span[1] - span[0]).mean()
        largest = change[at - 11 : at + 10].max()
        assert largest < 0.5 * whole if dissolve else change[at - 1] > 3 * np.median(change)


def test_mirrored_copy_shows_the_other_side() -> None:
    copy = next(
        plan
        for plan in plan_studio(Studio(num_posts=200))
        if plan.mirrored and plan.crop == 1 and not plan.caption
    )
    plans = {plan.id: plan for plan in plan_studio(Studio(num_posts=200))}
    plain = next(iter(post_frames(plans[copy.duplicate_of], SIZE)))
    mirrored = next(iter(post_frames(copy, SIZE)))
    top = SIZE[1] // 2  # above any caption
    assert np.array_equal(plain[:top, ::-1], mirrored[:top])


def test_writer_leaves_nothing_behind(tmp_path: Path) -> None:
    film(planned("short"), tmp_path / "a.mp4", SIZE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    with pytest.raises(VideoError, match="even"):
        film(planned("short"), tmp_path / "b.mp4", (95, 161))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
