"""Every layout in which weights of VideoMAE come is understood, and told apart."""

import argparse
import json
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hashtag2action.errors import CheckpointError
from hashtag2action.models.huggingface import their_names, to_huggingface
from hashtag2action.models.layouts import Weights, expected_shapes, misfits, open_weights, size_of
from hashtag2action.models.tensor_files import lazy, map_safetensors, write_safetensors
from hashtag2action.models.variants import VARIANTS
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.vit import VisionTransformer


@pytest.fixture
def pretrained(generator):
    return VideoMAE.from_variant("vit_micro", num_frames=4, image_size=16, patch_size=8)


@pytest.fixture
def classifier(generator):
    return VisionTransformer.from_variant(
        "vit_micro", num_classes=5, num_frames=4, image_size=16, patch_size=8
    )


def holds(weights, model):
    state = model.state_dict()
    assert not misfits(weights, size_of(weights))
    assert set(weights.tensors) == set(state)
    for name, tensor in weights.tensors.items():
        assert torch.equal(tensor.read(), state[name]), name


def deepspeed(state):
    """The state DeepSpeed keeps of a half-precision run, as both K400 releases are."""
    half = OrderedDict((name, tensor.half()) for name, tensor in state.items())
    flat = torch.cat([tensor.flatten() for tensor in state.values()])
    optimizer = {
        "fp32_groups_flat": [flat],
        "optimizer_state_dict": {"state": {0: {"exp_avg": flat, "step": 7}}},
        "dynamic_loss_scale": True,
    }
    beside = {"epoch": 9, "skipped_steps": 0, "csr_tensor_module_names": {"a"}}
    return {"module": half, "optimizer": optimizer, **beside}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "module.", "backbone.", "module._orig_mod."])
def test_an_official_pre_training_is_read_under_any_prefix(pretrained, tmp_path, prefix, legacy):
    state = OrderedDict((prefix + k, v) for k, v in pretrained.state_dict().items())
    arguments = argparse.Namespace(model="pretrain_videomae_base_patch16_224", sampling_rate=4)
    content = {"model": state, "optimizer": {"state": {}}, "epoch": 298, "scaler": {"scale": 2.0}}
    path = tmp_path / "checkpoint-298.pth"
    torch.save({**content, "args": arguments}, path, _use_new_zipfile_serialization=not legacy)
    weights = open_weights(path)
    holds(weights, pretrained)
    assert weights.kind == "pre-training form"
    assert weights.beside == ("optimizer", "epoch", "scaler", "args")
    assert weights.settings["sampling_rate"] == 4
    size = size_of(weights)
    assert (size.variant, size.patch_size, size.decoder_depth) == ("vit_micro", 8, 2)


def test_a_state_of_deepspeed_is_read_in_half_precision(classifier, tmp_path):
    path = tmp_path / "tiktokactions_ft_k400.pth"
    torch.save(deepspeed(classifier.state_dict()), path)
    weights = open_weights(path)
    assert weights.kind == "classifier"
    assert "DeepSpeed" in weights.origin
    assert size_of(weights).num_classes == 5
    holds(weights, classifier.half())


def lightning(state, prefix):
    """What its `Trainer` saves of a module that has the network as an attribute."""
    score = {"best_model_score": torch.tensor(0.5), "best_model_path": "last.ckpt"}
    return {
        "epoch": 3,
        "global_step": 40,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": OrderedDict((prefix + name, tensor) for name, tensor in state.items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'loss'}": score},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": []}],
        "lr_schedulers": [],
    }


@pytest.mark.parametrize("prefix", ["model.", "net.", "model._orig_mod.", "model.backbone.", ""])
def test_a_checkpoint_of_lightning_is_read_whatever_its_module_calls_the_network(
    classifier, pretrained, tmp_path, prefix
):
    path = tmp_path / "last.ckpt"
    for model in (classifier, pretrained):
        torch.save(lightning(model.state_dict(), prefix), path)
        weights = open_weights(path)
        holds(weights, model)
        assert weights.origin.endswith("weights under 'state_dict' (as Lightning keeps them)")
        assert {"loops", "optimizer_states"} <= set(weights.beside)


def test_a_folder_of_deepspeed_is_read_if_it_holds_one_state(classifier, tmp_path):
    torch.save(deepspeed(classifier.state_dict()), tmp_path / "mp_rank_00_model_states.pt")
    holds(open_weights(tmp_path), classifier.half())
    torch.save({}, tmp_path / "mp_rank_01_model_states.pt")
    with pytest.raises(CheckpointError, match="2 states of DeepSpeed"):
        open_weights(tmp_path)


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "encoder."])
def test_bare_states_of_classifiers_are_read(classifier, tmp_path, prefix):
    path = tmp_path / "bare.pth"
    torch.save({prefix + k: v for k, v in classifier.state_dict().items()}, path)
    weights = open_weights(path)
    holds(weights, classifier)
    assert weights.origin.endswith("weights bare")


@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_an_encoder_alone_is_told_apart(pretrained, tmp_path, prefix):
    path = tmp_path / "encoder.safetensors"
    encoder = {
        prefix + name.removeprefix("encoder."): tensor
        for name, tensor in pretrained.state_dict().items()
        if name.startswith("encoder.") and not name.startswith("encoder.norm")
    }
    save_file(encoder, path)
    weights = open_weights(path)
    assert weights.kind == "encoder alone"
    assert not misfits(weights, size_of(weights))


