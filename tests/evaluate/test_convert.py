"""Weights go to every form and come back bit for bit; what is written computes the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.model_weights import growth_apart, write_sparse_checkpoint
from safetensors.torch import load_file, save_file

from hashtag2action.data.loader import Sampling
from hashtag2action.errors import CheckpointError, ConfigError
from hashtag2action.evaluate.convert import Conversion, convert
from hashtag2action.evaluate.inspection import in_words, inspect
from hashtag2action.evaluate.onnx_export import export_onnx
from hashtag2action.evaluate.recognizer import (
    Card,
    Network,
    load_recognizer,
    read_card,
    save_network,
)
from hashtag2action.models.layouts import open_weights
from hashtag2action.video.encode import write_video

TINY = Network(variant="vit_micro", num_frames=8, size_px=32, patch_size=8)
CLASSES = ("wave", "jump", "sit down", "cartwheel", "run")


def save(path: Path, kind: str, dtype: torch.dtype = torch.float32) -> Path:
    torch.manual_seed(0)
    names = CLASSES if kind == "classifier" else ()
    model = TINY.build_recognizer(len(names)) if names else TINY.build_pretraining()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.05)
    card = Card(TINY, names, Sampling(kind="segments", num_frames=8, stride_s=0.2), TINY.grid)
    save_network(model.to(dtype), path, card)
    return path


def equal(one: Path, other: Path) -> None:
    before, after = load_file(one), load_file(other)
    assert list(before) == list(after) or set(before) == set(after)
    for name, tensor in after.items():
        assert tensor.dtype is before[name].dtype
        assert torch.equal(tensor, before[name]), name


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    return save(tmp_path / "ours.safetensors", "classifier")


@pytest.mark.parametrize("to", ["safetensors", "official", "huggingface"])
def test_a_full_disk_is_named_and_leaves_nothing(classifier, to, no_room):
    with pytest.raises(OSError, match="File too large"):
        convert(classifier, Conversion(to=to))
    assert list(classifier.parent.iterdir()) == [classifier]


@pytest.mark.parametrize("to", ["safetensors", "official", "huggingface"])
@pytest.mark.parametrize("kind", ["classifier", "pre-training form"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
def test_a_round_trip_is_exact_to_the_bit(tmp_path, to, kind, dtype):
    first = save(tmp_path / "ours.safetensors", kind, dtype)
    there = convert(first, Conversion(to=to), tmp_path / "there")
    assert there.kind == kind
    assert all(difference < 1e-2 for difference in there.differences.values())
    back = convert(there.path, Conversion(to="safetensors"), tmp_path / "back.safetensors")
    equal(first, back.path)
    assert read_card(back.path) == read_card(first)
    assert not there.notes
    assert not back.notes
    again = convert(back.path, Conversion(to=to), tmp_path / "again")
    assert again.num_parameters == there.num_parameters
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "again",
        "back.safetensors",
        "ours.safetensors",
        "there",
    ]


def test_a_classifier_of_what_moves_goes_where_it_is_understood(tmp_path):
    network = TINY.model_copy(update={"pooling": "mean_and_deviation"})
    torch.manual_seed(0)
    model = network.build_recognizer(len(CLASSES))
    card = Card(network, CLASSES, Sampling(num_frames=8), network.grid)
    first = tmp_path / "ours.safetensors"
    save_network(model, first, card)
    there = convert(first, Conversion(to="safetensors"), tmp_path / "there.safetensors")
    equal(first, there.path)
    assert read_card(there.path).network == network
    assert dict(in_words(inspect(first)))["features"] == "mean and deviation of the tokens"
    onnx = convert(first, Conversion(to="onnx"), tmp_path / "there.onnx")
    assert max(onnx.differences.values()) < 1e-4
    for to in ("official", "huggingface"):
        with pytest.raises(ConfigError, match=f"no class for {to} weights"):
            convert(first, Conversion(to=to), tmp_path / "nowhere")


def test_the_official_file_is_loaded_by_torch_itself(tmp_path):
    first = save(tmp_path / "ours.safetensors", "classifier")
    done = convert(first, Conversion(to="official"))
    assert done.path == tmp_path / "ours.pth"
    assert done.differences == {"source against official": 0.0}
    state = torch.load(done.path, weights_only=True)["model"]
    TINY.build_recognizer(5).load_state_dict(state)


def video(path: Path) -> Path:
    rng = np.random.default_rng(0)
    write_video(path, rng.integers(0, 256, (40, 48, 64, 3), np.uint8), 25)
    return path


@pytest.mark.parametrize("text", [None, "no JSON", "[1]"])
def test_results_that_are_no_metrics_are_refused(tmp_path, text):
    first = save(tmp_path / "ours.safetensors", "classifier")
    results = tmp_path / "metrics.json"
    if text is not None:
        results.write_text(text)
    with pytest.raises(ConfigError, match=r"metrics\.json"):
        convert(first, Conversion(to="huggingface", results=results))
    assert not (tmp_path / "ours-huggingface").exists()


def test_a_folder_of_hugging_face_opens_offline_and_classifies(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    first = save(tmp_path / "ours.safetensors", "classifier")
    results = tmp_path / "metrics.json"
    results.write_text(json.dumps({"top1": 0.5, "top5": 1.0, "num_clips": 8, "num_views": 15}))
    chosen = Conversion(to="huggingface", license="mit", results=results, data="films of a test")
    folder = convert(first, chosen).path
    assert folder == tmp_path / "ours-huggingface"
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ]
    model = transformers.VideoMAEForVideoClassification.from_pretrained(folder).eval()
    clips = torch.randn(2, 3, 8, 32, 32)
    ours, _ = load_recognizer(first)
    with torch.no_grad():
        expected = ours.eval()(clips)
        found = model(pixel_values=clips.transpose(1, 2)).logits
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    classify = transformers.pipeline("video-classification", model=str(folder))
    guesses = classify(str(video(tmp_path / "film.mp4")), top_k=5)
    assert {guess["label"] for guess in guesses} == set(CLASSES)
    card = (folder / "README.md").read_text()
    measured, reported = card.split("## Results reported by the paper")
    assert "| top-1 | 0.5 |" in measured
    assert "0.9905" in reported
    assert "0.9905" not in measured
    assert "license: mit" in card
    assert "films of a test" in card


def test_the_command_says_what_it_wrote_and_nothing_else(classifier):
    pytest.importorskip("transformers")
    words = ["weights", "convert", str(classifier), "--to", "huggingface", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "hashtag2action", *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout)["path"].endswith("ours-huggingface")
    assert done.stderr == ""


def test_a_folder_of_version_4_with_its_own_epsilon_comes_in(tmp_path):
    pytest.importorskip("transformers")
    first = save(tmp_path / "ours.safetensors", "classifier")
    folder = convert(first, Conversion(to="huggingface")).path
    config = json.loads((folder / "config.json").read_text()) | {"layer_norm_eps": 1e-12}
    (folder / "config.json").write_text(json.dumps(config))
    path = folder / "model.safetensors"
    old = {
        name.replace("query.bias", "q_bias").replace("value.bias", "v_bias"): tensor
        for name, tensor in load_file(path).items()
    }
    save_file(old, path, {"format": "pt"})
    back = convert(folder, Conversion(to="safetensors"), tmp_path / "back.safetensors")
    equal(first, back.path)
    card = read_card(back.path)
    assert card.class_names == CLASSES
    assert card.network.size_px == 32
    assert card.network.num_frames == 8
    assert any("apart, as published" in note for note in back.notes)


def test_pixels_are_normalized_there_as_here(tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = convert(
        save(tmp_path / "ours.safetensors", "classifier"), Conversion(to="huggingface")
    ).path
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (8, 32, 32, 3), np.uint8)
    theirs = processor(list(frames), return_tensors="pt").pixel_values
    model = transformers.VideoMAEForVideoClassification.from_pretrained(folder).eval()
    ours, _ = load_recognizer(tmp_path / "ours.safetensors")
    with torch.no_grad():
        found = model(pixel_values=theirs).logits
        expected = ours.eval()(torch.from_numpy(frames).permute(3, 0, 1, 2)[None])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_onnx_agrees_for_any_number_of_clips(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    first = save(tmp_path / "ours.safetensors", "classifier")
    done = convert(first, Conversion(to="onnx", int8=True))
    exact = [value for name, value in done.differences.items() if "onnxruntime" in name]
    assert len(exact) == 2
    assert max(exact) < 1e-4
    session = runtime.InferenceSession(str(done.path), providers=["CPUExecutionProvider"])
    ours, card = load_recognizer(first)
    words = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(words["class_names"])) == card.class_names
    for batch in (1, 2, 5):
        clips = np.random.default_rng(batch).integers(0, 256, (batch, 3, 8, 32, 32), np.uint8)
        (logits,) = session.run(["logits"], {"clips": clips})
        with torch.no_grad():
            expected = ours.eval()(torch.from_numpy(clips))
        torch.testing.assert_close(torch.from_numpy(logits), expected, atol=1e-4, rtol=1e-4)
    assert not list(tmp_path.glob(".*"))
    assert (tmp_path / "ours-int8.onnx").stat().st_size < done.path.stat().st_size / 2


def test_weights_too_large_for_one_onnx_file_lie_beside_it(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    first = save(tmp_path / "ours.safetensors", "classifier")
    (tmp_path / "made").mkdir()
    path = tmp_path / "made" / "large.onnx"
    found = export_onnx(path, open_weights(first), read_card(first), 18, max_bytes=1000)
    assert max(found.values()) < 1e-4
    (tmp_path / "made").rename(tmp_path / "moved")
    assert sorted(p.name for p in (tmp_path / "moved").iterdir()) == [
        "large.onnx",
        "large.onnx.data",
    ]
    runtime.InferenceSession(str(tmp_path / "moved" / "large.onnx"))


def names_file(path: Path, names) -> Path:
    path.write_text("".join(f"{name}\n" for name in names))
    return path


@pytest.mark.parametrize("by", ["name", "place"])
def test_classes_are_kept_by_their_names_or_by_places(tmp_path, by):
    first = save(tmp_path / "ours.safetensors", "classifier")
    kept = ("cartwheel", "wave", "run")
    places = [CLASSES.index(name) for name in kept]
    keep = names_file(tmp_path / "keep.txt", kept if by == "name" else places)
    done = convert(first, Conversion(to="safetensors", keep=keep), tmp_path / "small.safetensors")
    assert read_card(done.path).class_names == kept
    big, small = load_file(first), load_file(done.path)
    assert torch.equal(small["head.weight"], big["head.weight"][places])
    assert torch.equal(small["head.bias"], big["head.bias"][places])
    assert all(torch.equal(small[name], big[name]) for name in big if "head" not in name)


def test_a_class_that_is_not_there_is_named_and_nothing_is_invented(tmp_path):
    first = save(tmp_path / "ours.safetensors", "classifier")
    for lines, message in (
        (["wave", "swim"], r"1 of 2 classes are unknown .*\(swim\)"),
        (["0", "9"], r"1 of 2 classes are unknown .*\(9\)"),
        (["wave", "wave"], "1 are named twice"),
    ):
        keep = names_file(tmp_path / "keep.txt", lines)
        with pytest.raises(ConfigError, match=message):
            convert(first, Conversion(to="official", keep=keep))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["keep.txt", "ours.safetensors"]


def test_a_checkpoint_of_others_gets_names_from_a_list_and_says_what_is_assumed(tmp_path):
    state = load_file(save(tmp_path / "ours.safetensors", "classifier"))
    path = tmp_path / "tiktokactions_ft_k400.pth"
    torch.save({"module": {name: tensor.half() for name, tensor in state.items()}}, path)
    plain = convert(path, Conversion(to="safetensors"))
    assert read_card(plain.path).class_names == tuple(f"LABEL_{n}" for n in range(5))
    assert any("--classes" in note for note in plain.notes)
    assert any("16 frames of 224 px" in note for note in plain.notes)
    chosen = Conversion(to="safetensors", classes=names_file(tmp_path / "names.txt", CLASSES))
    named = convert(path, chosen, tmp_path / "named.safetensors")
    assert read_card(named.path).class_names == CLASSES
    assert load_file(named.path)["head.weight"].dtype is torch.float16
    (tmp_path / "latin.txt").write_bytes(b"\xe4")
    with pytest.raises(ConfigError, match=r"latin\.txt: the list is no text"):
        convert(path, Conversion(to="safetensors", classes=tmp_path / "latin.txt"))
    few = Conversion(to="safetensors", classes=names_file(tmp_path / "few.txt", CLASSES[:3]))
    with pytest.raises(ConfigError, match=r"few\.txt: names 3 classes; the classifier has 5"):
        convert(path, few, tmp_path / "few.safetensors")
    again = names_file(tmp_path / "again.txt", (*CLASSES[:4], CLASSES[0]))
    with pytest.raises(
        ConfigError, match=rf"again\.txt: names 5 classes, some twice: {CLASSES[0]};"
    ):
        convert(path, Conversion(to="safetensors", classes=again), tmp_path / "few.safetensors")
    marked = tmp_path / "marked.txt"
    marked.write_bytes(("\ufeff" + "\r\n".join(CLASSES)).encode())
    chosen = Conversion(to="safetensors", classes=marked)
    assert read_card(convert(path, chosen, tmp_path / "m.safetensors").path).class_names == CLASSES


class Calls:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_a_hostile_file_is_not_converted_and_does_not_run(tmp_path):
    path = tmp_path / "hostile.pth"
    state = load_file(save(tmp_path / "ours.safetensors", "classifier"))
    torch.save({"model": state, "args": Calls(tmp_path / "ran")}, path)
    with pytest.raises(CheckpointError, match=r"asks for posix\.system"):
        convert(path, Conversion(to="safetensors"), tmp_path / "out.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hostile.pth", "ours.safetensors"]


def test_torn_weights_and_places_that_are_taken_are_refused(tmp_path):
    state = load_file(save(tmp_path / "ours.safetensors", "classifier"))
    del state["blocks.2.mlp.fc1.bias"]
    torch.save({"model": state}, tmp_path / "torn.pth")
    with pytest.raises(CheckpointError, match=r"not a whole vit_micro; missing: blocks\.2\.mlp"):
        convert(tmp_path / "torn.pth", Conversion(to="safetensors"))
    with pytest.raises(ConfigError, match="exists; remove it"):
        convert(tmp_path / "ours.safetensors", Conversion(to="official"), tmp_path / "torn.pth")
    state["blocks.2.mlp.fc1.bias"] = torch.full((384,), torch.nan)
    torch.save({"model": state}, tmp_path / "nan.pth")
    with pytest.raises(CheckpointError, match="outputs are not finite"):
        convert(tmp_path / "nan.pth", Conversion(to="safetensors"))
    assert not (tmp_path / "nan.safetensors").exists()


def test_an_encoder_alone_goes_to_a_file_but_not_to_a_pipeline(tmp_path):
    state = load_file(save(tmp_path / "ours.safetensors", "pre-training form"))
    encoder = {name: tensor for name, tensor in state.items() if name.startswith("encoder.")}
    torch.save({"model": encoder}, tmp_path / "encoder.pth")
    done = convert(tmp_path / "encoder.pth", Conversion(to="safetensors"))
    assert open_weights(done.path).kind == "encoder alone"
    assert done.differences == {"source against safetensors": 0.0}
    for to in ("huggingface", "onnx"):
        with pytest.raises(ConfigError, match=r"encoder alone|only a classifier"):
            convert(tmp_path / "encoder.pth", Conversion(to=to))
    assert not list(tmp_path.glob(".*"))


def test_a_large_file_is_converted_within_two_tensors_of_memory(tmp_path):
    path = write_sparse_checkpoint(tmp_path / "large.pth", "vit_b", with_optimizer=False)
    assert path.stat().st_size > 370_000_000
    growth, largest = growth_apart(path, "safetensors", tmp_path / "large.safetensors")
    assert (tmp_path / "large.safetensors").stat().st_size > 370_000_000
    assert growth <= 2 * largest
