import json
from pathlib import Path

import pytest

from hashtag2action.curate.score import (
    read_truth,
    score_cuts,
    score_duplicates,
    score_persons,
    score_tags,
    score_unreadable,
)
from hashtag2action.errors import SourceError


def scene(start_s: float, end_s: object, who: str = "person", **more: object) -> dict:
    return {"start_s": start_s, "end_s": end_s, "who": who, "action": None, **more}


def clip(video: str, index: int, start_s: float, end_s: float, **more: object) -> dict:
    return {
        "clip_id": f"{video}-{index:03d}",
        "video_id": video,
        "scene_index": index,
        "start_s": start_s,
        "end_s": end_s,
        "frame_rate": 25.0,
        "has_person": True,
        "hashtag": "salsa",
        **more,
    }


def test_cuts_match_one_to_one_within_two_frames() -> None:
    truth = {"a": {"scenes": [scene(0, 2), scene(2, 4), scene(4, 6)]}}
    clips = [clip("a", 0, 0, 2.08), clip("a", 1, 2.08, 4.2), clip("a", 2, 4.2, 6)]
    cuts, _ = score_cuts(truth, clips)
    assert cuts == {"precision": 0.5, "recall": 0.5, "f1": 0.5}


def test_one_found_cut_cannot_serve_two_true_ones() -> None:
    truth = {"a": {"scenes": [scene(0, 2), scene(2, 2.04), scene(2.04, 4)]}}
    cuts, _ = score_cuts(truth, [clip("a", 0, 0, 2.02), clip("a", 1, 2.02, 4)])
    assert cuts["precision"] == 1.0
    assert cuts["recall"] == 0.5


def test_cut_found_inside_a_dissolve_counts_for_it_and_against_nothing() -> None:
    span = {"transition_start_s": 1.7, "transition_end_s": 2.3}
    second = scene(2, 4, transition="dissolve", **span)
    truth = {"a": {"scenes": [scene(0, 2), second, scene(4, 6)]}}
    clips = [clip("a", 0, 0, 1.7), clip("a", 1, 1.7, 4), clip("a", 2, 4, 6)]
    cuts, dissolves = score_cuts(truth, clips)
    assert cuts["f1"] == 1.0
    assert dissolves == {"recall": 1.0, "total": 1}


def test_each_true_scene_is_judged_by_the_clip_that_overlaps_it_most() -> None:
    truth = {"a": {"scenes": [scene(0, 2), scene(2, 4, "nobody"), scene(4, 5, "hands")]}}
    clips = [clip("a", 0, 0, 1.9), clip("a", 1, 1.9, 5, has_person=False)]
    persons = score_persons(truth, clips)
    assert persons == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert score_persons(truth, [clip("a", 0, 0, 5)])["precision"] == 0.5


def test_unreadable_posts_and_wrong_accusations_are_counted() -> None:
    truth = {"a": {"readable": False}, "b": {"readable": False}, "c": {"readable": True}}
    counts = score_unreadable(truth, {"a", "c"})
    assert counts == {"found": 1, "total": 2, "wrong": 1}


def test_copies_of_one_original_are_copies_of_each_other() -> None:
    scenes = [scene(0, 2, source="x")]
    truth = {
        "a": {"scenes": scenes},
        "b": {"scenes": scenes, "duplicate_of": "a"},
        "c": {"scenes": scenes, "duplicate_of": "a"},
        "d": {"scenes": [scene(0, 2, source="y")]},
        "e": {"scenes": [scene(0, 2, source="y")]},
        "f": {"scenes": [scene(0, 2, source="z")]},
    }
    clips = [clip(video, 0, 0, 2) for video in truth]
    pairs = [("b-000", "c-000"), ("e-000", "d-000"), ("f-000", "a-000")]
    rejected = [{"clip_id": mine, "duplicate_of": other} for mine, other in pairs]
    counts = score_duplicates(truth, rejected, clips)
    assert counts["found"] == 1
    assert counts["total"] == 2
    assert counts["wrong"] == 1
    assert counts["shared_footage"] == 1
    assert counts["precision"] == 0.5


def test_tag_purity_is_the_share_of_clips_that_show_the_action() -> None:
    truth = {
        "a": {"scenes": [scene(0, 2, action="salsa")]},
        "b": {"scenes": [scene(0, 2, action="tango")]},
    }
    assert score_tags(truth, [clip("a", 0, 0, 2), clip("b", 0, 0, 2)]) == {"salsa": 0.5}


@pytest.mark.parametrize(
    ("post", "message"),
    [
        ({"scenes": None}, r"truth\.json: a\.scenes: .*found None"),
        ({"scenes": [{}]}, r"a\.scenes\.0\.start_s: Field required"),
        ({"scenes": [scene(0, 1), scene(0, "1")]}, r"a\.scenes\.1\.end_s: .*found '1'"),
        ({"scenes": [scene(0, 1, transition="dissolve")]}, "a dissolve has transition_start_s"),
        ({"readable": "no"}, r"a\.readable: .*found 'no'"),
        ({"duplicate_of": 5}, r"a\.duplicate_of: .*found 5"),
    ],
)
def test_a_wrong_post_of_the_truth_is_named(tmp_path: Path, post: dict, message: str) -> None:
    (tmp_path / "truth.json").write_text(json.dumps({"a": post}))
    with pytest.raises(SourceError, match=message):
        read_truth(tmp_path / "truth.json")


def test_truth_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps([1]))
    with pytest.raises(SourceError, match="post id"):
        read_truth(tmp_path / "truth.json")
    with pytest.raises(SourceError, match=r"absent\.json"):
        read_truth(tmp_path / "absent.json")
