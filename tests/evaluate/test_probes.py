import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from benchmarks.tiny_training import write_world
from pydantic import ValidationError

from hashtag2action.data.loader import Sampling
from hashtag2action.errors import CheckpointError, ConfigError, VideoError
from hashtag2action.evaluate.attentive import AttentiveProbe
from hashtag2action.evaluate.evaluate import EvaluationRuntime
from hashtag2action.evaluate.frozen import MIDDLE, Features, FrozenEncoder, features, readable_views
from hashtag2action.evaluate.probes import Probe, fit_logistic, linear_scores, probe
from hashtag2action.evaluate.recognizer import Card, Network, save_network

NETWORK = Network(variant="vit_micro", num_frames=4, size_px=32, patch_size=8)
FP32 = EvaluationRuntime(precision="fp32")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("world"))


def save(folder: Path, *, classes: tuple[str, ...] = ()) -> Path:
    torch.manual_seed(0)
    model = NETWORK.build_recognizer(len(classes)) if classes else NETWORK.build_pretraining()
    path = folder / "weights.safetensors"
    save_network(model, path, Card(NETWORK, classes, Sampling(num_frames=4), NETWORK.grid))
    return path


def clips(world: Path, split: str) -> dict[str, Any]:
    return {"clips": {"kind": "folder", "folder": world / split}}


def test_features_are_the_normalized_mean_of_the_encoders_tokens(
    world: Path, tmp_path: Path
) -> None:
    weights = save(tmp_path)
    config = Features.model_validate(
        {"weights": weights, "data": clips(world, "train"), "runtime": {"precision": "fp32"}}
    )
    result = features(config, tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "features.parquet").to_pydict()
    assert result["num_clips"] == len(table["clip_id"]) == 8
    assert table["label"] == ["blue"] * 4 + ["red"] * 4
    torch.manual_seed(0)
    model = NETWORK.build_pretraining()
    encoder = FrozenEncoder.open(weights, FP32)
    _, views = next(readable_views(encoder.card, config.data, MIDDLE, None))
    everything = torch.arange(NETWORK.grid.num_tokens).unsqueeze(0)
    wanted = model.encoder(views, everything).mean(dim=1)[0].detach().numpy()
    assert np.array(table["features"][0]) == pytest.approx(wanted, abs=1e-4)


def test_a_pre_trained_encoder_gives_what_moves_if_its_network_says_so(tmp_path: Path) -> None:
    network = NETWORK.model_copy(update={"pooling": "mean_and_deviation"})
    torch.manual_seed(0)
    model = network.build_pretraining()
    card = Card(network, (), Sampling(num_frames=network.num_frames), network.grid)
    save_network(model, tmp_path / "weights.safetensors", card)
    encoder = FrozenEncoder.open(tmp_path / "weights.safetensors", FP32)
    views = torch.randint(0, 256, (1, 3, network.num_frames, 32, 32), dtype=torch.uint8)
    everything = torch.arange(network.grid.num_tokens).unsqueeze(0)
    with torch.no_grad():
        tokens = model.encoder(views, everything)[0].unflatten(0, (network.grid.slots, -1)).numpy()
    wanted = np.concatenate([tokens.mean(axis=(0, 1)), tokens.std(axis=0).mean(axis=0)])
    assert encoder.features(views) == pytest.approx(wanted, abs=1e-4)


def test_a_classifier_gives_the_features_its_head_sees(tmp_path: Path, world: Path) -> None:
    weights = save(tmp_path, classes=("a", "b"))
    encoder = FrozenEncoder.open(weights, FP32)
    views = torch.randint(0, 256, (2, 3, 4, 32, 32), dtype=torch.uint8)
    torch.manual_seed(0)
    model = NETWORK.build_recognizer(2).eval()
    wanted = model.forward_features(views).mean(dim=0).detach().numpy()
    assert encoder.features(views) == pytest.approx(wanted, abs=1e-4)


def test_probes_tell_colors_from_frozen_features(world: Path, tmp_path: Path) -> None:
    config = Probe.model_validate(
        {
            "weights": save(tmp_path),
            "train": clips(world, "train"),
            "test": clips(world, "test"),
            "kinds": ["knn", "linear", "attentive"],
            "num_neighbors": 3,
            "attentive": {"num_heads": 3, "epochs": 60, "clips_per_step": 4},
            "runtime": {"precision": "fp32"},
        }
    )
    result = probe(config, tmp_path / "out")
    for kind in config.kinds:
        assert result[f"{kind}_top1"] >= 0.75, kind
        table = pq.read_table(tmp_path / "out" / kind / "predictions.parquet")
        assert table.num_rows == 8
    assert result["precision"] == "fp32"
    assert probe(config, tmp_path / "out") == result


