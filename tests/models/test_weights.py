import re

import pytest
import torch
from safetensors.torch import save_file

from hashtag2action.errors import CheckpointError
from hashtag2action.models.videomae import VideoMAE
from hashtag2action.models.vit import VisionTransformer
from hashtag2action.models.weights import (
    load_pretrained_encoder,
    load_safetensors,
    load_weights,
    save_safetensors,
    save_tensors,
)


def copy_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_weights_and_metadata_come_back(pretraining, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_safetensors(pretraining, path, {"variant": "vit_tiny"})
    before = copy_of(pretraining)
    for parameter in pretraining.parameters():
        torch.nn.init.zeros_(parameter)
    assert load_weights(pretraining, path) == {"variant": "vit_tiny"}
    for name, tensor in pretraining.state_dict().items():
        assert torch.equal(tensor, before[name])
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.safetensors"]


@pytest.mark.usefixtures("no_room")
def test_a_full_disk_is_named_and_leaves_the_weights_before(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_tensors({"a": torch.ones(4)}, path)
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: cannot be written: .*large"):
        save_tensors({"a": torch.ones(100_000)}, path)
    assert list(tmp_path.iterdir()) == [path]
    assert load_safetensors(path)[0]["a"].sum() == 4


def test_fine_tuning_begins_from_the_pre_trained_encoder(pretraining, finetuning, tmp_path):
    path = tmp_path / "pretrained.safetensors"
    torch.nn.init.normal_(pretraining.encoder.norm.weight)
    save_safetensors(pretraining, path)
    head = finetuning.head.weight.clone()
    report = load_pretrained_encoder(finetuning, path)
    for name, tensor in finetuning.state_dict().items():
        if name.startswith(("blocks.", "patch_embed.")):
            assert torch.equal(tensor, pretraining.state_dict()[f"encoder.{name}"])
    assert torch.equal(finetuning.head.weight, head)
    assert (finetuning.fc_norm.weight == 1).all()
    assert report.fresh == ("fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias")
    assert set(report.loaded) | set(report.fresh) == set(finetuning.state_dict())
    assert {"encoder.norm.weight", "mask_token", "encoder_to_decoder.weight"} <= set(report.unused)
    assert len(report.loaded) + len(report.unused) == len(pretraining.state_dict())


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "backbone.", "module._orig_mod."])
def test_prefixes_of_wrappers_do_not_matter(pretraining, finetuning, tmp_path, prefix):
    path = tmp_path / "wrapped.safetensors"
    save_file({prefix + name: tensor for name, tensor in pretraining.state_dict().items()}, path)
    report = load_pretrained_encoder(finetuning, path)
    assert "blocks.1.mlp.fc2.weight" in report.loaded
    assert all(name.startswith(prefix) for name in report.unused)


def test_a_fine_tuned_file_brings_its_norm_and_its_classifier(finetuning, tmp_path):
    path = tmp_path / "finetuned.safetensors"
    torch.nn.init.normal_(finetuning.fc_norm.weight)
    save_safetensors(finetuning, path)
    before = copy_of(finetuning)
    finetuning.init_weights()
    report = load_pretrained_encoder(finetuning, path)
    assert report.fresh == report.unused == ()
    for name, tensor in finetuning.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("num_classes", [0, 7])
def test_a_classifier_of_other_classes_is_left_out(finetuning, tmp_path, num_classes):
    path = tmp_path / "finetuned.safetensors"
    save_safetensors(finetuning, path)
    other = VisionTransformer(
        num_classes=num_classes,
        embed_dim=44,
        depth=2,
        num_heads=2,
        patch_size=14,
        mlp_ratio=48 / 11,
        num_frames=12,
        image_size=56,
    )
    report = load_pretrained_encoder(other, path)
    assert set(report.unused) == {"head.weight", "head.bias"}
    assert report.fresh == (("head.weight", "head.bias") if num_classes else ())


def test_the_official_encoder_loads_by_name(officials, tmp_path):
    official = officials[0]
    path = tmp_path / "official.safetensors"
    save_file(official.part("pretrain.weight."), path)
    report = load_pretrained_encoder(official.finetuning, path)
    assert report.fresh == ("fc_norm.weight", "fc_norm.bias", "head.weight", "head.bias")


