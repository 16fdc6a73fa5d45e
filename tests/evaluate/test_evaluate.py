import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from hashtag2action.data.loader import Sampling
from hashtag2action.errors import CheckpointError, ConfigError, VideoError
from hashtag2action.evaluate.evaluate import Evaluate, evaluate, selection
from hashtag2action.evaluate.recognizer import Card, Network, load_recognizer, save_network
from hashtag2action.manifest import write_json
from hashtag2action.models.weights import save_safetensors
from hashtag2action.video.encode import write_video

TINY = Network(variant="vit_tiny", num_frames=4, size_px=16, patch_size=8)


def save_tiny(folder: Path, names: tuple[str, ...] = ("a", "b")) -> Path:
    torch.manual_seed(0)
    path = folder / "weights.safetensors"
    card = Card(TINY, names, Sampling(num_frames=4, stride_s=0.1), TINY.grid)
    model = TINY.build_recognizer(len(names)) if names else TINY.build_pretraining()
    save_network(model, path, card)
    return path


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    root = tmp_path / "clips"
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number in range(2):
            frames = rng.integers(0, 256, (20, 16, 24, 3), np.uint8)
            write_video(root / name / f"same.{number}.mp4", frames, 25)
    return root


def settings(weights: Path, clips: Path) -> dict:
    return {
        "weights": weights,
        "data": {"clips": {"kind": "folder", "folder": clips}},
        "views": {"num_temporal_views": 2, "num_spatial_crops": 3},
        "runtime": {"precision": "fp32", "views_per_step": 4},
    }


def test_a_device_that_is_not_here_is_refused_before_anything_is_written(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    values = settings(save_tiny(tmp_path), clips)
    values["runtime"] |= {"device": "cuda"}
    with pytest.raises(ConfigError, match="no such device"):
        evaluate(Evaluate(**values), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_figures_and_predictions_agree(clips: Path, tmp_path: Path) -> None:
    found = evaluate(Evaluate(**settings(save_tiny(tmp_path), clips)), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == found
    rows = pq.read_table(tmp_path / "out" / "predictions.parquet").to_pylist()
    assert [row["clip_id"] for row in rows] == [
        "a/same.0.mp4",
        "a/same.1.mp4",
        "b/same.0.mp4",
        "b/same.1.mp4",
    ]
    right = [row["label"] == row["guess"] for row in rows]
    assert found["top1"] == np.mean(right)
    views = np.array([row["view_probabilities"] for row in rows])
    assert views.shape == (4, 6, 2)
    assert np.allclose(views.sum(axis=2), 1, atol=1e-5)
    assert np.allclose(views.mean(axis=1).max(axis=1), [row["probability"] for row in rows])
    assert np.sum(found["confusion_matrix"]) == found["num_clips"] == 4
    with (tmp_path / "out" / "classes.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["class"], row["num_clips"]) for row in table] == [("a", "2"), ("b", "2")]
    assert [float(row["accuracy"]) for row in table] == list(found["class_accuracy"].values())
    for place, row in enumerate(table):
        assert int(row["num_mistaken"]) == found["confusion_matrix"][place][1 - place]
    assert sum(item["num_clips"] for item in found["calibration"]["bins"]) == 4
    assert found["selection"].startswith("unknown")


def test_a_clip_that_cannot_be_read_leaves_no_folder_in_the_way_of_the_next_try(
    clips: Path, tmp_path: Path
) -> None:
    (clips / "a" / "same.1.mp4").write_bytes(b"no video")
    values = settings(save_tiny(tmp_path), clips)
    with pytest.raises(VideoError, match=r"same\.1\.mp4"):
        evaluate(Evaluate(**values), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    values["data"] |= {"unreadable": "skip"}
    assert evaluate(Evaluate(**values), tmp_path / "out")["num_unreadable"] == 1


@pytest.mark.parametrize(
    ("name", "on_test", "said"),
    [
        ("weights", True, "none: the last weights"),
        ("weights_best", True, "by TEST CLIPS"),
        ("weights_best", False, "by clips that are no test clips"),
    ],
)
def test_result_says_by_which_clips_weights_were_chosen(
    tmp_path: Path, name: str, on_test: bool, said: str
) -> None:
    write_json(tmp_path / "result.json", {"selected_on_test_clips": on_test})
    assert selection(tmp_path / f"{name}.safetensors").startswith(said)


def test_weights_say_what_they_are(tmp_path: Path) -> None:
    path = save_tiny(tmp_path, ("x", "y", "z"))
    model, card = load_recognizer(path)
    assert card.class_names == ("x", "y", "z")
    assert card.network == TINY
    assert card.sampling.stride_s == 0.1
    assert model.head.out_features == 3


def test_pretrained_weights_are_no_recognizer(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="Fine-tune it first"):
        load_recognizer(save_tiny(tmp_path, ()))


def test_weights_of_other_origin_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_safetensors(torch.nn.Linear(2, 2), path)
    with pytest.raises(CheckpointError, match="does not say what it is"):
        load_recognizer(path)


def test_other_classes_are_refused(clips: Path, tmp_path: Path) -> None:
    weights = save_tiny(tmp_path, ("b", "a"))
    with pytest.raises(ConfigError, match=r"the order differs\. They must be the same"):
        evaluate(Evaluate(**settings(weights, clips)), tmp_path / "out")
    weights = save_tiny(tmp_path, ("a", "b", "c"))
    with pytest.raises(ConfigError, match=r"only the network has c\. They"):
        evaluate(Evaluate(**settings(weights, clips)), tmp_path / "out")


def test_unreadable_clip_is_an_error_or_counted(clips: Path, tmp_path: Path) -> None:
    (clips / "a" / "broken.mp4").touch()
    values = settings(save_tiny(tmp_path), clips)
    with pytest.raises(VideoError, match="broken"):
        evaluate(Evaluate(**values), tmp_path / "out")
    values["data"] |= {"unreadable": "skip"}
    found = evaluate(Evaluate(**values), tmp_path / "skipped")
    assert (found["num_clips"], found["num_unreadable"]) == (4, 1)


def test_mistyped_clips_and_weights_leave_no_folder(clips: Path, tmp_path: Path) -> None:
    right = {"weights": save_tiny(tmp_path), "data": {"clips": {"kind": "folder", "folder": clips}}}
    gone = {"clips": {"kind": "folder", "folder": tmp_path / "gone"}}
    for wrong in ({"weights": tmp_path / "gone"}, {"data": gone}):
        with pytest.raises((CheckpointError, ConfigError), match="gone"):
            evaluate(Evaluate.model_validate(right | wrong), tmp_path / "out")
    assert not (tmp_path / "out").exists()