@pytest.mark.parametrize(("broken", "left"), [("train", False), ("test", True)])
def test_features_that_were_made_stay_where_later_ones_fail_and_nothing_else(
    world: Path, tmp_path: Path, broken: str, left: bool
) -> None:
    copied = shutil.copytree(world, tmp_path / "world")
    next((copied / broken).rglob("*.mp4")).write_bytes(b"no video")
    values = {split: clips(copied, split) for split in ("train", "test")}
    config = Probe.model_validate({"weights": save(tmp_path), **values})
    with pytest.raises(VideoError):
        probe(config, tmp_path / "out")
    assert (tmp_path / "out").exists() == left
    made = {path.name for path in (tmp_path / "out").glob("*.parquet")}
    assert made == ({"train.parquet"} if left else set())
    assert list(tmp_path.glob("out/.*")) == []


def test_a_recipe_without_a_kind_of_probe_is_refused(world: Path, tmp_path: Path) -> None:
    values = {split: clips(world, split) for split in ("train", "test")}
    with pytest.raises(ValidationError, match="kinds"):
        Probe.model_validate({"weights": tmp_path / "any", **values, "kinds": []})


def test_clips_of_other_classes_cannot_be_probed(world: Path, tmp_path: Path) -> None:
    other = clips(world, "test") | {
        "clips": {"kind": "folder", "folder": world / "test", "labeled": False}
    }
    values = {"weights": save(tmp_path), "train": clips(world, "train"), "test": other}
    with pytest.raises(ConfigError, match=r"test\.clips has 0: only train\.clips has "):
        probe(Probe.model_validate(values), tmp_path / "out")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("blue/a.mp4,blue\nred/a.mp4,red\nred/b.mp4,\n", "1 of 3 clips have no label"),
        ("blue/a.mp4,blue\n", "one training clip alone"),
    ],
)
def test_clips_that_teach_no_class_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "clips.csv").write_text(f"path,label\n{rows}")
    data = {"clips": {"kind": "csv", "file": tmp_path / "clips.csv"}}
    values = {"weights": save(tmp_path), "train": data, "test": data}
    with pytest.raises(ConfigError, match=message):
        probe(Probe.model_validate(values), tmp_path / "out")


def test_logistic_regression_is_at_its_minimum() -> None:
    """The gradient by hand: mean of (probability - truth) * feature, plus the penalty."""
    rng = np.random.default_rng(0)
    known, labels = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
    weights = fit_logistic(
        torch.from_numpy(known).float(), torch.from_numpy(labels), 3, penalty=0.1
    ).numpy()
    logits = known @ weights[:, :-1].T + weights[:, -1]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    error = shares - np.eye(3)[labels]
    assert error.T @ known / 60 + 0.1 * weights[:, :-1] == pytest.approx(0, abs=1e-4)
    assert error.mean(axis=0) == pytest.approx(0, abs=1e-4)


def test_penalty_is_chosen_without_the_test_clips() -> None:
    rng = np.random.default_rng(1)
    labels = torch.from_numpy(rng.integers(0, 2, 80))
    known = torch.from_numpy(rng.normal(size=(80, 5))).float()
    known[:, 0] += 3 * labels
    asked = known[:10] + 0.01
    scores, penalty = linear_scores(known, labels, asked, 2, seed=0)
    again, other = linear_scores(known, labels, asked * 100, 2, seed=0)
    assert penalty == other
    assert not np.allclose(scores, again)
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_attentive_probe_finds_the_token_that_tells() -> None:
    torch.manual_seed(0)
    model = AttentiveProbe(8, 2, 3)
    tokens = torch.randn(2, 5, 8)
    joined = model.key_value(model.norm(tokens))
    key, value = joined[..., :8], joined[..., 8:]
    found = []
    for head in (slice(0, 4), slice(4, 8)):
        weight = (key[..., head] @ model.query[head] / 4**0.5).softmax(dim=1)
        found.append((weight.unsqueeze(2) * value[..., head]).sum(dim=1))
    wanted = model.head(model.out_norm(model.proj(torch.cat(found, dim=1))))
    torch.testing.assert_close(model(tokens), wanted)


def test_mistyped_clips_and_weights_leave_no_folder(world: Path, tmp_path: Path) -> None:
    out, weights = tmp_path / "out", save(tmp_path)
    right, gone = clips(world, "train"), clips(world, "gone")
    for values in ({"weights": weights, "data": gone}, {"weights": out, "data": right}):
        with pytest.raises((CheckpointError, ConfigError), match=r"there (is|are) no"):
            features(Features.model_validate(values), out)
    with pytest.raises(ConfigError, match="there is no"):
        probe(Probe.model_validate({"weights": weights, "train": right, "test": gone}), out)
    assert not out.exists()
