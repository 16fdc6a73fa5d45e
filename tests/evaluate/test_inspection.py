"""A file of weights is described in words, whatever made it."""

import argparse
import os
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from hashtag2action.cli import app
from hashtag2action.errors import CheckpointError
from hashtag2action.evaluate.inspection import in_words, inspect
from hashtag2action.evaluate.recognizer import Network

TINY = Network(variant="vit_micro", num_frames=4, size_px=32, patch_size=8)


def words(path: Path) -> dict[str, str]:
    return dict(map(tuple, in_words(inspect(path))))


def test_an_official_pre_training_is_described(tmp_path: Path) -> None:
    path = tmp_path / "vit_b_tta_pretrain.pth"
    state = {f"_orig_mod.{k}": v for k, v in TINY.build_pretraining().state_dict().items()}
    settings = argparse.Namespace(
        model="pretrain_videomae_base_patch16_224",
        num_frames=16,
        sampling_rate=4,
        input_size=224,
        mask_ratio=0.9,
        output_dir="OUT",
    )
    torch.save({"model": state, "optimizer": {}, "epoch": 199, "args": settings}, path)
    found = words(path)
    assert found["is"] == "official code, pre-training form"
    assert found["form"] == "PyTorch archive, weights under 'model'"
    assert found["size"] == "vit_micro, patches of 8 px"
    assert found["decoder blocks"] == "2"
    assert found["tensors"] == str(len(state))
    assert found["precision"] == f"float32 ({len(state)})"
    assert found["beside the weights"] == "optimizer, epoch, args"
    assert found["missing"] == found["unexpected"] == found["assumed"] == "none"
    assert "mask_ratio 0.9" in found["settings"]
    assert "OUT" not in found["settings"]


def test_a_fine_tuning_of_deepspeed_with_holes_is_described(tmp_path: Path) -> None:
    path = tmp_path / "tiktokactions_ft_k400.pth"
    state = {k: v.half() for k, v in TINY.build_recognizer(7).state_dict().items()}
    del state["fc_norm.bias"]
    state["extra"] = torch.zeros(1).half()
    torch.save({"module": state, "csr_tensor_module_names": set()}, path)
    found = words(path)
    assert found["is"] == "official code with DeepSpeed, classifier"
    assert found["classes"] == "7"
    assert found["missing"] == "fc_norm.bias"
    assert found["unexpected"] == "extra"
    assert "16 frames of 224 px, as published" in found["assumed"]
    assert "--classes FILE" in found["assumed"]


class Calls:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.target}",)


def test_a_hostile_file_is_named_and_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pth"
    torch.save(Calls(tmp_path / "ran"), path)
    with pytest.raises(CheckpointError, match=r"asks for posix\.system"):
        inspect(path)
    done = CliRunner().invoke(app, ["weights", "inspect", str(path)])
    assert isinstance(done.exception, CheckpointError)
    assert not (tmp_path / "ran").exists()
