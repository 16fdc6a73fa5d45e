"""A video is classified from weights of any form, in three lines or by one command."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.data.loader import Sampling
from hashtag2action.errors import CheckpointError, ConfigError, VideoError
from hashtag2action.evaluate.convert import Conversion, convert
from hashtag2action.evaluate.predict import Predictor, write_picture
from hashtag2action.evaluate.recognizer import Card, Network, save_network
from hashtag2action.video.encode import write_video

TINY = Network(variant="vit_micro", num_frames=4, size_px=32, patch_size=8)
NAMES = ("dark", "bright", "other")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose network tells dark from bright videos, by weights made for that."""
    torch.manual_seed(0)
    model = TINY.build_recognizer(len(NAMES))
    folder = tmp_path / "run"
    folder.mkdir()
    card = Card(TINY, NAMES, Sampling(num_frames=4, stride_s=0.1), TINY.grid)
    clips = torch.stack(
        [torch.full((3, 4, 32, 32), value, dtype=torch.uint8) for value in (20, 235)]
    )
    with torch.no_grad():
        dark, bright = model.eval().forward_features(clips)
        model.head.weight.zero_()
        model.head.weight[0], model.head.weight[1] = dark - bright, bright - dark
        model.head.bias[2] = -9.0
    save_network(model, folder / "weights.safetensors", card)
    return folder


@pytest.fixture
def videos(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.mp4" for name in ("dark", "bright")}
    for path, value in zip(paths.values(), (20, 235), strict=True):
        write_video(path, np.full((20, 48, 64, 3), value, np.uint8), 25)
    return paths


@pytest.mark.parametrize("form", ["folder", "file", "official", "huggingface"])
def test_a_video_is_classified_from_weights_of_any_form(run, videos, form):
    path = run if form == "folder" else run / "weights.safetensors"
    if form in {"official", "huggingface"}:
        path = convert(path, Conversion(to=form)).path
    predictor = Predictor.open(path)
    for name, video in videos.items():
        first, second, last = predictor.classify(video, top=3)
        assert first.name == name
        assert last.name == "other"
        assert first.probability + second.probability + last.probability == pytest.approx(1)
        assert [guess.name for guess in predictor.classify(video, top=1)] == [name]


def h2a(*words):
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_the_command_prints_and_draws(run, videos, tmp_path):
    picture = tmp_path / "drawn" / "guess.png"
    done = h2a("predict", videos["bright"], "--weights", run, "--top", 2, "--picture", picture)
    assert done.exit_code == 0
    assert done.output.index("bright") < done.output.index("dark", done.output.index("class"))
    drawn = cv2.imread(str(picture))
    assert drawn.shape[1] >= 640
    assert drawn[:60].mean() > 200
    found = json.loads(h2a("predict", videos["dark"], "--weights", run, "--json").output)
    assert [guess["name"] for guess in found["guesses"]] == ["dark", "bright", "other"]


def test_files_of_weights_are_inspected_and_converted_by_commands(run, tmp_path):
    weights = run / "weights.safetensors"
    found = json.loads(h2a("weights", "inspect", weights, "--json").output)
    assert found["is"] == "Hashtag2Action, classifier"
    assert found["classes"] == 3
    assert found["missing"] == found["unexpected"] == found["of another shape"] == []
    out = tmp_path / "official.pth"
    done = h2a("weights", "convert", weights, "--to", "official", "--out", out)
    assert done.exit_code == 0
    assert "same input: source against official" in done.output
    text = h2a("weights", "inspect", out).output
    assert "vit_micro, patches of 8 px" in text
    assert "weights under 'model'" in text


def test_other_files_are_refused(run, videos, tmp_path):
    with pytest.raises(VideoError, match="there is no such video"):
        Predictor.open(run).classify(tmp_path / "absent.mp4")
    with pytest.raises(VideoError, match="is a folder; give one video"):
        Predictor.open(run).classify(tmp_path)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    with pytest.raises(VideoError, match=r"broken\.mp4"):
        Predictor.open(run).classify(broken)
    path = tmp_path / "pretrained.safetensors"
    save_network(TINY.build_pretraining(), path, Card(TINY, (), Sampling(), TINY.grid))
    with pytest.raises(CheckpointError, match="no whole classifier but the pre-training form"):
        Predictor.open(path)
    with pytest.raises(CheckpointError, match=r"neither weights\.safetensors nor a config\.json"):
        Predictor.open(tmp_path)


def test_a_reconstruction_is_drawn_by_a_command(videos, tmp_path):
    path = tmp_path / "pretrained.safetensors"
    card = Card(TINY, (), Sampling(num_frames=4, stride_s=0.1), TINY.grid)
    save_network(TINY.build_pretraining(), path, card)
    picture = tmp_path / "strip.png"
    words = ["reconstruct", videos["dark"], "--weights", path, "--out", picture, "--columns", 2]
    found = json.loads(h2a(*words, "--mask-ratio", 0.75, "--json").output)
    assert cv2.imread(str(picture)).shape == (3 * 32, 2 * 32, 3)
    # Guesses get back each token's mean and deviation, and a flat video has no deviation.
    assert found["error"] < 0.01


def test_a_reconstruction_that_cannot_be_drawn_is_refused_by_its_options(videos, tmp_path):
    odd = Network(variant="vit_tiny", num_frames=4, size_px=24, patch_size=8)
    path = tmp_path / "odd.safetensors"
    save_network(odd.build_pretraining(), path, Card(odd, (), Sampling(num_frames=4), odd.grid))
    words = ["reconstruct", videos["dark"], "--weights", path, "--out", tmp_path / "strip.png"]
    with pytest.raises(ConfigError, match=r"3x3 tokens.* give --decoder-mask-ratio 0"):
        h2a(*words)
    assert h2a(*words, "--mask-ratio", 0.5, "--decoder-mask-ratio", 0).exit_code == 0
    with pytest.raises(ConfigError, match=r"^reconstruct: --mask-ratio: .*less than 1"):
        h2a(*words, "--mask-ratio", 1.5)
    with pytest.raises(ConfigError, match=r"^weights convert: --to: "):
        h2a("weights", "convert", path, "--to", "gguf")


def test_a_picture_of_no_kind_is_refused_by_its_name(run, videos, tmp_path):
    path = tmp_path / "guess.xyz"
    for verb, option in (("predict", "--picture"), ("reconstruct", "--out")):
        # Before the minutes that a large network takes: the weights are not even looked for.
        words = [verb, videos["dark"], "--weights", run / "absent", option, path]
        with pytest.raises(ConfigError, match=r"guess\.xyz: expected .* \.png"):
            h2a(*words)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ConfigError, match=r"folder\.png: expected the name of a picture"):
        write_picture(tmp_path / "folder.png", np.zeros((2, 2, 3), np.uint8))
    assert not path.exists()


def test_damaged_weights_make_no_guess(run, videos):
    predictor = Predictor.open(run)
    with torch.no_grad():
        predictor.model.head.bias[0] = float("nan")
    with pytest.raises(CheckpointError, match="not finite"):
        predictor.classify(videos["dark"])