def test_a_missing_tensor_is_named_and_nothing_is_loaded(pretraining, finetuning, tmp_path):
    path = tmp_path / "torn.safetensors"
    state = pretraining.state_dict()
    del state["encoder.blocks.1.attn.v_bias"]
    save_file(state, path)
    before = copy_of(finetuning)
    with pytest.raises(CheckpointError, match=r"missing: blocks\.1\.attn\.v_bias"):
        load_pretrained_encoder(finetuning, path)
    for name, tensor in finetuning.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_tensor_nobody_knows_is_named(pretraining, finetuning, tmp_path):
    path = tmp_path / "more.safetensors"
    state = pretraining.state_dict() | {"encoder.blocks.2.norm1.weight": torch.zeros(44)}
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"unexpected: blocks\.2\.norm1\.weight"):
        load_pretrained_encoder(finetuning, path)


def test_a_tensor_of_another_shape_is_named(pretraining, finetuning, tmp_path):
    path = tmp_path / "other.safetensors"
    name = "encoder.patch_embed.proj.weight"
    save_file(pretraining.state_dict() | {name: torch.zeros(44, 3, 2, 16, 16)}, path)
    with pytest.raises(CheckpointError, match=r"proj\.weight \[44, 3, 2, 16, 16\] instead of \[44"):
        load_pretrained_encoder(finetuning, path)


def test_a_file_of_something_else_is_refused_with_a_short_list(finetuning, tmp_path):
    path = tmp_path / "else.safetensors"
    save_file({f"layer.{index}": torch.zeros(1) for index in range(30)}, path)
    with pytest.raises(CheckpointError, match=r"unexpected: layer\.0, .* and 10 more"):
        load_pretrained_encoder(finetuning, path)


def test_weights_of_another_size_are_told_by_its_name_and_a_few_tensors(tmp_path):
    path = tmp_path / "tiny.safetensors"
    clip = {"num_frames": 4, "image_size": 32}
    save_safetensors(VideoMAE.from_variant("vit_tiny", **clip), path)
    micro = VisionTransformer.from_variant("vit_micro", num_classes=3, **clip)
    sizes = (
        "does not fit the model: it holds vit_tiny of 8 blocks of width 192 with patches of 16 px, "
        "expected is vit_micro of 4 blocks of width 96 with patches of 16 px; unexpected: "
    )
    few = r"unexpected: (blocks\.\S+, ){2}blocks\.\S+ and \d+ more; of another shape"
    with pytest.raises(CheckpointError, match=re.escape(sizes)) as told:
        load_pretrained_encoder(micro, path)
    assert re.search(few, str(told.value))
    with pytest.raises(CheckpointError, match="and a decoder of 2 blocks, expected is vit_micro"):
        load_weights(VideoMAE.from_variant("vit_micro", **clip), path)


def test_a_fine_tuned_file_without_its_norm_is_refused(finetuning, tmp_path):
    path = tmp_path / "normless.safetensors"
    state = {k: v for k, v in finetuning.state_dict().items() if not k.startswith("fc_norm.")}
    save_file(state, path)
    with pytest.raises(CheckpointError, match=r"missing: fc_norm\.weight, fc_norm\.bias"):
        load_pretrained_encoder(finetuning, path)


def test_absent_and_broken_files_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no weights at"):
        load_safetensors(tmp_path / "absent.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not a safetensors file at all")
    with pytest.raises(CheckpointError, match=r"is not a safetensors file.* h2a weights convert"):
        load_safetensors(broken)
    whole = tmp_path / "whole.safetensors"
    save_tensors({"a": torch.zeros(100)}, whole)
    broken.write_bytes(whole.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"is a damaged safetensors file .* cut off"):
        load_safetensors(broken)


def test_names_that_collide_without_their_prefix_are_refused(finetuning, tmp_path):
    path = tmp_path / "twice.safetensors"
    save_file({"module.head.bias": torch.zeros(5), "head.bias": torch.ones(5)}, path)
    with pytest.raises(CheckpointError, match="differ only in their prefix"):
        load_pretrained_encoder(finetuning, path)


def test_a_folder_is_told_from_weights_that_are_not_there(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"is a folder; give the file, .*/weights\.safetensors"
    ):
        load_safetensors(tmp_path)
    with pytest.raises(CheckpointError, match="there are no weights at"):
        load_safetensors(tmp_path / "gone")