@pytest.mark.parametrize("pickled", [False, True])
def test_a_folder_of_hugging_face_is_read(classifier, tmp_path, pickled):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "videomae"}))
    theirs = to_huggingface({k: lazy(v) for k, v in classifier.state_dict().items()})
    if pickled:
        torch.save({k: v.read() for k, v in theirs.items()}, tmp_path / "pytorch_model.bin")
    else:
        write_safetensors(tmp_path / "model.safetensors", theirs, {"format": "pt"})
    weights = open_weights(tmp_path)
    holds(weights, classifier)
    assert weights.origin.startswith("Hugging Face folder")


def test_a_folder_in_shards_is_read_but_only_files_in_it(classifier, tmp_path):
    theirs = to_huggingface({k: lazy(v) for k, v in classifier.state_dict().items()})
    names = sorted(theirs)
    for shard in range(2):
        part = {name: theirs[name] for name in names[shard::2]}
        write_safetensors(tmp_path / f"model-{shard}.safetensors", part, {})
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "videomae"}))
    index = tmp_path / "model.safetensors.index.json"
    where = {name: f"model-{place % 2}.safetensors" for place, name in enumerate(names)}
    index.write_text(json.dumps({"weight_map": where}))
    holds(open_weights(tmp_path), classifier)
    index.write_text(json.dumps({"weight_map": {"a": "../model-0.safetensors"}}))
    with pytest.raises(CheckpointError, match="its index names a file elsewhere"):
        open_weights(tmp_path)


def test_what_is_missing_unexpected_or_of_another_shape_is_listed(classifier, tmp_path):
    state = classifier.state_dict()
    del state["blocks.3.attn.v_bias"]
    state["fc_norm.weight"] = torch.ones(7)
    state["temperature"] = torch.ones(1)
    path = tmp_path / "torn.safetensors"
    save_file(state, path)
    weights = open_weights(path)
    assert misfits(weights, size_of(weights)) == {
        "missing": ["blocks.3.attn.v_bias"],
        "unexpected": ["temperature"],
        "of another shape": ["fc_norm.weight [7] instead of [96]"],
    }


def test_other_networks_and_unknown_sizes_are_refused(tmp_path, classifier):
    path = tmp_path / "resnet.safetensors"
    save_file({"layer1.0.conv1.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="no weights of VideoMAE"):
        open_weights(path)
    state = {k: v for k, v in classifier.state_dict().items() if not k.startswith("blocks.3.")}
    save_file(state, path)
    with pytest.raises(CheckpointError, match="3 blocks of width 96, which is no known size"):
        size_of(open_weights(path))
    torch.save({"epoch": 3, "net": {}}, tmp_path / "other.pth")
    with pytest.raises(
        CheckpointError, match="no state dict under 'model', 'module', 'state_dict' or bare"
    ):
        open_weights(tmp_path / "other.pth")


def test_many_views_of_one_storage_cannot_grow_a_file(tmp_path):
    big = torch.zeros(1000)
    path = tmp_path / "grows.pth"
    torch.save({f"part.{number}": big for number in range(1000)}, path)
    with pytest.raises(CheckpointError, match="tensors are larger than the file"):
        open_weights(path)


@pytest.mark.parametrize("name", ["vit_s", "vit_b", "vit_l", "vit_h", "vit_g"])
@pytest.mark.parametrize("kind", ["pre-training form", "classifier"])
def test_every_size_is_recognized_and_has_the_names_and_shapes_upstream_has(name, kind, shared):
    upstream = {"s": "small", "b": "base", "l": "large", "h": "huge", "g": "giant"}[name[-1]]
    key = f"finetune_{upstream}_k400" if kind == "classifier" else f"pretrain_{upstream}"
    keys = json.loads(shared("fixtures/videomaev2_keys.json").read_text())[key]
    with torch.device("meta"):
        tensors = {k: lazy(torch.empty(shape)) for k, shape in keys.items()}
    weights = Weights(Path("meta"), "meta", kind, tensors)
    size = size_of(weights)
    assert size.variant == name
    assert size.patch_size == VARIANTS[name].patch_size
    assert expected_shapes(kind, size) == {k: tuple(shape) for k, shape in keys.items()}
    assert not misfits(weights, size)
    assert len({theirs for k in keys for theirs in their_names(k)}) == sum(
        3 if k.endswith("qkv.weight") else 1 for k in keys
    )


def test_the_streamed_file_is_the_librarys_and_its_tensors_are_mapped(tmp_path, generator):
    state = {
        "half": torch.randn(3, 5, generator=generator).half(),
        "brain": torch.randn(7, generator=generator).bfloat16(),
        "empty": torch.empty(0, 2),
        "scalar": torch.tensor(2.5, dtype=torch.float64),
        "flags": torch.tensor([True, False, True]),
        "long": torch.arange(3),
    }
    path = tmp_path / "streamed.safetensors"
    write_safetensors(path, {k: lazy(v) for k, v in state.items()}, {"a": "b"})
    tensors, words = map_safetensors(path)
    assert words == {"a": "b"}
    for found in (load_file(path), {k: v.read() for k, v in tensors.items()}):
        assert set(found) == set(state)
        for name, tensor in found.items():
            assert tensor.dtype is state[name].dtype
            assert torch.equal(tensor, state[name])
